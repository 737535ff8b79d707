"""Which state a person means: tags, ids, the first digits of a version or drop, times."""

from datetime import UTC, datetime

import pytest

from tidegate.ingestion.snapshots import Snapshot, find, iso, moment, nearest

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def state(number, *tags, version="", drop=""):
    return Snapshot(
        table="flights",
        snapshot_id=number,
        parent_id=None,
        total_rows=0,
        committed_at=NOON,
        operation="append",
        tags=tags,
        properties={"tidegate.version": version, "tidegate.drop": drop},
    )


STATES = [
    state(8123456789012345678, "run-1", version="abcdef0" + "1" * 57, drop="0" * 64),
    state(2, version="abcdef0" + "2" * 57, drop="beef123" + "4" * 57),
    state(3, "2", "2026-03-01"),
]


@pytest.mark.parametrize(
    "name, found",
    [
        ("run-1", 0),
        ("8123456789012345678", 0),
        ("abcdef01", 0),
        ("beef1234", 1),
        ("2", 1),  # the first state that is called so, newest first
        ("2026-03-01", 2),  # a tag may look like a date
        ("abcdef0", None),  # two versions begin so
        ("abcdef", None),  # too few digits to be sure
        ("run", None),
        ("", None),
    ],
)
def test_a_state_is_found_by_each_of_its_names(name, found):
    assert find(STATES, name) is (None if found is None else STATES[found])


@pytest.mark.parametrize(
    "text, time",
    [
        ("2026-03-01T12:00:00Z", NOON),
        ("2026-03-01T12:00:00", NOON),
        ("2026-03-01 12:00", NOON),
        ("2026-03-01T21:00:00+09:00", NOON),
        ("2026-02-28", datetime(2026, 2, 28, 23, 59, 59, 999_000, UTC)),
        ("2026-02-30", None),
        ("9999-12-31", None),
        ("run-1", None),
        ("", None),
    ],
)
def test_a_time_is_read_as_utc_and_a_date_as_its_end(text, time):
    assert moment(text) == time


def test_a_time_is_written_in_utc_to_the_millisecond():
    assert iso(datetime(2026, 3, 1, 12, 0, 0, 1500, UTC)) == "2026-03-01T12:00:00.001Z"


def test_a_misspelt_name_is_answered_with_those_that_are_near():
    assert nearest(STATES, "run-2") == ["run-1"]
    assert nearest(STATES, "xyz") == []


def test_ids_are_text_in_json_and_what_is_unknown_is_null():
    json = STATES[0].to_json()
    assert (json["snapshot_id"], json["parent_id"], json["tags"]) == ("8123456789012345678", None, ["run-1"])
    assert (json["verdict"], json["committed_at"]) == (None, "2026-03-01T12:00:00.000Z")
