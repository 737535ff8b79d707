import json

import pytest

from tidegate.ingestion.notifications import ObjectNotification, UnknownNotificationError, parse

RECORD = {
    "eventSource": "aws:s3",
    "eventName": "ObjectCreated:Put",
    "s3": {
        "bucket": {"name": "drops"},
        "object": {
            "key": "drops/my+file%C3%BC.csv",
            "size": 7,
            "eTag": "e",
            "versionId": "v",
            "sequencer": "0A",
        },
    },
}
EVENT = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "detail": {
        "bucket": {"name": "drops"},
        "object": {"key": "drops/my fileü.csv", "size": 7, "etag": "e", "version-id": "v", "sequencer": "0A"},
        "reason": "Put",
    },
}
FOUND = ObjectNotification(
    event="ObjectCreated:Put",
    bucket="drops",
    key="drops/my fileü.csv",
    version_id="v",
    etag="e",
    size_bytes=7,
    sequencer="0A",
)


def in_sqs(*bodies):
    return {
        "Records": [{"eventSource": "aws:sqs", "messageId": f"m{n}", "body": b} for n, b in enumerate(bodies)]
    }


def in_sns(message):
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": message}}]}


@pytest.mark.parametrize(
    "payload",
    [
        {"Records": [RECORD]},
        EVENT,
        in_sns(json.dumps({"Records": [RECORD]})),
        in_sqs(json.dumps({"Records": [RECORD]})),
        in_sqs(json.dumps(EVENT)),
        in_sqs(json.dumps({"Type": "Notification", "Message": json.dumps({"Records": [RECORD]})})),
    ],
    ids=["s3", "eventbridge", "sns", "sqs", "eventbridge in sqs", "sns in sqs"],
)
def test_every_way_of_delivery_says_the_same(payload):
    [delivery] = parse(payload)
    assert delivery.notifications == (FOUND,)


def test_one_bad_message_leaves_its_neighbours_alone():
    first, second, third = parse(in_sqs("{", json.dumps(EVENT), json.dumps({"hello": 1})))
    assert first.refusal and third.refusal
    assert (second.message_id, second.notifications) == ("m1", (FOUND,))


def test_the_test_message_is_a_delivery_of_nothing():
    [delivery] = parse(in_sqs(json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent"})))
    assert (delivery.notifications, delivery.refusal) == ((), None)


def test_only_creations_are_created():
    [delivery] = parse(EVENT | {"detail-type": "Object Deleted"})
    assert not delivery.notifications[0].is_created and FOUND.is_created


@pytest.mark.parametrize(
    "payload", [None, [], "text", {}, {"Records": []}, {"Records": [1]}, {"Records": [RECORD | {"s3": None}]}]
)
def test_anything_else_is_refused_by_its_type(payload):
    with pytest.raises(UnknownNotificationError):
        parse(payload)


@pytest.mark.parametrize("member", ["name", "key", "versionId", "eTag", "sequencer"])
def test_a_record_whose_texts_are_none_is_no_notification(member):
    bucket, found = {"name": "raw"}, {"key": "drops/a.csv", "size": 1}
    (bucket if member == "name" else found)[member] = 7
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": bucket, "object": found},
    }
    with pytest.raises(UnknownNotificationError, match="text where it has int"):
        parse({"Records": [record]})
