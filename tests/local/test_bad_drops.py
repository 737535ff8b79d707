"""Whatever is dropped, each object version ends in one state of the ledger, with a reason."""

import gzip
import io
import json
from collections import Counter
from dataclasses import dataclass

import pyarrow.parquet as pq
import pytest
from dropping import put, settled


@dataclass(frozen=True)
class Case:
    key: str
    state: str
    reason: str  # a part of it


CASES = {
    "good": Case("drops/flights/good.csv", "recorded", "accepted"),
    "any letters in a key": Case("drops/flights/a b+c&d=e%20 ü日.csv", "recorded", "accepted"),
    "row of other length": Case("drops/flights/malformed.csv", "quarantined", "3 fields"),
    "quote left open": Case("drops/flights/quote.csv", "quarantined", "never closed"),
    "header only": Case("drops/flights/header.csv", "quarantined", "0 rows"),
    "nothing at all": Case("drops/flights/empty.csv", "quarantined", "0 bytes"),
    "Latin-1": Case("drops/flights/latin-1.csv", "quarantined", "not UTF-8"),
    "UTF-16": Case("drops/flights/utf-16.csv", "quarantined", "UTF-16"),
    "truncated Parquet": Case("drops/flights/truncated.parquet", "quarantined", "cut off"),
    "CSV called Parquet": Case("drops/flights/csv.parquet", "quarantined", "is not Parquet"),
    "Parquet called CSV": Case("drops/flights/parquet.csv", "quarantined", "is Parquet"),
    "gzip cut short": Case("drops/flights/short.csv.gz", "quarantined", "cut off"),
    "no known extension": Case("drops/flights/notes.docx", "quarantined", "notes.docx"),
    "folder marker": Case("drops/flights/2013/", "ignored", "folder marker"),
    "unknown dataset": Case("drops/trains/good.csv", "quarantined", "trains"),
    "renamed column": Case("drops/flights/renamed column.csv", "quarantined", "`dest` is missing"),
    "too few rows": Case("drops/flights/too+few.csv", "quarantined", "49 rows"),
}


@pytest.fixture(scope="module")
def bodies(flights, some_flights):
    """What is dropped in each case; good ones hold rows of their own."""
    csv = flights.to_csv(some_flights(0))
    parquet = io.BytesIO()
    pq.write_table(some_flights(0), parquet)
    lines = csv.splitlines(keepends=True)
    return {
        "good": csv,
        "any letters in a key": flights.to_csv(some_flights(1)),
        "row of other length": b"".join([*lines[:2], b"2013-01-01,too,few\n", *lines[3:]]),
        "quote left open": b"".join([*lines[:-1], b'"20130101T1015Z-UA1545-EWR,UA\n']),
        "header only": lines[0],
        "nothing at all": b"",
        "Latin-1": csv.replace(b"EWR", b"\xcbWR"),
        "UTF-16": csv.decode().encode("utf-16"),
        "truncated Parquet": parquet.getvalue()[:-100],
        "CSV called Parquet": csv,
        "Parquet called CSV": parquet.getvalue(),
        "gzip cut short": gzip.compress(csv)[:-200],
        "no known extension": csv,
        "folder marker": b"",
        "unknown dataset": csv,
        "renamed column": flights.to_csv(flights.with_faults(some_flights(0))),
        "too few rows": b"".join(lines[:50]),
    }


@pytest.fixture(scope="module")
def rows(pipeline, bodies):
    """The final row of each case, all of them dropped at once."""
    versions = {name: put(pipeline, case.key, bodies[name]) for name, case in CASES.items()}
    found = settled(pipeline, set(versions.values()))
    return {name: found[version] for name, version in versions.items()}


@pytest.mark.parametrize("name", CASES)
def test_every_drop_ends_in_one_state_with_a_reason(rows, name):
    assert rows[name]["state"] == CASES[name].state
    assert CASES[name].reason in rows[name]["reason"]


def test_status_shows_every_drop_and_its_reason(rows, tidegate):
    data = tidegate("status", "--drops", "1000").result["data"]
    shown = {row["drop_id"]: (row["state"], row["reason"]) for row in data["latest"]}
    assert {row["drop_id"]: (row["state"], row["reason"]) for row in rows.values()}.items() <= shown.items()
    assert Counter(state for state, _ in shown.values()) == data["drops"]


def test_a_quarantined_object_stays_where_it_is_beside_its_reasons(pipeline, rows, bodies):
    row, s3 = rows["renamed column"], pipeline.client("s3")
    kept = s3.get_object(Bucket=row["bucket"], Key=row["key"], VersionId=row["version_id"])["Body"].read()
    report = s3.get_object(Bucket=pipeline.outputs["LakeBucket"], Key=row["report_key"])["Body"].read()
    assert kept == bodies["renamed column"]
    reasons = {reason["column"]: reason for reason in json.loads(report)["verdict"]["reasons"]}
    assert {"dest", "temp"} <= reasons.keys()
    assert all(kept.splitlines()[row].startswith(b'"2013') for row in reasons["temp"]["first_rows"])
    assert all(float(value) < 5 for value in reasons["temp"]["first_values"])  # the contract's minimum
