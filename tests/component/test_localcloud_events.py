"""Events from their source to their targets: S3, rules, inputs, retries, loops, schedules, archives."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError
from events_cloud import LocalAws, unique, wait_for

from localcloud import events
from localcloud.events import delivery, router


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = LocalAws(tmp_path_factory.mktemp("cloud"))
    yield aws
    aws.close()


@pytest.fixture
def bucket(aws):
    """A bucket that tells EventBridge, and the queue that hears all it tells: (name, queue url)."""
    name = unique("bucket")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url, arn = aws.queue()
    aws.rule({"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}, {"Arn": arn})
    return name, url


def listen(aws, source, **target):
    """The url of a queue that gets what `source` publishes."""
    url, arn = aws.queue()
    aws.rule({"source": [source]}, {"Arn": arn, **target})
    return url


# --- S3


def test_a_put_is_one_event_and_says_what_was_put(aws, bucket):
    name, url = bucket
    aws.client("s3").put_object(Bucket=name, Key="drops/a b.csv", Body=b"12345")
    (event,) = aws.bodies(url, 2, seconds=1)
    detail = event["detail"]
    assert (event["source"], event["detail-type"], detail["reason"]) == (
        "aws.s3",
        "Object Created",
        "PutObject",
    )
    # EventBridge gives the key plain, where a direct notification quotes it
    assert (detail["object"]["key"], detail["object"]["size"]) == ("drops/a b.csv", 5)
    assert detail["object"]["etag"] == "827ccb0eea8a706c4c34a16891f84e7b"  # md5 of 12345
    assert "version-id" not in detail["object"]


def test_an_object_in_parts_is_one_event(aws, bucket):
    name, url = bucket
    s3 = aws.client("s3")
    upload = s3.create_multipart_upload(Bucket=name, Key="big.parquet")["UploadId"]
    part = s3.upload_part(Bucket=name, Key="big.parquet", UploadId=upload, PartNumber=1, Body=b"x" * 10)
    s3.complete_multipart_upload(
        Bucket=name,
        Key="big.parquet",
        UploadId=upload,
        MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]},
    )
    (event,) = aws.bodies(url, 2, seconds=1)
    assert event["detail"]["reason"] == "CompleteMultipartUpload"


def test_versions_of_a_key_carry_their_id_and_a_growing_sequencer(aws, bucket):
    name, url = bucket
    s3 = aws.client("s3")
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    written = [s3.put_object(Bucket=name, Key="k", Body=body)["VersionId"] for body in (b"1", b"2", b"3")]
    told = sorted(
        (event["detail"]["object"]["sequencer"], event["detail"]["object"]["version-id"])
        for event in aws.bodies(url, 3)
    )
    assert [version for _, version in told] == written
    assert len({sequencer for sequencer, _ in told}) == 3


def test_copies_tags_and_deletions_are_told_by_their_names(aws, bucket):
    name, url = bucket
    s3 = aws.client("s3")
    s3.put_object(Bucket=name, Key="a", Body=b"1", Tagging="owner=me")
    s3.copy_object(Bucket=name, Key="b", CopySource=f"{name}/a")
    s3.put_object_tagging(Bucket=name, Key="b", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.delete_object(Bucket=name, Key="b")
    told = {(event["detail-type"], event["detail"].get("reason")) for event in aws.bodies(url, 5, seconds=1)}
    assert told == {
        ("Object Created", "PutObject"),
        ("Object Created", "CopyObject"),
        ("Object Tags Added", None),
        ("Object Deleted", "DeleteObject"),
    }


def test_a_put_does_not_wait_for_the_function_it_notifies(aws):
    name = unique("bucket")
    heard, heard_arn = aws.queue()
    gate, _ = aws.queue()
    code = (
        "import boto3, os, json\n"
        "sqs = boto3.client('sqs')\n"
        "def handler(event, context):\n"
        "    while not sqs.receive_message(QueueUrl=os.environ['GATE'], WaitTimeSeconds=1).get('Messages'):\n"
        "        pass\n"
        "    sqs.send_message(QueueUrl=os.environ['URL'], MessageBody=json.dumps(event))\n"
    )
    function = aws.function(code, Environment={"Variables": {"URL": heard, "GATE": gate}}, Timeout=60)
    arn = aws.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_notification_configuration(
        Bucket=name,
        NotificationConfiguration={
            "LambdaFunctionConfigurations": [
                {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"], "Id": "to-function"}
            ],
            "QueueConfigurations": [{"QueueArn": heard_arn, "Events": ["s3:ObjectCreated:Put"]}],
        },
    )
    (test_event,) = aws.bodies(heard)
    assert test_event["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=name, Key="a b.csv", Body=b"1")
    aws.client("sqs").send_message(QueueUrl=gate, MessageBody="the put has returned")
    records = [body["Records"][0] for body in aws.bodies(heard, 2, seconds=20)]
    assert {record["s3"]["configurationId"] == "to-function" for record in records} == {True, False}
    assert {record["s3"]["object"]["key"] for record in records} == {"a+b.csv"}
    assert {record["eventName"] for record in records} == {"ObjectCreated:Put"}


# --- rules and targets


def test_a_rule_reaches_functions_queues_topics_logs_and_buses(aws):
    source = unique("own.source")
    queue, queue_arn = aws.queue()
    topic_queue, topic_queue_arn = aws.queue()
    topic = aws.client("sns").create_topic(Name=unique("topic"))["TopicArn"]
    aws.client("sns").subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint=topic_queue_arn, Attributes={"RawMessageDelivery": "true"}
    )
    function = aws.function("def handler(event, context):\n    print('got', event['detail']['n'])\n")
    group = unique("/aws/events/log")
    aws.client("logs").create_log_group(logGroupName=group)
    bus = unique("bus")
    bus_arn = aws.client("events").create_event_bus(Name=bus)["EventBusArn"]
    behind, behind_arn = aws.queue()
    aws.rule({"source": [source]}, {"Arn": behind_arn}, EventBusName=bus)
    aws.rule(
        {"source": [source]},
        {"Arn": queue_arn},
        {"Arn": topic},
        {"Arn": aws.cloud.arn("lambda", f"function:{function}")},
        {"Arn": aws.cloud.arn("logs", f"log-group:{group}")},
    )
    aws.rule({"source": [source]}, {"Arn": bus_arn, "RoleArn": aws.role})
    aws.publish(source, {"n": 41})
    (event,) = aws.bodies(queue)
    assert event["detail"] == {"n": 41}
    assert aws.bodies(topic_queue) == [event]
    assert aws.bodies(behind) == [event]
    logs = aws.client("logs")
    assert wait_for(lambda: logs.filter_log_events(logGroupName=group)["events"])
    assert wait_for(lambda: "got 41" in _logged(aws, f"/aws/lambda/{function}"))


def _logged(aws, group):
    try:
        return [
            event["message"] for event in aws.client("logs").filter_log_events(logGroupName=group)["events"]
        ]
    except ClientError:
        return []


def test_a_rule_starts_a_state_machine_as_its_role(aws, monkeypatch):
    source = unique("own.source")
    machine = aws.client("stepfunctions").create_state_machine(
        name=unique("machine"),
        definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
        roleArn=aws.role,
    )["stateMachineArn"]
    roles = []
    stock = delivery._client
    monkeypatch.setattr(delivery, "_client", lambda service, role: roles.append(role) or stock(service, role))
    aws.rule({"source": [source]}, {"Arn": machine, "RoleArn": aws.role})
    aws.publish(source, {"n": 1})
    list_executions = aws.client("stepfunctions").list_executions
    assert wait_for(lambda: list_executions(stateMachineArn=machine)["executions"])
    (execution,) = list_executions(stateMachineArn=machine)["executions"]
    described = aws.client("stepfunctions").describe_execution(executionArn=execution["executionArn"])
    assert json.loads(described["input"])["detail"] == {"n": 1}
    assert roles == [aws.role]


def test_a_fifo_queue_gets_its_message_group(aws):
    source = unique("own.source")
    url, arn = aws.queue(unique("queue") + ".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    aws.rule({"source": [source]}, {"Arn": arn, "SqsParameters": {"MessageGroupId": "drops"}})
    aws.publish(source, {})
    (message,) = aws.received(url)
    assert message["Attributes"]["MessageGroupId"] == "drops"


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ({"Input": '{"fixed": 1}'}, '{"fixed": 1}'),
        ({"InputPath": "$.detail.drop"}, '{"key": "a.csv", "n": [1, 2]}'),
        ({"InputPath": "$.detail.drop.n[1]"}, "2"),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"key": "$.detail.drop.key", "all": "$.detail.drop.n", "no": "$.x"},
                    "InputTemplate": '{"key": <key>, "text": "<key> of <all>", "n": <all>, "no": <no>}',
                }
            },
            '{"key": "a.csv", "text": "a.csv of [1,2]", "n": [1, 2], "no": ""}',
        ),
    ],
    ids=["constant", "path", "element", "template"],
)
def test_a_target_gets_the_input_it_asked_for(aws, target, body):
    source = unique("own.source")
    url = listen(aws, source, **target)
    aws.publish(source, {"drop": {"key": "a.csv", "n": [1, 2]}})
    (message,) = aws.received(url)
    assert json.loads(message["Body"]) == json.loads(body)


def test_a_disabled_rule_and_a_rule_with_only_a_schedule_hear_nothing(aws):
    source = unique("own.source")
    url, arn = aws.queue()
    aws.rule({"source": [source]}, {"Arn": arn}, State="DISABLED")
    aws.rule("rate(1 day)", {"Arn": arn})
    heard = listen(aws, source)
    aws.publish(source, {})
    assert len(aws.received(heard)) == 1
    assert aws.received(url, seconds=0.1) == []


def test_publishing_refuses_what_aws_refuses_and_takes_the_rest(aws):
    entries = [
        {"Source": "own", "DetailType": "t", "Detail": "{}"},
        {"Source": "own", "DetailType": "t", "Detail": "{"},
        {"Source": "own", "DetailType": "t", "Detail": "[]"},
        {"Source": "aws.s3", "DetailType": "t", "Detail": "{}"},
        {"DetailType": "t", "Detail": "{}"},
    ]
    answer = aws.client("events").put_events(Entries=entries)
    assert answer["FailedEntryCount"] == 4
    assert [entry.get("ErrorCode") for entry in answer["Entries"]] == [
        None,
        "MalformedDetail",
        "MalformedDetail",
        "NotAuthorizedForSourceException",
        "InvalidArgument",
    ]


def test_a_service_event_goes_to_the_default_bus(aws):
    url, arn = aws.queue()
    name = unique("alarm")
    aws.rule({"source": ["aws.cloudwatch"], "detail": {"alarmName": [name]}}, {"Arn": arn})
    events.emit("aws.cloudwatch", "CloudWatch Alarm State Change", {"alarmName": name}, ["arn:of:alarm"])
    (event,) = aws.bodies(url)
    assert (event["resources"], event["account"]) == (["arn:of:alarm"], aws.cloud.account)


def test_an_event_for_a_target_that_is_gone_goes_to_the_dead_letter_queue(aws):
    source = unique("own.source")
    url, arn = aws.queue()
    missing = aws.cloud.arn("lambda", "function:nobody")
    aws.rule({"source": [source]}, {"Arn": missing, "DeadLetterConfig": {"Arn": arn}})
    aws.publish(source, {"n": 1})
    (letter,) = aws.received(url)
    assert json.loads(letter["Body"])["detail"] == {"n": 1}
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert attributes["TARGET_ARN"] == missing
    assert attributes["ERROR_CODE"] == "ResourceNotFoundException"


def test_a_delivery_that_fails_is_tried_again_until_its_policy_ends(aws, monkeypatch):
    source = unique("own.source")
    url, arn = aws.queue()
    attempts = []

    def refuse(target_arn, body, group_id):
        attempts.append(aws.cloud.clock.time())
        raise ConnectionError("busy")

    monkeypatch.setitem(delivery._HERE, "lambda", refuse)
    policy = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 600}
    target = aws.cloud.arn("lambda", "function:busy")
    aws.rule({"source": [source]}, {"Arn": target, "RetryPolicy": policy, "DeadLetterConfig": {"Arn": arn}})
    aws.publish(source, {})
    (letter,) = aws.received(url)
    assert len(attempts) == 3
    assert letter["MessageAttributes"]["EXHAUSTED_RETRY_CONDITION"]["StringValue"] == "MaximumRetryAttempts"


def test_a_function_that_feeds_its_own_rule_is_stopped(aws):
    source = unique("own.source")
    code = (
        "import boto3, json, os\nevents = boto3.client('events')\n"
        "def handler(event, context):\n"
        "    n = event['detail']['n'] + 1\n"
        "    events.put_events(Entries=[{'Source': event['source'], 'DetailType': 't',\n"
        "        'Detail': json.dumps({'n': n})}])\n"
    )
    function = aws.function(code, Timeout=60)
    heard = listen(aws, source)
    aws.rule({"source": [source]}, {"Arn": aws.cloud.arn("lambda", f"function:{function}")})
    aws.publish(source, {"n": 0})
    rounds = {body["detail"]["n"] for body in aws.bodies(heard, 30, seconds=4)}
    assert rounds == set(range(17))  # AWS, too, cuts a chain after about 16 invocations


def test_finds_out_whether_a_pattern_matches(aws):
    event = json.dumps(router.make_event("own", "t", {"n": 5}))
    ask = aws.client("events").test_event_pattern
    assert ask(EventPattern='{"detail": {"n": [{"numeric": [">", 4]}]}}', Event=event)["Result"]
    assert not ask(EventPattern='{"detail": {"n": [4]}}', Event=event)["Result"]
    with pytest.raises(ClientError) as refused:
        ask(EventPattern='{"detail": {"n": 4}}', Event=event)
    assert refused.value.response["Error"]["Code"] == "InvalidEventPatternException"


def test_an_archive_keeps_events_and_replays_them(aws):
    source = unique("own.source")
    bus = unique("bus")
    client = aws.client("events")
    bus_arn = client.create_event_bus(Name=bus)["EventBusArn"]
    archive = client.create_archive(ArchiveName=unique("archive")[:48], EventSourceArn=bus_arn)["ArchiveArn"]
    url, arn = aws.queue()
    aws.rule({"source": [source]}, {"Arn": arn}, EventBusName=bus)
    aws.publish(source, {"n": 1}, EventBusName=bus)
    assert len(aws.received(url)) == 1
    name = archive.rpartition("/")[2]
    assert wait_for(lambda: client.describe_archive(ArchiveName=name)["EventCount"] == 1)
    now = datetime.now(UTC)
    client.start_replay(
        ReplayName=unique("replay"),
        EventSourceArn=archive,
        EventStartTime=now - timedelta(hours=1),
        EventEndTime=now,
        Destination={"Arn": bus_arn},
    )
    (event,) = aws.bodies(url)
    assert event["detail"] == {"n": 1}
    assert event["replay-name"]


# --- schedules


def test_a_rate_rule_fires_when_its_time_has_passed(aws):
    url, arn = aws.queue()
    name = aws.rule("rate(5 minutes)", {"Arn": arn})
    time.sleep(1.2)  # two ticks: it has been seen
    assert aws.received(url, seconds=0.1) == []
    aws.cloud.clock.advance(300)
    (event,) = aws.bodies(url)
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    assert event["resources"] == [aws.cloud.arn("events", f"rule/{name}")]


def test_a_jump_over_many_instants_fires_once_at_the_last(aws):
    url, arn = aws.queue()
    aws.rule("cron(0 * * * ? *)", {"Arn": arn})
    time.sleep(1.2)
    aws.cloud.clock.advance(5 * 3600)
    (event,) = aws.bodies(url, 2, seconds=2)
    last_hour = aws.cloud.clock.now().replace(minute=0, second=0)
    assert event["time"] == last_hour.strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_schedule_for_one_instant_fires_once_and_goes(aws):
    url, arn = aws.queue()
    scheduler = aws.client("scheduler")
    name = unique("schedule")
    when = aws.cloud.clock.now() + timedelta(hours=2)
    scheduler.create_schedule(
        Name=name,
        ScheduleExpression=f"at({when:%Y-%m-%dT%H:%M:%S})",
        FlexibleTimeWindow={"Mode": "OFF"},
        ActionAfterCompletion="DELETE",
        Target={
            "Arn": arn,
            "RoleArn": aws.role,
            "Input": '{"at": "<aws.scheduler.scheduled-time>", "run": "nightly"}',
        },
    )
    time.sleep(1.2)
    assert aws.received(url, seconds=0.1) == []
    aws.cloud.clock.advance(7200)
    assert aws.bodies(url) == [{"at": f"{when:%Y-%m-%dT%H:%M:%SZ}", "run": "nightly"}]
    with pytest.raises(ClientError):
        scheduler.get_schedule(Name=name)


def test_is_idle_when_all_has_arrived(aws):
    source = unique("own.source")
    url = listen(aws, source)
    for number in range(20):
        aws.publish(source, {"n": number})
    assert wait_for(events.idle)
    assert len(aws.received(url, 20, seconds=2)) == 20
