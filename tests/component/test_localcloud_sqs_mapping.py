"""Queues that feed functions: batches, windows, partial failures, retries, filters, and no message lost."""

import hashlib
import json
import threading
import time

import pytest
from botocore.exceptions import ClientError
from events_cloud import LocalAws, unique, wait_for

from localcloud import events
from localcloud.events import queues, sqs_to_lambda

# sends what it is given on to a queue, then fails as the bodies tell it
TELL = """
import boto3, json, os
sqs = boto3.client("sqs")

def handler(event, context):
    records = event["Records"]
    sqs.send_message(QueueUrl=os.environ["HEARD"], MessageBody=json.dumps(records))
    bodies = [record["body"] for record in records]
    if "raise" in bodies:
        raise ValueError("as asked")
    failed = [r["messageId"] for r in records if r["body"] == "fail"]
    if "nonsense" in bodies:
        failed = ["nobody"]
    return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}
"""
PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = LocalAws(tmp_path_factory.mktemp("cloud"))
    yield aws
    aws.close()


@pytest.fixture
def feed(aws):
    """Map a new queue to a function that tells what it hears; (queue url, url of what it heard)."""

    def map_queue(code=TELL, *, queue=None, attributes=None, **options):
        url, arn = queue or aws.queue(**{"VisibilityTimeout": "30", **(attributes or {})})
        heard, _ = aws.queue()
        name = aws.function(code, Environment={"Variables": {"HEARD": heard}}, Timeout=60)
        aws.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=name, **options)
        return url, heard

    return map_queue


def say(aws, url, *bodies, **options):
    for body in bodies:
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body, **options)


