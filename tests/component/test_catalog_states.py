"""States of a table on a moto server: named by tag, id or time, listed, compared, kept from expiring."""

import itertools
import time
from datetime import UTC, date, datetime, timedelta, timezone
from datetime import time as clock
from decimal import Decimal

import pyarrow as pa
import pytest
from lake import deliver, values

from tidegate.aws import catalog as catalog_module
from tidegate.aws import iceberg
from tidegate.ingestion.snapshots import ColumnChange, ColumnFigures


def ids(*numbers):
    return pa.table({"id": list(numbers)})


@pytest.fixture
def three(catalog):
    """Three states, each of one drop with one row more, at least 5 ms apart."""
    states = []
    for number in (1, 2, 3):
        states.append(deliver(catalog, f"d{number}", ids(*range(number))))
        time.sleep(0.005)
    return states


def expire(catalog):
    """As a maintenance job would: everything that nothing protects."""
    soon = datetime.now(UTC) + timedelta(minutes=1)
    catalog._load("t").maintenance.expire_snapshots().older_than(soon).commit()


def test_a_state_stays_readable_by_id_and_by_tag_after_others_came(catalog, three):
    catalog.tag("t", three[0].snapshot_id, "run-1")
    assert values(catalog) == [0, 0, 0, 1, 1, 2]
    assert values(catalog, snapshot_id=str(three[1].snapshot_id)) == [0, 0, 1]
    assert values(catalog, tag="run-1") == [0]
    assert values(catalog, snapshot_id=three[1].snapshot_id, row_filter="id > 0") == [1]


def test_a_time_names_the_state_that_was_newest_then(catalog, three):
    moment = timedelta(milliseconds=1)
    first, second, third = three
    assert catalog.resolve("t", as_of=second.committed_at) == second
    assert catalog.resolve("t", as_of=second.committed_at - moment) == first
    assert catalog.resolve("t", as_of=third.committed_at + timedelta(days=1)) == third
    assert values(catalog, as_of=second.committed_at) == [0, 0, 1]
    zone = timezone(timedelta(hours=9))
    assert catalog.resolve("t", as_of=second.committed_at.astimezone(zone)) == second
    with pytest.raises(LookupError, match="`t` has no state `20"):
        catalog.resolve("t", as_of=first.committed_at - moment)


def test_without_a_name_the_newest_state_is_meant(catalog, three):
    assert catalog.resolve("t") == three[-1] == catalog.head("t")


@pytest.mark.parametrize("name", [{"tag": "none"}, {"snapshot_id": 1}, {"snapshot_id": "1"}], ids=str)
def test_a_name_of_no_state_is_said_to_be_none(catalog, three, name):
    with pytest.raises(LookupError, match=f"has no state `{next(iter(name.values()))}`"):
        catalog.resolve("t", **name)
    with pytest.raises(LookupError, match="has no state"):
        catalog.read("t", **name)


