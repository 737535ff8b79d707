"""The adapters of ingestion on a moto server: versioned tables, the ledger, versions of objects."""

import random

import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException

from tidegate.aws import catalog as catalog_module
from tidegate.aws import objects
from tidegate.aws.catalog import Catalog
from tidegate.aws.ledger import Ledger
from tidegate.aws.profiles import put_table
from tidegate.errors import DatasetConflictError
from tidegate.messages import Drop

ROWS = pa.table({"id": [1, 2, 3], "seen": pa.array([1, 2, 3], pa.timestamp("us", "UTC"))})


@pytest.fixture
def s3(aws):
    return aws.client("s3")


@pytest.fixture
def catalog(aws, s3):
    lake, database = aws.name("lake"), aws.name("db").replace("-", "_")
    s3.create_bucket(Bucket=lake)
    aws.client("glue").create_database(DatabaseInput={"Name": database})
    return Catalog(s3, lake_bucket=lake, database=database)


@pytest.fixture
def ledger(aws):
    dynamodb, table = aws.client("dynamodb"), aws.name("ledger")
    dynamodb.create_table(
        TableName=table,
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("drop_id", "dataset", "received_at")
        ],
        KeySchema=[{"AttributeName": "drop_id", "KeyType": "HASH"}],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-time",
                "KeySchema": [
                    {"AttributeName": "dataset", "KeyType": "HASH"},
                    {"AttributeName": "received_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
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


def fail_commits(monkeypatch, times):
    """Let others win the first `times` commits."""
    commit, left = GlueCatalog.commit_table, [times]

    def refused_at_first(self, *arguments, **options):
        left[0] -= 1
        if left[0] >= 0:
            raise CommitFailedException("branch main has changed")
        return commit(self, *arguments, **options)

    monkeypatch.setattr(GlueCatalog, "commit_table", refused_at_first)
    monkeypatch.setattr(catalog_module, "_FIRST_WAIT_SECONDS", 0)


def test_a_key_is_appended_once_however_often_it_is_tried(catalog):
    first = catalog.append("t", ROWS, key="a", properties={"run": "1"})
    assert catalog.append("t", ROWS, key="a") == first
    second = catalog.append("t", ROWS, key="b")
    assert (first.total_rows, second.total_rows, second.parent_id) == (3, 6, first.snapshot_id)
    assert catalog.head("t").properties["tidegate.key"] == "b" and first.properties["run"] == "1"


def test_a_state_stays_readable_by_id_and_by_tag_after_others_came(catalog):
    first = catalog.append("t", ROWS, key="a")
    catalog.tag("t", first.snapshot_id, "run-1")
    catalog.append("t", ROWS, key="b")
    assert catalog.read("t").num_rows == 6
    assert catalog.read("t", snapshot_id=str(first.snapshot_id)).num_rows == 3
    assert catalog.read("t", tag="run-1", columns=["id"], row_filter="id > 1")["id"].to_pylist() == [2, 3]


def test_files_in_the_lake_become_the_tables_own_and_may_add_a_column(catalog, s3):
    catalog.append("t", ROWS, key="a")
    wider = ROWS.append_column("name", pa.array(["x", "y", None]))
    put_table(s3, catalog.lake_bucket, "warehouse/t/data/b/1.parquet", wider)
    uri = f"s3://{catalog.lake_bucket}/warehouse/t/data/b/1.parquet"
    parents = []

    def describe(parent):
        parents.append(parent.snapshot_id if parent else None)
        return {"made-of": "file"}

    added = catalog.append_files("t", wider.schema, [uri], key="b", describe=describe)
    assert (added.total_rows, added.properties["made-of"]) == (6, "file")
    assert parents == [added.parent_id]
    names = catalog.read("t", columns=["name"])["name"].to_pylist()
    assert sorted(names, key=str) == [None, None, None, None, "x", "y"]


def test_a_drop_without_rows_is_a_state_too(catalog):
    empty = catalog.append_files("t", ROWS.schema, [], key="a", describe=lambda _: {})
    assert (empty.total_rows, catalog.read("t").num_rows) == (0, 0)


def test_a_commit_that_others_won_is_tried_again_and_added_once(catalog, monkeypatch):
    catalog.append("t", ROWS, key="a")
    fail_commits(monkeypatch, 3)
    assert catalog.append("t", ROWS, key="b").total_rows == 6


def test_a_commit_that_others_always_win_is_a_conflict(catalog, monkeypatch):
    catalog.append("t", ROWS, key="a")
    fail_commits(monkeypatch, 100)
    with pytest.raises(DatasetConflictError, match="`t` was changed by others"):
        catalog.append("t", ROWS, key="b")


def test_a_table_that_is_not_there_has_no_head(catalog):
    assert catalog.head("nothing") is None


def test_a_drop_is_claimed_once(ledger):
    assert ledger.claim(drop(), sequencer="01") is True
    assert ledger.claim(drop(), sequencer="02") is False
    row = ledger.get("id1")
    assert (row["state"], row["sequencer"], row["size_bytes"]) == ("received", "01", 1)


def test_a_machine_that_is_quicker_than_its_starter_keeps_its_last_state(ledger):
    ledger.claim(drop(), sequencer="01")
    ledger.finish("id1", "recorded", "accepted", rows=5)
    ledger.mark_running("id1", "arn")
    row = ledger.get("id1")
    assert (row["state"], row["rows"], "execution_arn" in row) == ("recorded", 5, False)


def test_the_recorded_drops_come_newest_first_without_the_others(ledger):
    for number in range(6):
        ledger.claim(drop(number), sequencer="01")
        ledger.finish(f"id{number}", "quarantined" if number == 4 else "recorded", "")
    assert [row["drop_id"] for row in ledger.recorded("flights", 3)] == ["id5", "id3", "id2"]
    assert ledger.recorded("trains", 3) == []


def test_the_reader_gives_every_byte_of_its_version_from_anywhere(aws, s3, monkeypatch):
    monkeypatch.setattr(objects, "_READ_AHEAD_BYTES", 1000)
    bucket = aws.name("drops")
    s3.create_bucket(Bucket=bucket)
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    seed = random.Random(5)  # noqa: S311  # content, not a secret
    content = seed.randbytes(10_000)
    version = s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=content)["VersionId"]
    s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=b"newer")

    reader = objects.open_drop(s3, drop(bucket=bucket, version_id=version, size=len(content)))
    assert reader.read() == content
    for _ in range(50):
        start, length = seed.randrange(10_500), seed.randrange(3000)
        reader.seek(start)
        assert reader.read(length) == content[start : start + length]


def test_without_versions_an_object_that_changed_meanwhile_is_not_read(aws, s3):
    bucket = aws.name("drops")
    s3.create_bucket(Bucket=bucket)
    etag = s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=b"first")["ETag"].strip('"')
    s3.put_object(Bucket=bucket, Key="drops/flights/1.csv", Body=b"other")
    reader = objects.open_drop(s3, drop(bucket=bucket, version_id="", etag=etag, size=5))
    with pytest.raises(s3.exceptions.ClientError, match="PreconditionFailed"):
        reader.read()
