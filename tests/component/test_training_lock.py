"""AcquireTrainingLock over the state table: who may train, and why not."""

import json
import re
import time

import boto3
import pytest
from serving_account import plan

from tidegate.aws.state import State

COOLDOWN = 600
RUNTIME = 100


@pytest.fixture
def pipeline(aws, load, context, tmp_path):
    """`ask(trigger)` under a configuration of the test's; `state` is the table behind it."""
    table = aws.name("state")
    dynamodb = aws.client("dynamodb")
    dynamodb.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return Pipeline(load, context, tmp_path, dynamodb, table)


class Pipeline:
    def __init__(self, load, context, folder, dynamodb, table):
        self.load, self.context, self.folder = load, context, folder
        self.dynamodb, self.table = dynamodb, table
        self.state = State(dynamodb, table)
        self.execution = "arn:aws:states:us-east-1:123456789012:execution:training:one"

    def ask(self, trigger="command", **training):
        document = plan().to_json()
        given = {"cooldown_seconds": COOLDOWN, "maximum_runtime_seconds": RUNTIME, **training}
        section = {**document["config"]["training"], **given}
        document = {**document, "config": {**document["config"], "training": section}}
        (self.folder / "plan.json").write_text(json.dumps(document))
        handler = self.load(
            "functions.acquire_training_lock.handler", PIPELINE_DIR=str(self.folder), STATE_TABLE=self.table
        )
        return handler({"trigger": trigger, "cause": "because", "execution": self.execution}, self.context)

    def end(self, execution, status):
        """What EventBridge says of the end of an execution; whether that freed the lock."""
        handler = self.load(
            "functions.free_training_lock.handler", PIPELINE_DIR=str(self.folder), STATE_TABLE=self.table
        )
        return handler({"detail": {"executionArn": execution, "status": status}}, self.context)["freed"]

    def release(self):
        self.dynamodb.delete_item(TableName=self.table, Key={"id": {"S": "lock#training"}})

    def began(self, seconds_ago):
        self.state.record_training("earlier", time.time() - seconds_ago)

    def put_champion(self):
        texts = {
            "id": "champion",
            "model_package_arn": "arn",
            "model_name": "m",
            "variant": "a",
            "since": "2013",
        }
        item = {name: {"S": value} for name, value in texts.items()} | {"model_version": {"N": "1"}}
        self.dynamodb.put_item(TableName=self.table, Item=item)


def test_the_first_one_gets_the_lock_and_a_run_to_name_everything_by(pipeline):
    answer = pipeline.ask()
    assert (answer["acquired"], answer["reason"]) == (True, "because")
    # SageMaker's names: a tuning job's prefix, `tune-` and the run, has at most 32 characters
    assert re.fullmatch(r"\d{14}-[0-9a-f]{4}", answer["run"]) and len(f"tune-{answer['run']}") <= 32
    assert pipeline.state.item("lock#training")["run"]["S"] == answer["run"]
    assert time.time() - pipeline.state.last_training() < 60


@pytest.mark.parametrize("trigger", ["command", "new-data", "quality", "drift", "schedule"])
def test_nobody_gets_it_twice(pipeline, trigger):
    held = pipeline.ask()["run"]
    began = pipeline.state.last_training()
    answer = pipeline.ask(trigger, cooldown_seconds=0)
    assert not answer["acquired"]
    assert answer["reason"].startswith(f"another training run is in progress: {held}, whose lock ends at 2")
    assert pipeline.state.item("lock#training")["run"]["S"] == held
    assert pipeline.state.last_training() == began  # a refusal does not push the cooldown out


def test_a_released_lock_is_free_again(pipeline):
    pipeline.ask()
    pipeline.release()
    assert pipeline.ask()["acquired"]


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_an_execution_that_was_cut_short_gives_its_lock_back_and_nobody_elses(pipeline, status):
    run = pipeline.ask()["run"]
    assert pipeline.end(f"{pipeline.execution}-another", status) is False
    assert pipeline.state.training_lock()[0] == run
    assert pipeline.end(pipeline.execution, status) is True
    assert pipeline.state.training_lock() is None
    assert pipeline.end(pipeline.execution, status) is False  # events come at least once
    assert pipeline.ask()["acquired"]


def test_the_lock_of_a_dead_run_expires_after_its_search_and_four_times_the_limit_of_a_job(pipeline):
    now = time.time()
    pipeline.ask()
    expires = float(pipeline.state.item("lock#training")["expires_at"]["N"])
    assert expires == pytest.approx(now + (3 + 4) * RUNTIME, abs=60)  # 6 trials, 2 at a time
    assert not pipeline.state.lock_training("other", expires, 10)
    assert pipeline.state.lock_training("other", expires + 1, 10)


@pytest.mark.parametrize("trigger", ["new-data", "drift", "schedule"])
def test_a_run_soon_after_another_waits_unless_a_person_asks(pipeline, trigger):
    pipeline.began(seconds_ago=100)
    answer = pipeline.ask(trigger)
    assert not answer["acquired"]
    ago, left = map(int, re.findall(r"\d+", answer["reason"]))
    assert ago == pytest.approx(100, abs=30) and ago + left == pytest.approx(COOLDOWN, abs=1)
    assert pipeline.state.item("lock#training") is None
    assert pipeline.ask("command")["acquired"]


def test_a_clock_that_was_set_back_holds_no_cooldown(pipeline):
    pipeline.began(seconds_ago=-86400)
    assert pipeline.ask("drift")["acquired"]


def test_after_the_cooldown_a_run_may_begin(pipeline):
    pipeline.began(seconds_ago=COOLDOWN + 1)
    assert pipeline.ask("drift")["acquired"]


@pytest.mark.parametrize(
    ("new_data", "has_champion", "acquired"),
    [
        ("always", False, True),
        ("always", True, True),
        ("when-no-champion", False, True),
        ("when-no-champion", True, False),
        ("never", False, False),
        ("never", True, False),
    ],
)
def test_new_data_trains_as_configured(pipeline, new_data, has_champion, acquired):
    if has_champion:
        pipeline.put_champion()
    answer = pipeline.ask("new-data", new_data=new_data)
    assert answer["acquired"] is acquired
    assert acquired or answer["reason"].endswith("(training.new_data)")
    assert (pipeline.state.item("lock#training") is None) is not acquired


@pytest.mark.parametrize("trigger", ["command", "drift", "schedule"])
def test_the_setting_for_new_data_is_for_new_data_only(pipeline, trigger):
    pipeline.put_champion()
    assert pipeline.ask(trigger, new_data="never")["acquired"]


def test_the_champion_is_read_as_it_was_written(pipeline):
    assert pipeline.state.champion() is None
    pipeline.put_champion()
    found = State(boto3.client("dynamodb"), pipeline.table).champion()
    assert (found.model_package_arn, found.model_version, found.variant) == ("arn", 1, "a")