def test_a_state_has_one_name_at_a_time_and_a_time_has_a_zone(catalog, three):
    with pytest.raises(ValueError, match="not by several"):
        catalog.resolve("t", tag="a", snapshot_id=1)
    with pytest.raises(ValueError, match="without its zone"):
        catalog.resolve("t", as_of=datetime(2026, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize("call", ["resolve", "log"])
def test_a_table_that_is_not_there_is_said_to_be_missing(catalog, call):
    with pytest.raises(LookupError, match="there is no table `nothing`"):
        getattr(catalog, call)("nothing")


def test_two_runs_tag_the_same_state_and_a_retry_changes_nothing(catalog, three):
    newest = three[-1].snapshot_id
    for run in ("run-1", "run-2", "run-1"):
        catalog.tag("t", newest, run)
    before = catalog._load("t").metadata_location
    catalog.tag("t", str(newest), "run-2")
    assert catalog._load("t").metadata_location == before
    assert catalog.head("t").tags == ("run-1", "run-2")


def test_a_tag_moves_only_when_that_is_meant(catalog, three):
    catalog.tag("t", three[0].snapshot_id, "run-1")
    with pytest.raises(ValueError, match=f"`run-1` names state {three[0].snapshot_id}"):
        catalog.tag("t", three[1].snapshot_id, "run-1")
    assert catalog.resolve("t", tag="run-1").snapshot_id == three[0].snapshot_id
    catalog.tag("t", three[1].snapshot_id, "run-1", move=True)
    assert catalog.resolve("t", tag="run-1").snapshot_id == three[1].snapshot_id


def test_a_tag_of_a_state_that_is_none_is_refused(catalog, three):
    with pytest.raises(LookupError, match="has no state `5`"):
        catalog.tag("t", 5, "run-1")


def test_a_tag_that_lost_against_a_drop_is_set_on_the_next_attempt(catalog, three, monkeypatch):
    commit, left = iceberg.Glue.commit_table, [2]
    monkeypatch.setattr(catalog_module, "_FIRST_WAIT_SECONDS", 0)

    def refused_at_first(self, *arguments):
        left[0] -= 1
        if left[0] >= 0:
            raise iceberg.CommitFailedException("changed")
        return commit(self, *arguments)

    monkeypatch.setattr(iceberg.Glue, "commit_table", refused_at_first)
    catalog.tag("t", three[0].snapshot_id, "run-1")
    assert catalog.resolve("t", tag="run-1").snapshot_id == three[0].snapshot_id


def test_a_tagged_state_does_not_expire_and_others_do(catalog, three):
    catalog.tag("t", three[0].snapshot_id, "run-1")
    expire(catalog)
    assert values(catalog, tag="run-1") == [0]
    assert values(catalog) == [0, 0, 0, 1, 1, 2]
    with pytest.raises(LookupError, match="has no state"):
        catalog.resolve("t", snapshot_id=three[1].snapshot_id)
    assert [state.snapshot_id for state in catalog.log("t")] == [three[-1].snapshot_id]


def test_the_log_lists_states_newest_first_with_what_made_them(catalog, three):
    catalog.tag("t", three[0].snapshot_id, "run-1")
    replaced = deliver(catalog, "d4", ids(7), replaces=["d3"])
    log = catalog.log("t")
    assert [state.drop_id for state in log] == ["d4", "d3", "d2", "d1"]
    assert [state.parent_id for state in log] == [state.snapshot_id for state in log[1:]] + [None]
    assert [state.operation for state in log] == ["overwrite", "append", "append", "append"]
    assert [(s.added_rows, s.removed_rows, s.total_rows) for s in log] == [
        (1, 3, 4),
        (3, 0, 6),
        (2, 0, 3),
        (1, 0, 1),
    ]
    assert log[0] == replaced and log[3].tags == ("run-1",) and log[0].replaces == ("d3",)
    assert log[0].properties["tidegate.verdict"] == "accept"
    assert all(a.committed_at > b.committed_at for a, b in itertools.pairwise(log))
    assert list(catalog.log("t", limit=2)) == list(log[:2])


def test_a_difference_counts_rows_and_names_the_drops_in_between(catalog, three):
    replaced = deliver(catalog, "d4", ids(7), replaces=["d2"])
    found = catalog.diff("t", three[0], replaced)
    # d1 [0] stays; d2 [0, 1] came and went; d3 [0, 1, 2] and d4 [7] came
    assert (found.added_rows, found.removed_rows, found.columns) == (4, 0, ())
    assert [state.drop_id for state in found.gained] == ["d2", "d3", "d4"] and found.lost == ()
    assert found.figures == {
        "id": (
            ColumnFigures(nulls=0, minimum=0, maximum=0),
            ColumnFigures(nulls=0, minimum=0, maximum=7),
        )
    }
    back = catalog.diff("t", replaced, three[1])
    assert (back.added_rows, back.removed_rows) == (2, 4)
    assert [state.drop_id for state in back.lost] == ["d3", "d4"] and back.gained == ()


def test_a_state_does_not_differ_from_itself(catalog, three):
    found = catalog.diff("t", three[1], three[1])
    assert (found.added_rows, found.removed_rows, found.columns, found.gained) == (0, 0, (), ())
    assert found.figures == {}


def test_a_difference_tells_of_columns_that_came_went_changed_or_were_renamed(catalog):
    leg = pa.struct([("miles", pa.int32())])
    schema = pa.schema([("id", pa.int32()), ("old", pa.string()), ("gone", pa.string()), ("leg", leg)])
    row = {"id": 5, "old": "a", "gone": "b", "leg": {"miles": 3}}
    first = deliver(catalog, "d1", pa.Table.from_pylist([row], schema))
    with catalog._load("t").update_schema() as update:  # as `ALTER TABLE` of Athena does
        update.rename_column("old", "new")
        update.delete_column("gone")
    leg = pa.struct([("miles", pa.int32()), ("port", pa.string())])
    schema = pa.schema([("id", pa.int64()), ("new", pa.string()), ("leg", leg), ("more", pa.float64())])
    row = {"id": 6, "new": None, "leg": {"miles": 4, "port": "X"}, "more": 0.5}
    last = deliver(catalog, "d2", pa.Table.from_pylist([row], schema))
    found = catalog.diff("t", first, last)
    assert set(found.columns) == {
        ColumnChange(before="id: int", after="id: long"),
        ColumnChange(before="old: string", after="new: string"),
        ColumnChange(before="gone: string", after=None),
        ColumnChange(before=None, after="more: double"),
        ColumnChange(before=None, after="leg.port: string"),
    }
    # bounds of the file with 32-bit integers are read as the wider type
    assert found.figures["id"] == (
        ColumnFigures(nulls=0, minimum=5, maximum=5),
        ColumnFigures(nulls=0, minimum=5, maximum=6),
    )
    assert found.figures["new"][1].nulls == 1


def test_rows_of_files_older_than_a_column_count_as_nulls_of_it(catalog):
    deliver(catalog, "d1", ids(1, 2))
    second = deliver(catalog, "d2", pa.table({"id": [3], "name": ["a"]}))
    third = deliver(catalog, "d3", pa.table({"id": [4], "name": ["b"]}))
    before, after = catalog.diff("t", second, third).figures["name"]
    assert (before, after) == (
        ColumnFigures(nulls=2, minimum="a", maximum="a"),
        ColumnFigures(nulls=2, minimum="a", maximum="b"),
    )


def test_bounds_are_values_of_their_column(catalog):
    before = {
        "day": date(2026, 2, 28),
        "at": datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
        "opens": clock(8, 30),
        "price": Decimal("-1.50"),
        "late": False,
    }
    after = {
        "day": date(2026, 3, 1),
        "at": datetime(1969, 12, 31, tzinfo=UTC),
        "opens": clock(7, 0),
        "price": Decimal("2.25"),
        "late": True,
    }
    types = [pa.date32(), pa.timestamp("us", "UTC"), pa.time64("us"), pa.decimal128(10, 2), pa.bool_()]
    schema = pa.schema(list(zip(before, types, strict=True)))
    first = deliver(catalog, "d1", pa.Table.from_pylist([before], schema))
    last = deliver(catalog, "d2", pa.Table.from_pylist([after], schema))
    for name, (old, new) in catalog.diff("t", first, last).figures.items():
        assert (old.minimum, old.maximum) == (before[name], before[name])
        assert (new.minimum, new.maximum) == tuple(sorted([before[name], after[name]]))
    assert len(catalog.diff("t", first, last).figures) == 5


def test_a_difference_with_a_state_that_expired_is_refused(catalog, three):
    expire(catalog)
    with pytest.raises(LookupError, match="has no state"):
        catalog.diff("t", three[0], three[2])


def test_a_stream_gives_all_rows_or_the_first_of_them(catalog, three):
    found = catalog.batches("t", columns=["id"]).read_all()["id"].to_pylist()
    assert sorted(found) == [0, 0, 0, 1, 1, 2]
    for limit in (0, 1, 4, 6, 100):
        assert catalog.batches("t", limit=limit).read_all().num_rows == min(limit, 6)
    assert catalog.batches("t", row_filter="id = 1", limit=10).read_all().num_rows == 2


def test_a_stream_opens_a_file_when_the_one_before_was_taken(catalog, three, monkeypatch):
    opened = []
    plain = iceberg.ArrowScan.to_record_batches
    monkeypatch.setattr(
        iceberg.ArrowScan,
        "to_record_batches",
        lambda self, tasks: opened.extend(tasks) or plain(self, tasks),
    )
    reader = catalog.batches("t")
    reader.read_next_batch()
    assert len(opened) == 1
    reader.read_all()
    assert len(opened) == 3
