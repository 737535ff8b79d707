"""A table's columns as the contract evolves: through files, as ingestion adds them, on a moto server."""

from decimal import Decimal

import pyarrow as pa
import pytest
from lake import deliver, values
from pyiceberg.exceptions import CommitFailedException

from tidegate.aws import catalog as catalog_module
from tidegate.aws import iceberg
from tidegate.aws.catalog import Catalog
from tidegate.errors import SchemaConflictError

NESTED = pa.schema(
    [
        ("id", pa.int64()),
        ("tags", pa.list_(pa.string())),
        ("legs", pa.list_(pa.struct([("port", pa.string()), ("miles", pa.int32())]))),
        ("price", pa.struct([("net", pa.decimal128(10, 2)), ("currency", pa.string())])),
        ("extras", pa.map_(pa.string(), pa.int32())),
    ]
)
FIRST = {
    "id": 1,
    "tags": ["a", None],
    "legs": [{"port": "JFK", "miles": 5}, {"port": "LHR", "miles": None}],
    "price": {"net": Decimal("1.50"), "currency": "EUR"},
    "extras": [("bags", 2)],
}
SECOND = {"id": 2, "tags": None, "legs": [], "price": {"net": None, "currency": None}, "extras": []}


def column(values, kind, name="x"):
    return pa.table({name: pa.array(values, kind)})


def rows(catalog, **options):
    return sorted(catalog.read("t", **options).to_pylist(), key=lambda row: row["id"])


def test_a_new_column_is_null_in_older_rows_and_absent_from_older_states(catalog):
    first = deliver(catalog, "d1", pa.table({"id": [1]}))
    deliver(catalog, "d2", pa.table({"id": [2], "name": ["b"]}))
    assert rows(catalog) == [{"id": 1, "name": None}, {"id": 2, "name": "b"}]
    assert rows(catalog, snapshot_id=first.snapshot_id) == [{"id": 1}]
    assert rows(catalog, row_filter="name is null") == [{"id": 1, "name": None}]


@pytest.mark.parametrize(
    "old, new",
    [
        (column([-5, 2**31 - 1], pa.int32()), column([2**40], pa.int64())),
        (column([0.5, -1.25], pa.float32()), column([1e300], pa.float64())),
        (
            column([Decimal("-1.50"), Decimal("999.99")], pa.decimal128(5, 2)),
            column([Decimal("1000000000.00")], pa.decimal128(12, 2)),
        ),
    ],
    ids=["int", "float", "decimal"],
)
def test_a_widened_column_reads_all_rows_and_filters_them(catalog, old, new):
    first = deliver(catalog, "d1", old)
    deliver(catalog, "d2", new)
    before, after = old["x"].to_pylist(), new["x"].to_pylist()
    assert catalog.read("t").schema.field("x").type == new.schema.field("x").type
    assert values(catalog, "x") == sorted(before + after)
    # pyiceberg cannot compare a file of decimals with more than the file's own type holds
    assert values(catalog, "x", row_filter=f"x > 0 and x <= {max(before)}") == [max(before)]
    assert values(catalog, "x", snapshot_id=first.snapshot_id) == sorted(before)


def test_files_of_the_older_contract_are_taken_after_the_table_was_widened(catalog):
    """A drop that was judged before the new contract was deployed, and is recorded after."""
    deliver(catalog, "d1", column([1], pa.int32()))
    deliver(catalog, "d2", column([2**40], pa.int64()))
    deliver(catalog, "d3", column([3], pa.int32()))
    assert values(catalog, "x") == [1, 3, 2**40]
    assert values(catalog, "x", row_filter="x = 3") == [3]


def test_rows_and_the_columns_they_need_become_visible_at_once(catalog):
    deliver(catalog, "d1", pa.table({"id": [1]}))
    before = catalog._load("t").metadata
    deliver(catalog, "d2", pa.table({"id": [2], "name": ["b"]}))
    after = catalog._load("t").metadata
    assert len(after.metadata_log) == len(before.metadata_log) + 1


def test_a_column_that_may_be_null_now_takes_nulls(catalog):
    required = pa.schema([pa.field("id", pa.int64(), nullable=False)])
    deliver(catalog, "d1", pa.Table.from_pylist([{"id": 1}], required))
    deliver(catalog, "d2", pa.table({"id": [None, 2]}))
    assert values(catalog) == [1, 2, None]


