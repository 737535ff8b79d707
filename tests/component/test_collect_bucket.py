"""Collect from another bucket: what came since, each content once."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import ANY, Stubber
from collect_account import account  # noqa: F401

from tidegate.aws.sources import bucket as source_bucket
from tidegate.aws.sources.bucket import SourceObject
from tidegate.ingestion.collection import SourceRefusedError, copy_key


@pytest.fixture
def source(account, monkeypatch):
    """A bucket of somebody else's; `source.collect()` takes what is below exports/."""
    monkeypatch.setattr(source_bucket, "SETTLED", timedelta(0))
    return Source(account)


class Source:
    def __init__(self, account):
        self.account, self.s3 = account, account.s3
        self.bucket = account.aws.name("source")
        self.s3.create_bucket(Bucket=self.bucket)

    def put(self, key, body=b"id\n1\n", **more):
        return self.s3.put_object(Bucket=self.bucket, Key=key, Body=body, **more)["ETag"]

    def collect(self, **section):
        given = {"kind": "s3", "uri": f"s3://{self.bucket}/exports/", **section}
        seconds = given.pop("seconds", 900.0)
        return self.account.collect(seconds=seconds, **given)


def test_new_objects_are_copied_and_known_ones_not_again(source):
    first = source.put("exports/2024/a.csv")
    source.put("elsewhere/b.csv")
    source.put("exports/2024/")
    answer = source.collect()
    key = copy_key("orders", "orders", "exports/2024/a.csv", first)
    assert answer["drops"] == [key] and key.endswith("-a.csv")
    assert source.account.body(key) == b"id\n1\n"
    assert source.collect()["reason"] == "no new objects"
    second = source.put("exports/b.csv.gz")
    assert source.collect()["drops"] == [copy_key("orders", "orders", "exports/b.csv.gz", second)]
    assert source.account.versions() == 2


def test_an_object_that_was_overwritten_is_a_drop_of_its_own_and_the_same_content_is_not(source):
    source.put("exports/a.csv", b"id\n1\n")
    source.collect()
    source.put("exports/a.csv", b"id\n2\n")
    [key] = source.collect()["drops"]
    assert source.account.body(key) == b"id\n2\n"
    source.put("exports/a.csv", b"id\n2\n")
    assert source.collect()["drops"] == []


def test_objects_that_show_up_with_an_older_time_are_found_within_the_overlap(source):
    """S3 dates a multipart upload by its beginning, not by when it is there."""
    source.put("exports/a.csv")
    source.collect()
    later = (datetime.now(UTC) + timedelta(minutes=30)).isoformat()
    source.account.dynamodb.put_item(
        TableName=source.account.table, Item={"id": {"S": "collect#orders"}, "watermark": {"S": later}}
    )
    source.put("exports/b.csv")
    assert source.collect(overlap_seconds=60)["drops"] == []
    [key] = source.collect()["drops"]  # an hour by default
    assert key.endswith("-b.csv") and source.account.watermark == later


def test_an_object_of_the_last_seconds_waits_for_the_next_run(source, monkeypatch):
    monkeypatch.setattr(source_bucket, "SETTLED", timedelta(hours=1))
    source.put("exports/a.csv")
    assert source.collect()["drops"] == [] and source.account.watermark is None


def test_a_tagged_object_is_copied_without_its_tags(source):
    source.put("exports/a.csv", Tagging="secret=yes")
    [key] = source.collect()["drops"]
    tags = source.s3.get_object_tagging(Bucket=source.account.drops, Key=key)["TagSet"]
    assert tags == []


def test_an_archived_object_is_named_and_the_others_come(source):
    source.put("exports/a.csv", StorageClass="GLACIER")
    source.put("exports/b.csv")
    answer = source.collect()
    assert [key.rpartition("-")[2] for key in answer["drops"]] == ["b.csv"]
    assert answer["warnings"] == ["`exports/a.csv` is archived (GLACIER): restore it and put it again"]


def test_an_object_above_the_limit_of_a_copy_is_named():
    each = SourceObject(
        key="a", etag="e", size=(5 << 30) + 1, written=datetime.now(UTC), storage_class="STANDARD"
    )
    assert each.obstacle == "`a` has more than 5 GiB"


def test_a_run_that_has_no_time_left_goes_on_in_the_next(source):
    source.put("exports/a.csv")
    answer = source.collect(seconds=10)
    assert (answer["drops"], answer["more"]) == ([], True)
    assert len(source.collect()["drops"]) == 1


@pytest.mark.parametrize("code", ["PreconditionFailed", "NoSuchKey"])
def test_an_object_that_changed_or_went_after_it_was_listed_is_not_copied(code):
    """The request and the answer in AWS's words: moto does not look at the condition."""
    each = SourceObject(key="a.csv", etag='"e"', size=1, written=datetime.now(UTC), storage_class="STANDARD")
    s3 = boto3.client("s3", region_name="us-east-1")
    expected = {
        "Bucket": "drops",
        "Key": "k",
        "CopySource": {"Bucket": "source", "Key": "a.csv"},
        "CopySourceIfMatch": '"e"',
        "TaggingDirective": "REPLACE",
    }
    with Stubber(s3) as stub:
        stub.add_client_error("copy_object", code, "", 412, expected_params=expected)
        assert not source_bucket.copy(s3, "source", each, bucket="drops", key="k", there=())
        stub.assert_no_pending_responses()


def test_a_copy_that_fails_keeps_what_was_done_and_is_tried_again(source, monkeypatch):
    for name in ("a", "b", "c"):
        source.put(f"exports/{name}.csv", name.encode())
    copy = source_bucket.copy

    def failing(s3, source_name, each, **where):
        if each.key.endswith("b.csv"):
            s3 = boto3.client("s3")
            stub = Stubber(s3)
            given = dict.fromkeys(
                ("Bucket", "Key", "CopySource", "CopySourceIfMatch", "TaggingDirective"), ANY
            )
            stub.add_client_error("copy_object", "AccessDenied", "no", 403, expected_params=given)
            stub.activate()
        return copy(s3, source_name, each, **where)

    with monkeypatch.context() as patched:
        patched.setattr(source_bucket, "copy", failing)
        with pytest.raises(SourceRefusedError, match="AccessDenied"):
            source.collect()
    assert [key.rpartition("-")[2] for key in source.account.drop_keys()] == ["a.csv"]
    answer = source.collect()
    assert sorted(key.rpartition("-")[2] for key in answer["drops"]) == ["b.csv", "c.csv"]


def test_a_bucket_that_is_not_there_is_told(source):
    with pytest.raises(SourceRefusedError, match="NoSuchBucket"):
        source.collect(uri="s3://nobody-has-this-bucket/exports/")
    assert source.account.item("lock#collect#orders") is None
