"""Collect from Athena: awswrangler's own requests and reading, over answers of the form that AWS gives.

moto runs no query: it hands out what a test has queued, also as the CSV in S3 that awswrangler reads.
"""
# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import urllib.request
from datetime import UTC, date, datetime
from decimal import Decimal

import boto3
import pyarrow as pa
import pytest
from collect_account import account  # noqa: F401

from tidegate.ingestion.collection import SourceRefusedError

COLUMNS = {"id": "bigint", "amount": "decimal", "at": "timestamp", "day": "date", "note": "varchar"}


@pytest.fixture
def athena(account):
    """`athena.answer(columns, *rows)` queues the result of the next query."""
    return Athena(account)


class Athena:
    def __init__(self, account):
        self.account = account
        self.queries = []

    def answer(self, columns, *rows):
        cells = [[*columns], *rows]
        result = {
            "rows": [
                {"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]} for row in cells
            ],
            "column_info": [
                {"Name": name, "Type": kind, "Precision": 10, "Scale": 2} for name, kind in columns.items()
            ],
        }
        request = urllib.request.Request(  # noqa: S310 - the test's own server
            f"{self.account.aws.endpoint}/moto-api/static/athena/query-results",
            data=json.dumps({"results": [result]}).encode(),
            headers={"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request).close()  # noqa: S310

    def collect(self, **section):
        known = set(self._executions())
        given = {"kind": "athena", "database": "web", "uri": "s3://web/clicks/", "table": "web.clicks"}
        answer = self.account.collect(**{**given, "watermark": "at", **section})
        client = boto3.client("athena")
        asked = [
            client.get_query_execution(QueryExecutionId=e)["QueryExecution"]
            for e in self._executions()
            if e not in known
        ]
        self.queries = sorted(asked, key=lambda each: each["Status"]["SubmissionDateTime"])
        return answer

    def _executions(self):
        return boto3.client("athena").list_query_executions()["QueryExecutionIds"]


def test_rows_are_read_with_the_types_of_the_result(athena):
    athena.answer(COLUMNS)
    athena.answer({"_col0": "bigint"}, ["0"])
    athena.answer({"_col0": "bigint", "_col1": "timestamp"}, ["2", "2024-03-02 00:00:00.000001"])
    athena.answer(
        COLUMNS,
        ["9007199254740993", "1.50", "2024-03-01 00:00:00.000", "2024-03-01", None],
        ["2", None, "2024-03-02 00:00:00.000001", None, "x, \u00fc"],
    )
    answer = athena.collect(chunk_rows=1, initial="2024-02-01T00:00:00")
    rows = athena.account.rows(answer["drops"][0])
    assert rows.schema.types == [
        *(pa.int64(), pa.decimal128(10, 2), pa.timestamp("us"), pa.date32(), pa.string()),
    ]
    assert rows.to_pydict() == {
        "id": [9007199254740993, 2],
        "amount": [Decimal("1.50"), None],
        "at": [datetime(2024, 3, 1), datetime(2024, 3, 2, 0, 0, 0, 1)],  # noqa: DTZ001
        "day": [date(2024, 3, 1), None],
        "note": [None, "x, \u00fc"],
    }
    assert athena.account.watermark == "2024-03-02T00:00:00.000001"
    assert answer["drops"][0].endswith("-20240201T000000.000000-20240302T000000.000001.parquet")


def test_bounds_are_parameters_and_keep_their_microseconds(athena):
    athena.answer(COLUMNS)
    athena.answer({"_col0": "bigint"}, ["3"])
    zoned = {"_col0": "bigint", "_col1": "timestamp with time zone"}
    athena.answer(zoned, ["1", "2024-03-02 00:00:00.000001 UTC"])
    athena.answer(COLUMNS, ["1", "1.50", "2024-03-01 00:00:00.000", "2024-03-01", "a"])
    answer = athena.collect(initial="2024-02-01T00:00:00+02:00")
    assert answer["watermark"] == datetime(2024, 3, 2, 0, 0, 0, 1, tzinfo=UTC).isoformat()
    assert "3 rows have no `at` and are never read" in answer["warnings"]
    rows = athena.queries[-1]
    assert rows["ExecutionParameters"] == [
        "'2024-01-31 22:00:00.000000 UTC'",
        "'2024-03-02 00:00:00.000001 UTC'",
    ]
    assert "2024" not in rows["Query"] and rows["Query"].count("cast(? as timestamp(6) with time zone)") == 2


def test_nothing_new_is_no_drop(athena):
    athena.answer(COLUMNS)
    athena.answer({"_col0": "bigint"}, ["0"])
    athena.answer({"_col0": "bigint", "_col1": "timestamp"}, ["0", None])
    assert athena.collect()["reason"] == "no new rows"
    assert athena.account.drop_keys() == [] and len(athena.queries) == 3


def test_a_watermark_of_another_type_is_told(athena):
    athena.answer(COLUMNS)
    athena.answer({"_col0": "bigint"}, ["0"])
    athena.answer({"_col0": "bigint", "_col1": "date"}, ["1", "2024-03-01"])
    with pytest.raises(SourceRefusedError, match="`watermark_type` is timestamp"):
        athena.collect()