def left(aws, url):
    """Messages in the queue, those hidden as well."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[name]) for name in names)


def test_a_message_reaches_the_function_in_the_form_aws_gives_it(aws, feed):
    url, heard = feed()
    attributes = {"kind": {"DataType": "String", "StringValue": "drop"}}
    say(aws, url, '{"n": 1}', MessageAttributes=attributes)
    ((record,),) = aws.bodies(heard)
    assert record["body"] == '{"n": 1}'
    assert record["eventSource"] == "aws:sqs"
    assert record["eventSourceARN"].endswith(url.rpartition("/")[2])
    assert record["attributes"]["ApproximateReceiveCount"] == "1"
    assert record["md5OfBody"] == hashlib.md5(b'{"n": 1}').hexdigest()  # noqa: S324  it is SQS's checksum
    assert record["messageAttributes"]["kind"] == {
        "stringValue": "drop",
        "stringListValues": [],
        "binaryListValues": [],
        "dataType": "String",
    }
    assert wait_for(lambda: left(aws, url) == 0)


def test_a_message_is_picked_up_within_tens_of_milliseconds(aws, feed):
    code = TELL.replace("records = event", "import time\n    records = event").replace(
        "json.dumps(records)", "json.dumps(time.time())"
    )
    url, heard = feed(code)
    say(aws, url, "warm up")
    aws.bodies(heard)
    delays = []
    for _ in range(5):
        began = time.time()
        say(aws, url, "now")
        (arrived,) = aws.bodies(heard)
        delays.append(arrived - began)
    assert min(delays) < 0.1


def test_a_message_is_in_its_queue_or_in_a_batch_and_never_lost_from_sight(aws, feed, monkeypatch):
    taken, stock = threading.Event(), queues.LocalQueues.receive_message

    def slow(self, name, *arguments):
        found = stock(self, name, *arguments)
        if any(message.body == "in sight" for message in found):
            taken.set()
            time.sleep(0.3)
        return found

    monkeypatch.setattr(queues.LocalQueues, "receive_message", slow)  # before the first long poll
    url, heard = feed()
    say(aws, url, "in sight")
    assert taken.wait(10)
    assert not sqs_to_lambda.rests()
    assert aws.bodies(heard)
    assert wait_for(sqs_to_lambda.rests)


def test_a_window_gathers_a_batch(aws, feed):
    url, heard = feed(BatchSize=4, MaximumBatchingWindowInSeconds=30)
    say(aws, url, "a", "b", "c", "d")
    (records,) = aws.bodies(heard)  # full, so it does not wait for the window's end
    assert sorted(record["body"] for record in records) == ["a", "b", "c", "d"]


def test_a_window_that_is_over_sends_what_there_is(aws, feed):
    url, heard = feed(BatchSize=10, MaximumBatchingWindowInSeconds=1)
    say(aws, url, "a", "b")
    (records,) = aws.bodies(heard)
    assert sorted(record["body"] for record in records) == ["a", "b"]


def test_only_what_is_reported_as_failed_stays_and_comes_back(aws, feed):
    url, heard = feed(BatchSize=3, MaximumBatchingWindowInSeconds=1, **PARTIAL)
    say(aws, url, "good", "fail", "fine")
    (first,) = aws.bodies(heard)
    assert len(first) == 3
    assert wait_for(lambda: left(aws, url) == 1)
    assert aws.received(heard, seconds=0.3) == []  # hidden until its visibility timeout is over
    aws.cloud.clock.advance(31)
    (again,) = aws.bodies(heard)
    assert [record["body"] for record in again] == ["fail"]
    assert again[0]["attributes"]["ApproximateReceiveCount"] == "2"


@pytest.mark.parametrize("body", ["raise", "nonsense"])
def test_a_batch_that_fails_or_reports_unknown_ids_stays_whole(aws, feed, body):
    url, heard = feed(BatchSize=2, MaximumBatchingWindowInSeconds=5, **PARTIAL)
    say(aws, url, "good", body)
    assert len(aws.bodies(heard)) == 1
    assert wait_for(events.idle, 10)
    assert left(aws, url) == 2


def test_a_report_counts_only_where_the_mapping_asks_for_one(aws, feed):
    url, heard = feed()
    say(aws, url, "fail")
    assert len(aws.bodies(heard)) == 1
    assert wait_for(lambda: left(aws, url) == 0)


def test_a_message_that_always_fails_ends_in_the_dead_letter_queue(aws, feed):
    dead, dead_arn = aws.queue()
    redrive = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 2})
    url, heard = feed(attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "1"})
    say(aws, url, "raise")
    assert len(aws.bodies(heard, 2, seconds=8)) == 2
    (letter,) = aws.received(dead)
    assert letter["Body"] == "raise"
    assert left(aws, url) == 0


def test_a_filter_lets_through_what_matches_and_drops_the_rest(aws, feed):
    pattern = json.dumps({"body": {"n": [{"numeric": [">", 10]}]}})
    url, heard = feed(FilterCriteria={"Filters": [{"Pattern": pattern}]})
    say(aws, url, '{"n": 9}', '{"n": 11}', "no json")
    assert [record["body"] for batch in aws.bodies(heard, 2, seconds=1) for record in batch] == ['{"n": 11}']
    assert wait_for(lambda: left(aws, url) == 0)


def test_refuses_a_filter_that_is_no_pattern_and_a_second_mapping(aws, feed):
    url, arn = aws.queue()
    with pytest.raises(ClientError, match="Invalid filter pattern definition"):
        feed(queue=(url, arn), FilterCriteria={"Filters": [{"Pattern": '{"body": []}'}]})
    name = aws.function(TELL)
    create = aws.client("lambda").create_event_source_mapping
    create(EventSourceArn=arn, FunctionName=name)
    with pytest.raises(ClientError) as refused:
        create(EventSourceArn=arn, FunctionName=name)
    assert refused.value.response["Error"]["Code"] == "ResourceConflictException"


def test_a_mapping_can_be_switched_off_and_on_and_removed(aws):
    url, arn = aws.queue()
    heard, _ = aws.queue()
    name = aws.function(TELL, Environment={"Variables": {"HEARD": heard}}, Timeout=60)
    lambda_ = aws.client("lambda")
    mapping = lambda_.create_event_source_mapping(EventSourceArn=arn, FunctionName=name, Enabled=False)
    say(aws, url, "a")
    assert aws.received(heard, seconds=0.3) == []
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    assert len(aws.bodies(heard)) == 1
    lambda_.delete_event_source_mapping(UUID=mapping["UUID"])
    say(aws, url, "b")
    assert aws.received(heard, seconds=0.3) == []
    assert left(aws, url) == 1


def test_messages_wait_while_their_function_is_replaced(aws):
    url, arn = aws.queue()
    heard, _ = aws.queue()
    options = {"Environment": {"Variables": {"HEARD": heard}}, "Timeout": 60}
    name = aws.function(TELL, **options)
    aws.client("lambda").create_event_source_mapping(EventSourceArn=arn, FunctionName=name)
    aws.client("lambda").delete_function(FunctionName=name)
    say(aws, url, "a")
    assert aws.received(heard, seconds=0.5) == []
    aws.function(TELL, FunctionName=name, **options)
    ((record,),) = aws.bodies(heard)
    assert record["body"] == "a"


def test_runs_no_more_batches_at_once_than_allowed(aws, feed):
    slow = (
        TELL.replace("records = event", "import time\n    began = time.time()\n    records = event")
        .replace("sqs.send_message(", "time.sleep(0.3)\n    sqs.send_message(")
        .replace("json.dumps(records)", "json.dumps([began, time.time()])")
    )
    url, heard = feed(slow, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
    say(aws, url, *"abcdef")
    spans = aws.bodies(heard, 6, seconds=20)
    assert len(spans) == 6
    at_once = [sum(began <= start < ended for began, ended in spans) for start, _ in spans]
    assert max(at_once) == 2


def test_one_group_of_a_fifo_queue_is_handled_in_order(aws, feed):
    queue = aws.queue(unique("queue") + ".fifo", FifoQueue="true", ContentBasedDeduplication="true")
    url, heard = feed(queue=queue, BatchSize=1)
    say(aws, url, *"abcde", MessageGroupId="one")
    told = [record["body"] for batch in aws.bodies(heard, 5, seconds=20) for record in batch]
    assert told == list("abcde")


def test_no_message_is_lost_between_many_senders_and_receivers(aws):
    url, _ = aws.queue()
    taken = []

    def send(sender):
        for number in range(25):
            say(aws, url, f"{sender}-{number}")

    def take():
        while messages := aws.received(url, 25, seconds=1.2):
            taken.extend(message["Body"] for message in messages)

    threads = [threading.Thread(target=send, args=(sender,)) for sender in range(4)]
    threads += [threading.Thread(target=take) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == sorted(f"{sender}-{number}" for sender in range(4) for number in range(25))
