"""Notifications come twice and in any order, and keys are overwritten: each version is ingested once."""

import json
import random
import time
from urllib.parse import quote_plus

import pytest
from dropping import put, settled

from tidegate_cli import ledger

ROWS = 300
WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def overwritten(pipeline, flights, some_flights):
    """The rows of two versions of one key, the second put while the first was being ingested."""
    tables = [flights.to_csv(some_flights(number)) for number in (2, 3)]
    versions = [put(pipeline, "drops/flights/over written+.csv", body) for body in tables]
    found = settled(pipeline, set(versions))
    return [found[version] for version in versions]


def as_eventbridge(row):
    """Source: Amazon S3 User Guide, "EventBridge event message structure"."""
    found = {
        "key": row["key"],
        "size": row["size_bytes"],
        "etag": row["etag"],
        "version-id": row["version_id"],
        "sequencer": row["sequencer"],
    }
    detail = {"bucket": {"name": row["bucket"]}, "object": found, "reason": "PutObject"}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


def as_s3(row):
    """Source: Amazon S3 User Guide, "Event message structure"; keys are encoded as a form's values are."""
    found = {
        "key": quote_plus(row["key"]),
        "size": row["size_bytes"],
        "eTag": row["etag"],
        "versionId": row["version_id"],
        "sequencer": row["sequencer"],
    }
    s3 = {"bucket": {"name": row["bucket"]}, "object": found}
    return json.dumps({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": s3}]})


def deliver(place, tidegate, *messages):
    """Send messages to the queue of drops and wait until each was looked at and claimed nothing."""
    sqs, queue = place.client("sqs"), place.outputs["DropQueueUrl"]
    before = refusals(tidegate)
    for start in range(0, len(messages), 10):
        entries = [{"Id": str(i), "MessageBody": m} for i, m in enumerate(messages[start : start + 10])]
        sqs.send_message_batch(QueueUrl=queue, Entries=entries)
    end = time.monotonic() + WAIT_SECONDS
    while refusals(tidegate) < before + len(messages):
        assert time.monotonic() < end, "messages were not handled"
        time.sleep(0.2)


def refusals(tidegate):
    """How often a notification named a version that the ledger had already."""
    lines = tidegate("logs", "ingestion").result["lines"]
    said = [json.loads(line["text"]) for line in lines if '"received an object"' in line["text"]]
    return sum(line["claimed"] is False for line in said)


def executions(place, row):
    """The ingestions that ran for a drop, by the names of their inputs."""
    states = place.client("stepfunctions")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=place.outputs["IngestionMachine"]
    )
    return [e["name"] for page in pages for e in page["executions"] if row["drop_id"] in e["name"]]


def test_both_versions_of_an_overwritten_key_are_recorded_with_their_own_rows(pipeline, overwritten):
    s3 = pipeline.client("s3")
    for row in overwritten:
        assert (row["state"], row["rows"]) == ("recorded", ROWS), row["reason"]
        kept = s3.head_object(Bucket=row["bucket"], Key=row["key"], VersionId=row["version_id"])
        assert kept["ETag"].strip('"') == row["etag"].strip('"')
    first, second = overwritten
    assert first["etag"] != second["etag"] and first["drop_id"] != second["drop_id"]


def test_a_notification_that_comes_again_late_and_in_other_forms_changes_nothing(
    pipeline, overwritten, tidegate
):
    first, second = overwritten
    deliver(
        pipeline,
        tidegate,
        as_eventbridge(second),
        as_eventbridge(first),
        as_eventbridge(first),
        as_s3(first),
        as_s3(second),
    )
    assert [ledger.entry(pipeline, row["drop_id"]) for row in overwritten] == overwritten
    assert [len(executions(pipeline, row)) for row in overwritten] == [1, 1]
    same_key = [row for row in ledger.entries(pipeline) if row["key"] == first["key"]]
    assert len(same_key) == 2


def test_a_thousand_shuffled_notifications_leave_one_row_for_each_version(
    pipeline, flights, some_flights, tidegate
):
    keys = ["drops/flights/again.csv", *(f"drops/flights/again-{n % 13}.txt" for n in range(39))]
    bodies = [flights.to_csv(some_flights(7)), *(b"no rows %d" % n for n in range(39))]
    rows = []
    for number, (key, body) in enumerate(zip(keys, bodies, strict=True)):
        answer = pipeline.client("s3").put_object(Bucket=pipeline.outputs["DropsBucket"], Key=key, Body=body)
        found = {"key": key, "size_bytes": len(body), "version_id": answer["VersionId"]}
        found |= {"bucket": pipeline.outputs["DropsBucket"], "sequencer": f"{number:018X}"}
        rows.append(found | {"etag": answer["ETag"].strip('"')})
    messages = [form(row) for row in rows for form in (as_eventbridge, as_s3)] * 13
    random.Random(3).shuffle(messages)  # noqa: S311  # an order, not a secret
    assert len(messages) > 1000
    deliver(pipeline, tidegate, *messages)
    settled(pipeline, {(row["key"], row["version_id"]) for row in rows})
    mine = [row for row in ledger.entries(pipeline) if row["key"] in keys]
    assert sorted((row["key"], row["version_id"]) for row in mine) == sorted(
        (row["key"], row["version_id"]) for row in rows
    )
    [recorded] = [row for row in mine if row["key"] == keys[0]]
    assert recorded["state"] == "recorded", recorded["reason"]
    assert len(executions(pipeline, recorded)) == 1


def test_a_version_deleted_before_it_was_read_ends_with_a_reason(pipeline):
    key, version = "drops/flights/gone.csv", "deleted-meanwhile"
    found = {"key": key, "version_id": version, "size_bytes": 9, "etag": "e", "sequencer": "01"}
    message = as_eventbridge({"bucket": pipeline.outputs["DropsBucket"], **found})
    pipeline.client("sqs").send_message(QueueUrl=pipeline.outputs["DropQueueUrl"], MessageBody=message)
    row = settled(pipeline, {(key, version)})[key, version]
    # without leave to list a bucket, S3 answers 403 for what is not there (GetObject, "Permissions")
    assert row["state"] == "failed"
    assert row["reason"].startswith("AccessDenied: An error occurred (AccessDenied) when calling")
    assert "\n" not in row["reason"]


def test_what_is_no_notification_of_s3_is_kept_aside_and_stops_nothing(pipeline, flights, some_flights):
    sqs = pipeline.client("sqs")
    sqs.send_message(QueueUrl=pipeline.outputs["DropQueueUrl"], MessageBody="not even JSON")
    version = put(pipeline, "drops/flights/after junk.csv", flights.to_csv(some_flights(5).slice(0, 10)))
    assert (
        settled(pipeline, {version})[version]["state"] == "quarantined"
    )  # 10 rows: fewer than the contract asks