@pytest.mark.parametrize(
    "old, new, says",
    [
        (pa.int64(), pa.int32(), "`x` would narrow from int64 to int32"),
        (pa.float64(), pa.float32(), "`x` would narrow from double to float"),
        (pa.string(), pa.int64(), "`x` would change from string to int64"),
        (pa.decimal128(10, 2), pa.decimal128(12, 3), "`x` would change from decimal128"),
        (pa.map_(pa.int32(), pa.string()), pa.map_(pa.int64(), pa.string()), "map keys"),
    ],
    ids=["int", "float", "text", "scale", "map key"],
)
def test_what_iceberg_refuses_is_said_in_three_lines_and_nothing_is_written(catalog, old, new, says):
    first = deliver(catalog, "d1", column([], old))
    with pytest.raises(SchemaConflictError, match="cannot take columns") as raised:
        deliver(catalog, "d2", column([], new))
    assert says in raised.value.cause
    assert "another name" in raised.value.hint
    assert catalog.head("t") == first
    assert len(catalog._load("t").metadata.schemas) == 1


def test_the_order_of_a_contracts_columns_does_not_matter(catalog):
    deliver(catalog, "d1", pa.table({"id": [1], "name": ["a"]}))
    deliver(catalog, "d2", pa.table({"name": ["b"], "id": [2]}))
    assert catalog.read("t").column_names == ["id", "name"]
    assert rows(catalog) == [{"id": 1, "name": "a"}, {"id": 2, "name": "b"}]


def test_a_renamed_column_is_a_new_one_and_the_old_one_stays(catalog):
    first = deliver(catalog, "d1", pa.table({"id": [1], "name": ["a"]}))
    deliver(catalog, "d2", pa.table({"id": [2], "title": ["b"]}))
    deliver(catalog, "d3", pa.table({"id": [3], "name": ["c"]}))  # and the old name again
    assert rows(catalog) == [
        {"id": 1, "name": "a", "title": None},
        {"id": 2, "name": None, "title": "b"},
        {"id": 3, "name": "c", "title": None},
    ]
    assert rows(catalog, snapshot_id=first.snapshot_id) == [{"id": 1, "name": "a"}]


def test_nested_columns_come_back_as_they_were_in_the_files(catalog):
    deliver(catalog, "d1", pa.Table.from_pylist([FIRST], NESTED), pa.Table.from_pylist([SECOND], NESTED))
    assert rows(catalog) == [FIRST, SECOND]
    assert rows(catalog, row_filter="price.net > 1", columns=["id", "price.currency"]) == [
        {"id": 1, "price": {"currency": "EUR"}}
    ]


def test_nested_columns_evolve_like_others(catalog):
    first = deliver(catalog, "d1", pa.Table.from_pylist([FIRST], NESTED))
    leg = pa.struct([("port", pa.string()), ("miles", pa.int64()), ("gate", pa.string())])
    wider = NESTED.set(2, pa.field("legs", pa.list_(leg)))
    wider = wider.set(4, pa.field("extras", pa.map_(pa.string(), pa.int64())))
    second = SECOND | {
        "legs": [{"port": "CDG", "miles": 2**40, "gate": "B2"}],
        "extras": [("miles", 2**41)],
    }
    deliver(catalog, "d2", pa.Table.from_pylist([second], wider))
    legs = [leg | {"gate": None} for leg in FIRST["legs"]]
    assert rows(catalog) == [FIRST | {"legs": legs}, second]
    assert rows(catalog, snapshot_id=first.snapshot_id) == [FIRST]


def test_a_schema_change_and_a_drop_at_the_same_time_are_both_kept(catalog, monkeypatch):
    deliver(catalog, "d1", column([1], pa.int32()))
    rival = Catalog(catalog.s3, lake_bucket=catalog.lake_bucket, database=catalog.database)
    commit, rivals = iceberg.Glue.commit_table, [("d2", column([2**40], pa.int64()))]
    monkeypatch.setattr(catalog_module, "_FIRST_WAIT_SECONDS", 0)

    def after_a_rival(self, *arguments):
        if rivals:
            deliver(rival, *rivals.pop())
            with pytest.raises(CommitFailedException):  # by pyiceberg's own check: the table has moved on
                commit(self, *arguments)
            raise CommitFailedException("as it was")
        return commit(self, *arguments)

    monkeypatch.setattr(iceberg.Glue, "commit_table", after_a_rival)
    last = deliver(catalog, "d3", pa.table({"x": pa.array([3], pa.int32()), "name": ["c"]}))
    assert (values(catalog, "x"), last.total_rows) == ([1, 3, 2**40], 3)
    assert values(catalog, "name") == ["c", None, None]
