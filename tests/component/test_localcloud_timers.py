"""Time that passes from timer to timer: nothing on the way is jumped over, and all see the same clock."""

import io
import itertools
import json
import threading
import time
import zipfile
from datetime import UTC, datetime

import pytest

from localcloud import server, stepfunctions, timers
from localcloud.stepfunctions import reporting

PATIENCE_SECONDS = 120
DAY = 86_400
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
NOW = """
import datetime, time
def handler(event, context):
    now = datetime.datetime.now(datetime.timezone.utc)
    return [time.time(), now.timestamp(), context.get_remaining_time_in_millis()]
"""


@pytest.fixture(scope="module")
def running():
    with server.start() as started:
        yield started


@pytest.fixture(scope="module")
def client(running):
    return running.cloud.client


@pytest.fixture(scope="module")
def role(client):
    return client("iam").create_role(RoleName="anyone", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]


def later(running, seconds, **options):
    return timers.run(running.cloud, seconds, PATIENCE_SECONDS, **options)


def bodies(client, url):
    found = []
    while batch := client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in batch]
    return found


def test_a_schedule_fires_every_time_it_is_due_however_far_the_clock_goes(running, client):
    url = client("sqs").create_queue(QueueName="hours")["QueueUrl"]
    arn = f"arn:aws:sqs:us-east-1:{running.cloud.account}:hours"
    client("events").put_rule(Name="hourly", ScheduleExpression="rate(1 hour)")
    client("events").put_targets(Rule="hourly", Targets=[{"Id": "queue", "Arn": arn}])
    later(running, 1)  # the rule is seen
    later(running, 5 * 3600 + 60)
    client("events").remove_targets(Rule="hourly", Ids=["queue"])
    client("events").delete_rule(Name="hourly")
    times = sorted(datetime.fromisoformat(event["time"]).timestamp() for event in bodies(client, url))
    assert len(times) == 5
    assert [b - a for a, b in itertools.pairwise(times)] == [3600] * 4


def test_an_alarm_rings_in_the_minute_after_its_data_and_recovers_when_the_data_has_gone(running, client):
    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="hot",
        Namespace="Test",
        MetricName="heat",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    later(running, 120)
    begun = running.cloud.clock.time()
    cloudwatch.put_metric_data(Namespace="Test", MetricData=[{"MetricName": "heat", "Value": 2.0}])
    later(running, DAY)
    history = cloudwatch.describe_alarm_history(AlarmName="hot", HistoryItemType="StateUpdate")
    changes = [
        (item["HistorySummary"].rpartition(" ")[2], item["Timestamp"].timestamp() - begun)
        for item in reversed(history["AlarmHistoryItems"])
    ]
    assert [state for state, _ in changes] == ["OK", "ALARM", "OK"]
    (_, before), (_, rang), (_, quiet) = changes
    assert before < 0 < rang <= 130 < quiet < 600


def test_wait_states_end_one_after_the_other_and_the_history_has_their_times(running, client, role):
    definition = {
        "StartAt": "Bake",
        "States": {
            "Bake": {"Type": "Wait", "Seconds": 3600, "Next": "BakeAgain"},
            "BakeAgain": {"Type": "Wait", "Seconds": DAY, "End": True},
        },
    }
    states = client("stepfunctions")
    arn = states.create_state_machine(name="bakes", definition=json.dumps(definition), roleArn=role)
    execution = states.start_execution(stateMachineArn=arn["stateMachineArn"])["executionArn"]
    _, what = later(running, 2 * DAY, stop_at="stepfunctions")
    assert what == "stepfunctions"
    assert states.describe_execution(executionArn=execution)["status"] == "RUNNING"
    later(running, 2 * DAY)
    ended = states.describe_execution(executionArn=execution)
    assert ended["status"] == "SUCCEEDED"
    lasted = (ended["stopDate"] - ended["startDate"]).total_seconds()
    assert lasted == pytest.approx(DAY + 3600, abs=60)


def test_an_execution_is_over_once_its_end_is_told(running, client, role, monkeypatch):
    ends, may_tell, stock = threading.Event(), threading.Event(), reporting.ended

    def told_late(execution):
        ends.set()
        may_tell.wait(PATIENCE_SECONDS)
        stock(execution)

    monkeypatch.setattr(reporting, "ended", told_late)
    definition = json.dumps({"StartAt": "Only", "States": {"Only": {"Type": "Succeed"}}})
    states = client("stepfunctions")
    arn = states.create_state_machine(name="tells", definition=definition, roleArn=role)["stateMachineArn"]
    execution = states.start_execution(stateMachineArn=arn)["executionArn"]
    assert ends.wait(PATIENCE_SECONDS)
    assert states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED"
    with pytest.raises(timers.BusyError, match="stepfunctions"):
        timers.rest(running.cloud, patience_seconds=0.1)
    assert not stepfunctions.idle()
    may_tell.set()
    timers.rest(running.cloud, PATIENCE_SECONDS)
    assert stepfunctions.idle()


def test_a_function_and_an_object_are_of_the_day_that_the_cloud_has(running, client, role):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", NOW)
    client("lambda").create_function(
        FunctionName="now",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Timeout=30,
        Code={"ZipFile": packed.getvalue()},
    )

    def told():
        return json.loads(client("lambda").invoke(FunctionName="now")["Payload"].read())

    told()  # a warm worker: its clock moves under it
    running.cloud.clock.advance(12 * DAY)
    here = running.cloud.clock.time()
    by_time, by_datetime, left_ms = told()
    assert by_time == pytest.approx(here, abs=60)
    assert by_datetime == pytest.approx(here, abs=60)
    assert 20_000 < left_ms <= 30_000
    client("s3").create_bucket(Bucket="days")
    client("s3").put_object(Bucket="days", Key="a", Body=b"1")
    written = client("s3").head_object(Bucket="days", Key="a")["LastModified"]
    assert written.timestamp() == pytest.approx(here, abs=60)
    assert datetime.now(UTC).timestamp() == pytest.approx(here, abs=60)


def test_the_clock_stays_while_something_works(running, client, role):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "import time\ndef handler(event, context):\n    time.sleep(event)\n")
    client("lambda").create_function(
        FunctionName="works",
        Runtime="python3.11",
        Role=role,
        Handler="app.handler",
        Timeout=600,
        Code={"ZipFile": packed.getvalue()},
    )
    client("lambda").invoke(FunctionName="works", InvocationType="Event", Payload=b"3")
    with pytest.raises(timers.BusyError, match="lambda_"):
        timers.next_stop(running.cloud, DAY, patience_seconds=0.2)
    began = time.monotonic()
    stop = timers.next_stop(running.cloud, 7, PATIENCE_SECONDS)
    assert stop.what == "limit"
    assert time.monotonic() - began > 0.5
