"""Profiles of drops as a table in Glue, registered by awswrangler on a moto server."""

import json
from types import SimpleNamespace

import awswrangler as wr
import pyarrow as pa
import pytest

from tidegate import lake_keys
from tidegate.aws.profiles import get_profile, put_drop_profile
from tidegate.messages.ingestion import Drop, Verdict
from tidegate.profile import profile_batches


def drop(number, day="2026-11-27"):
    return Drop(
        drop_id=f"{number:032x}",
        dataset="flights",
        bucket="b",
        key=f"drops/flights/{number}.csv",
        version_id="v",
        etag="e",
        size_bytes=1,
        arrived_at=f"{day}T01:02:03Z",
    )


def verdict(key, status="accept"):
    return Verdict(
        status=status, rows=3, reasons=(), profile_key=key, report_key="", checks=0, checks_failed=0
    )


@pytest.fixture
def lake(aws, load, context):
    s3 = aws.client("s3")
    bucket, database = aws.name("lake"), aws.name("db").replace("-", "_")
    s3.create_bucket(Bucket=bucket)
    aws.client("glue").create_database(DatabaseInput={"Name": database})

    def record(found, values, status="accept"):
        profile = profile_batches(pa.table(values).to_batches())
        judged = verdict(lake_keys.profile(found), status)
        put_drop_profile(s3, bucket, judged.profile_key, profile, drop=found, verdict=judged)
        handler = load("functions.record_profile.handler", LAKE_BUCKET=bucket, GLUE_DATABASE=database)
        return handler(
            json.loads(json.dumps({"drop": found.to_json(), "verdict": judged.to_json()})), context
        )

    return SimpleNamespace(s3=s3, bucket=bucket, database=database, record=record)


def partitions(lake):
    found = wr.catalog.get_parquet_partitions(database=lake.database, table="profiles")
    return {tuple(values) for values in found.values()}


def test_a_profile_is_a_row_for_each_column_of_each_drop(lake):
    lake.record(drop(1), {"age": [1, 2, None], "name": ["a", "b", "b"]})
    lake.record(drop(2), {"age": [5, 6, 7], "name": ["c", "c", None]}, status="quarantine")
    rows = wr.s3.read_parquet_table(database=lake.database, table="profiles")
    told = {
        (row.drop_id, row.column): (row.nulls, row.verdict, row.dataset, row.dt) for row in rows.itertuples()
    }
    assert told == {
        (drop(1).drop_id, "age"): (1, "accept", "flights", "2026-11-27"),
        (drop(1).drop_id, "name"): (0, "accept", "flights", "2026-11-27"),
        (drop(2).drop_id, "age"): (0, "quarantine", "flights", "2026-11-27"),
        (drop(2).drop_id, "name"): (1, "quarantine", "flights", "2026-11-27"),
    }


def test_each_day_is_a_partition_and_recording_again_changes_nothing(lake):
    for found in (drop(1), drop(1), drop(2, day="2026-11-28")):
        lake.record(found, {"age": [1, 2, 3]})
    assert partitions(lake) == {("flights", "2026-11-27"), ("flights", "2026-11-28")}


def test_a_table_made_by_an_older_release_gets_the_columns_it_lacks(lake):
    wr.catalog.create_parquet_table(
        database=lake.database,
        table="profiles",
        path=f"s3://{lake.bucket}/profiles/",
        columns_types={"column": "string", "gone": "double"},
        partitions_types={"dataset": "string", "dt": "string"},
    )
    lake.record(drop(1), {"age": [1, 2, 3]})
    types = wr.catalog.get_table_types(database=lake.database, table="profiles")
    assert {"column", "gone", "drop_id", "verdict", "nulls", "dataset", "dt"} <= types.keys()
    assert partitions(lake) == {("flights", "2026-11-27")}


def test_the_file_in_the_table_is_the_profile_itself(lake):
    lake.record(drop(1), {"age": [1, 2, None]})
    found = get_profile(lake.s3, lake.bucket, lake_keys.profile(drop(1)))
    assert (found.rows, found.columns["age"].nulls, found.columns["age"].maximum) == (3, 1, 2)
