"""DecideRetraining over documents of windows: which training runs it starts, and how often."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
from datetime import UTC, datetime

import pytest
from ingestion_account import create_tables
from serving_account import account  # noqa: F401

from tidegate.aws.ledger import Ledger
from tidegate.aws.retraining import Retraining
from tidegate.incidents.decision import RetrainingDecision
from tidegate.messages.ingestion import Drop
from tidegate.messages.training import TrainingTrigger

MODEL = "arn:aws:sagemaker:us-east-1:123456789012:model-package/flights-dev/1"
ROLE = "arn:aws:iam::123456789012:role/test"
BREACH = {
    "metric": "roc_auc",
    "promised": {"value": 0.7},
    "margin": 0.02,
    "realised": {"status": "breach", "value": 0.5, "low": 0.45, "high": 0.55, "rows": 400},
}
DRIFT = {"weighted_drifted_share": 0.9, "metrics": [], "summary": {"drifted": [{"column": "temp"}]}}
CALM = {"weighted_drifted_share": 0.0, "metrics": [], "summary": {"drifted": []}}


class Monitored:
    """Looks at windows whose documents a test writes; `runs` are the training runs that began."""

    def __init__(self, aws, load, context, account):
        self.account, self.load, self.context = account, load, context
        self.states = aws.client("stepfunctions")
        self.ledger_table = aws.name("ledger")
        create_tables(account.dynamodb, self.ledger_table, aws.name("unused"))
        self.ledger = Ledger(account.dynamodb, self.ledger_table)
        definition = {"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 3600, "End": True}}}
        self.machine = self.states.create_state_machine(
            name=aws.name("training"), definition=json.dumps(definition), roleArn=ROLE
        )["stateMachineArn"]
        self.configure()

    def configure(self, **retraining):
        self.account.configure(
            retraining={"windows": 1, "of_windows": 1, "budget_per_day": 5, **retraining},
            training={"cooldown_seconds": 0},
        )
        self.handler = self.load(
            "functions.decide_retraining.handler",
            **self.account.environment,
            LEDGER_TABLE=self.ledger_table,
            TRAINING_MACHINE=self.machine,
        )

    def look(self, run, measurement=None, quality=None, skew=None, *, model=MODEL):
        for name, document in (("measurement", measurement), ("quality", quality)):
            if document is not None:
                key = f"monitoring/{run}/{name}.json"
                self.account.s3.put_object(Bucket=self.account.lake, Key=key, Body=json.dumps(document))
        return self.again(run, measured=measurement is not None, skew=skew, model=model)

    def again(self, run, *, measured=True, skew=None, model=MODEL):
        names = ("reason", "start", "end", "manifest_uri", "baseline_uri", "predictions_uri")
        window = dict.fromkeys(names, "") | {"ready": measured, "records": 0, "run": run}
        event = {"window": window | {"model_package_arn": model}, "skew": skew}
        return RetrainingDecision.from_json(self.handler(event, self.context))

    @property
    def runs(self):
        found = self.states.list_executions(stateMachineArn=self.machine)["executions"]
        return sorted(execution["name"] for execution in found)

    def lock(self, name, seconds=600, **members):
        expires = {"N": f"{datetime.now(UTC).timestamp() + seconds:.0f}"}
        item = {"id": {"S": name}, "expires_at": expires}
        item |= {member: {"S": value} for member, value in members.items()}
        self.account.dynamodb.put_item(TableName=self.account.state, Item=item)

    def free(self, name):
        self.account.dynamodb.delete_item(TableName=self.account.state, Key={"id": {"S": name}})

    def judge(self, number, state):
        drop = Drop(
            bucket="b", key=f"drops/flights/{number}.csv", version_id="v", etag="e", size_bytes=1,
            drop_id=f"{number:064}", dataset="flights",
        )  # fmt: skip
        self.ledger.claim(drop)
        self.ledger.finish(drop.drop_id, state, "because")


@pytest.fixture
def monitored(aws, load, context, account):
    return Monitored(aws, load, context, account)


def test_a_breach_starts_one_run_that_says_why_and_leaves_its_decision(monitored):
    found = monitored.look("20260101000000-aaaa", CALM, BREACH)
    assert (found.action, monitored.runs) == ("train", ["quality-20260101000000-aaaa"])
    started = monitored.states.describe_execution(executionArn=found.execution)
    trigger = TrainingTrigger.from_json(json.loads(started["input"]))
    assert trigger.trigger == "quality"
    assert trigger.cause.startswith("realised quality is in breach: roc_auc 0.5000 [0.4500, 0.5500]")
    account = monitored.account
    key = "monitoring/20260101000000-aaaa/decision.json"
    kept = json.loads(account.s3.get_object(Bucket=account.lake, Key=key)["Body"].read())
    assert RetrainingDecision.from_json(kept) == found
    assert Retraining(account.dynamodb, account.state).last() == found


def test_a_hundred_deliveries_of_one_window_start_one_run(monitored):
    run = "20260101000000-aaaa"
    for name, document in (("measurement", DRIFT), ("quality", BREACH)):
        key = f"monitoring/{run}/{name}.json"
        monitored.account.s3.put_object(Bucket=monitored.account.lake, Key=key, Body=json.dumps(document))
    found = []
    for number in range(100):
        if number % 10 == 0:  # another delivery that began before any had written its decision
            key = f"monitoring/{run}/decision.json"
            monitored.account.s3.delete_object(Bucket=monitored.account.lake, Key=key)
        found.append(monitored.again(run))
    assert monitored.runs == ["quality-20260101000000-aaaa"]
    assert {each.action for each in found} == {"train"}
    assert {each.execution.rpartition(":")[2] for each in found} == set(monitored.runs)
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    assert Retraining(monitored.account.dynamodb, monitored.account.state).begun(day) == 1


def test_two_of_three_windows_are_asked_for_across_looks(monitored):
    monitored.configure(windows=2, of_windows=3)
    actions = [
        monitored.look(f"2026010{day}000000-aaaa", measurement).action
        for day, measurement in enumerate([DRIFT, CALM, CALM, DRIFT, DRIFT], 1)
    ]
    assert actions == ["none", "none", "none", "none", "train"]
    assert monitored.runs == ["drift-20260105000000-aaaa"]


def test_a_cause_waits_for_a_rollout_and_starts_after_it_under_its_own_window(monitored):
    monitored.lock("lock#deployment", model_package_arn=MODEL, holder="x")
    waits = monitored.look("20260101000000-aaaa", DRIFT)
    assert (waits.action, waits.reason) == ("wait", "a rollout is in progress: flights-dev/1")
    assert monitored.runs == []
    monitored.free("lock#deployment")
    found = monitored.look("20260102000000-aaaa")  # no window: too few requests came
    assert (found.action, found.evidence) == ("train", waits.evidence)
    assert monitored.runs == ["drift-20260101000000-aaaa"]


def test_a_cause_that_waited_is_dropped_with_the_champion_it_was_about(monitored):
    monitored.lock("lock#deployment", model_package_arn=MODEL, holder="x")
    monitored.look("20260101000000-aaaa", DRIFT)
    monitored.free("lock#deployment")
    assert monitored.look("20260102000000-aaaa", model=f"{MODEL}2").action == "none"
    assert monitored.runs == []


def test_a_lock_that_has_expired_holds_nobody(monitored):
    monitored.lock("lock#training", seconds=-10, run="dead")
    assert monitored.look("20260101000000-aaaa", DRIFT).action == "train"


def test_a_running_training_is_waited_for(monitored):
    monitored.lock("lock#training", run="20260101000000-beef")
    found = monitored.look("20260101000000-aaaa", DRIFT)
    assert (found.action, found.reason) == ("wait", "a training run is in progress: 20260101000000-beef")


def test_the_budget_of_a_day_ends(monitored):
    monitored.configure(budget_per_day=2)
    actions = [monitored.look(f"2026010{day}000000-aaaa", DRIFT).action for day in (1, 2, 3)]
    assert actions == ["train", "train", "wait"]
    assert len(monitored.runs) == 2


def test_nothing_trains_while_the_newest_drop_is_in_quarantine(monitored):
    monitored.judge(1, "recorded")
    monitored.judge(2, "quarantined")
    found = monitored.look("20260101000000-aaaa", DRIFT)
    assert found.action == "hold-off" and "`drops/flights/2.csv`" in found.reason
    monitored.judge(3, "recorded")
    assert monitored.look("20260102000000-aaaa", DRIFT).action == "train"
    assert monitored.runs == ["drift-20260102000000-aaaa"]


def test_nothing_trains_on_skewed_features(monitored):
    skew = {"maximum": 0.5, "feature": "origin_delay"}
    found = monitored.look("20260101000000-aaaa", DRIFT, skew=skew)
    assert found.action == "hold-off" and "`origin_delay`" in found.reason
    assert monitored.runs == []
