"""The adapters of ingestion on a moto server: the ledger, versions of objects."""

import random
from dataclasses import replace

import pytest
from ingestion_account import create_ledger

from tidegate.aws import objects
from tidegate.aws.ledger import Ledger
from tidegate.messages.ingestion import Drop


@pytest.fixture
def s3(aws):
    return aws.client("s3")


@pytest.fixture
def ledger(aws):
    dynamodb, table = aws.client("dynamodb"), aws.name("ledger")
    create_ledger(dynamodb, table)
    return Ledger(dynamodb, table)


def drop(number=1, *, bucket="drops", version_id="v", etag="", size=1):
    return Drop(
        drop_id=f"id{number}",
        dataset="flights",
        bucket=bucket,
        key="drops/flights/1.csv",
        version_id=version_id,
        etag=etag,
        size_bytes=size,
    )


def test_a_drop_is_claimed_once(ledger):
    assert ledger.claim(replace(drop(), sequencer="01")) is True
    assert ledger.claim(replace(drop(), sequencer="02")) is False
    row = ledger.get("id1")
    assert (row["state"], row["sequencer"], row["size_bytes"]) == ("received", "01", 1)


def test_a_machine_that_is_quicker_than_its_starter_keeps_its_last_state(ledger):
    ledger.claim(drop())
    ledger.finish("id1", "recorded", "accepted", rows=5)
    ledger.mark_running("id1", "arn")
    row = ledger.get("id1")
    assert (row["state"], row["rows"], "execution_arn" in row) == ("recorded", 5, False)


def test_the_recorded_drops_come_newest_first_without_the_others(ledger):
    for number in range(6):
        ledger.claim(drop(number))
        ledger.finish(f"id{number}", "quarantined" if number == 4 else "recorded", "")
    assert [row["drop_id"] for row in ledger.recorded("flights", 3)] == ["id5", "id3", "id2"]
    assert ledger.recorded("trains", 3) == []


def test_the_reader_gives_every_byte_of_its_version_from_anywhere(aws, s3, monkeypatch):
    for name, size in {"_READ_AHEAD_BYTES": 1000, "_APART_BYTES": 300, "_HELD_BYTES": 2500}.items():
        monkeypatch.setattr(objects, name, size)
    bucket = aws.name("drops")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    seed = random.Random(5)  # noqa: S311  # content, not a secret
    content = seed.randbytes(10_000)
    version = s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=content)["VersionId"]
    s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=b"newer")

    reader = objects.open_version(s3, drop(bucket=bucket, version_id=version, size=len(content)))
    assert reader.read() == content
    for _ in range(50):
        start, length = seed.randrange(10_500), seed.randrange(3000)
        reader.seek(start)
        assert reader.read(length) == content[start : start + length]


def test_columns_read_in_turns_are_not_fetched_again_each_time(aws, s3, monkeypatch):
    monkeypatch.setattr(objects, "_APART_BYTES", 1000)
    bucket = aws.name("drops")
    s3.create_bucket(Bucket=bucket)
    content = random.Random(6).randbytes(40_000)  # noqa: S311  # content, not a secret
    s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=content)
    asked = []
    s3.meta.events.register("before-call.s3.GetObject", lambda params, **_: asked.append(params))
    monkeypatch.setattr(objects, "_READ_AHEAD_BYTES", 1000)
    reader = objects.open_version(s3, drop(bucket=bucket, version_id="", size=len(content))).raw
    for step in range(100):  # five columns of 1,000 bytes each, fifty at a time
        start = step % 5 * 8000 + step // 5 * 50
        reader.seek(start)
        assert reader.read(50) == content[start : start + 50]
    assert len(asked) == 5


def test_a_large_read_is_one_request_of_which_nothing_is_held(aws, s3, monkeypatch):
    for name, size in {"_READ_AHEAD_BYTES": 1000, "_PIECE_BYTES": 300}.items():
        monkeypatch.setattr(objects, name, size)
    bucket = aws.name("drops")
    s3.create_bucket(Bucket=bucket)
    content = random.Random(7).randbytes(10_000)  # noqa: S311  # content, not a secret
    s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=content)
    asked = []
    s3.meta.events.register("before-call.s3.GetObject", lambda params, **_: asked.append(params))
    reader = objects.open_version(s3, drop(bucket=bucket, version_id="", size=len(content))).raw
    reader.seek(500)
    assert reader.read(5000) == content[500:5500]
    assert (len(asked), reader.blocks) == (1, {})
    assert reader.read() == content[5500:]


def test_without_versions_an_object_that_changed_meanwhile_is_not_read(aws, s3):
    bucket = aws.name("drops")
    s3.create_bucket(Bucket=bucket)
    etag = s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=b"first")["ETag"].strip('"')
    s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=b"other")
    reader = objects.open_version(s3, drop(bucket=bucket, version_id="", etag=etag, size=5))
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        reader.read()
