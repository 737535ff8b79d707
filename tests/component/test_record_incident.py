"""RecordIncident: events of the bus against a state table and a topic that somebody listens to."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import ClientError
from serving_account import account  # noqa: F401

from tidegate.aws.incidents import Incidents
from tidegate.incidents.incident import Incident

PACKAGE = "arn:aws:sagemaker:us-east-1:123456789012:model-package/flights-dev/3"
NOW = datetime.now(UTC)


class Desk:
    """Hands events to the function; `letters` are subjects that came to a listener, `record` what is kept."""

    def __init__(self, aws, load, account):
        self.account, self.load = account, load
        self.sns, self.sqs = aws.client("sns"), aws.client("sqs")
        self.topic = self.sns.create_topic(Name=aws.name("alerts"))["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName=aws.name("listener"))["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]
        self.sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn["QueueArn"])
        self.requests = iter(range(10**6))
        self.configure(hold_seconds=0)

    def configure(self, topic=None, **incidents):
        self.account.configure(incidents=incidents)
        self.handler = self.load(
            "functions.record_incident.handler",
            **self.account.environment,
            ALERT_TOPIC=topic or self.topic,
            STATE_MACHINES="training=arn:t deployment=arn:d",
        )

    def tell(self, event, request=None):
        context = SimpleNamespace(
            function_name="f", memory_limit_in_mb=512, invoked_function_arn="arn",
            aws_request_id=request or str(next(self.requests)),
        )  # fmt: skip
        return self.handler(event, context)

    def letters(self):
        found = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                found.append(json.loads(message["Body"])["Subject"])
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return sorted(text.removeprefix(f"{self.account.prefix}: ") for text in found)

    def record(self, cause):
        item = self.account.state_item(f"incident#{cause}")
        return Incident.from_json(json.loads(item["record"]["S"]))

    def alarm(self, name, value="ALARM", *, seconds=0, id_=None):
        state = {
            "value": value,
            "reason": "3 > 0",
            "timestamp": (NOW + timedelta(seconds=seconds)).isoformat(),
        }
        detail = {"alarmName": f"{self.account.prefix}-{name}", "state": state}
        return event("CloudWatch Alarm State Change", detail, id_=id_ or f"{name}{value}{seconds}")


def event(kind, detail, *, id_="e", seconds=0):
    time = (NOW + timedelta(seconds=seconds)).isoformat()
    return {"id": id_, "time": time, "detail-type": kind, "detail": detail}


@pytest.fixture
def desk(aws, load, account):
    return Desk(aws, load, account)


@pytest.mark.parametrize("same", [True, False], ids=["one event", "events of their own"])
def test_duplicates_of_an_alarm_are_one_record_and_one_letter(desk, same):
    for number in range(20):
        desk.tell(desk.alarm("features-skew", id_="e" if same else f"e-{number}"))
    found = desk.record("alarm/features-skew")
    assert (found.state, found.count, found.untold) == ("open", 1 if same else 20, ())
    assert desk.letters() == ["alarm features-skew"]


def test_what_another_wrote_meanwhile_is_read_again_and_kept(account):
    """The other writes in the middle of the change: the server here is not atomic under threads."""
    kept = Incidents(account.dynamodb, account.state)
    seen = []

    def change(post):
        seen.append(post.sent)
        if len(seen) == 1:
            kept.posted(lambda other: replace(other, sent=(1.0,)))
        return replace(post, sent=(*post.sent, 2.0))

    assert kept.posted(change).sent == (1.0, 2.0)
    assert seen == [(), (1.0,)]


def test_an_alarm_that_rings_and_recovers_is_told_both_and_kept(desk):
    desk.tell(desk.alarm("features-null"))
    desk.tell(desk.alarm("features-null", "OK", seconds=60))
    assert desk.letters() == ["alarm features-null", "recovered: alarm features-null"]
    desk.tell(desk.alarm("features-null", seconds=120))
    first = desk.account.dynamodb.scan(
        TableName=desk.account.state,
        FilterExpression="begins_with(id, :past)",
        ExpressionAttributeValues={":past": {"S": "incident-past#"}},
    )["Items"]
    assert len(first) == 1
    assert desk.letters() == ["alarm features-null"]


def test_a_letter_names_the_model_and_the_columns_of_the_window(desk):
    account = desk.account
    account.put_champion()
    account.put_state("window", run="w-7", end="", summary=json.dumps({"drifted": [{"column": "temp"}]}))
    desk.tell(desk.alarm("model-monitor-drift"))
    found = desk.record("alarm/model-monitor-drift")
    assert (found.model, found.columns, found.window) == ("version 1 on variant-a", ("temp",), "w-7")


def test_wrong_answers_that_began_with_all_the_traffic_are_told_with_the_way_back(desk):
    """As RecordChampion leaves it after a promotion, the model before still warm or not."""
    account = desk.account
    account.put_champion(since="2026-01-01T08:00:00.000Z")
    before = {"model_version": {"N": "7"}, "variant": {"S": "variant-b"}}
    account.dynamodb.update_item(
        TableName=account.state,
        Key={"id": {"S": "champion"}},
        UpdateExpression="SET previous = :before",
        ExpressionAttributeValues={":before": {"M": before}},
    )
    desk.tell(desk.alarm("model-monitor-quality"))
    found = desk.record("alarm/model-monitor-quality")
    assert found.next[0] == "tidegate rollback   # to version 7, until 2026-01-01 08:00 UTC"
    account.put_champion()  # as `tidegate rollback` leaves it: there is nobody to go back to
    desk.tell(desk.alarm("model-monitor-estimate"))
    assert not any("rollback" in text for text in desk.record("alarm/model-monitor-estimate").next)


def test_what_could_not_be_published_is_told_when_the_event_comes_again(desk):
    desk.configure(topic=f"{desk.topic}-that-is-gone", hold_seconds=0)
    given = desk.alarm("features-skew")
    with pytest.raises(ClientError):
        desk.tell(given, request="r")
    assert desk.letters() == []
    desk.configure(hold_seconds=0)
    desk.tell(given, request="r")  # as Lambda tries again
    assert desk.letters() == ["alarm features-skew"]
    desk.tell(given, request="r")
    assert desk.letters() == []


def test_a_retraining_is_one_record_from_its_decision_to_its_promotion(desk):
    decision = {"run": "w-7", "action": "train", "cause": "drift", "key": "drift-w-7", "reason": "0.4 > 0.3"}
    desk.tell(event("RetrainingDecided", decision | {"evidence": ["0.4 > 0.3"], "columns": ["temp"]}))
    output = {"outcome": "registered", "package_arn": PACKAGE, "trigger": {"trigger": "drift", "cause": "c"}}
    ended = {"stateMachineArn": "arn:t", "name": "drift-w-7", "status": "SUCCEEDED"}
    ended |= {"input": "{}", "output": json.dumps(output)}
    desk.tell(event("Step Functions Execution Status Change", ended, id_="e-2", seconds=60))
    assert desk.record("retraining/drift-w-7").outcome == "flights-dev/3 is registered and is rolled out"
    promoted = {"model_package_arn": PACKAGE, "model_version": 3, "variant": "variant-b"}
    desk.tell(event("CandidatePromoted", promoted, id_="e-3", seconds=120))
    found = desk.record("retraining/drift-w-7")
    assert (found.state, found.action) == ("recovered", "training run drift-w-7")
    assert found.outcome == "promoted: flights-dev/3 serves as variant-b"
    assert desk.letters() == [
        "promoted: flights-dev/3 serves as variant-b",
        "retraining by drift has started",
    ]


def test_two_causes_at_once_are_two_records(desk):
    for name in ("features-skew", "features-null"):
        desk.tell(desk.alarm(name))
    assert desk.letters() == ["alarm features-null", "alarm features-skew"]


def test_a_storm_is_told_as_one(desk):
    desk.configure(hold_seconds=0, storm=3)
    for number in range(20):
        desk.tell(desk.alarm(f"features-{number:02}"))
    told = [f"alarm features-{number:02}" for number in range(3)]
    assert desk.letters() == ["a storm: 4 incidents within a minute", *told]


def test_the_night_is_told_in_one_digest_with_whatever_comes_next(desk):
    since, until = NOW - timedelta(hours=2), NOW + timedelta(hours=2)
    desk.configure(hold_seconds=0, quiet_hours=f"{since:%H:%M}-{until:%H:%M}")
    for name in ("features-skew", "features-null", "predictions-failed"):
        desk.tell(desk.alarm(name))
    assert desk.letters() == ["alarm predictions-failed"]
    desk.configure(hold_seconds=0)
    quiet = {"run": "w", "action": "none", "cause": None, "key": "", "reason": "nothing asks for it"}
    desk.tell(event("RetrainingDecided", quiet))
    assert desk.letters() == ["2 incidents were held back"]
    desk.tell(event("RetrainingDecided", quiet, id_="e-2"))
    assert desk.letters() == []
