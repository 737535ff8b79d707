"""What columns may become. Types and verdicts are those of the Iceberg specification, "Schema Evolution"."""

import pyarrow as pa
import pytest

from tidegate.ingestion.schema_evolution import changes, conflicts

INT, LONG, FLOAT, DOUBLE, TEXT = pa.int32(), pa.int64(), pa.float32(), pa.float64(), pa.string()
DECIMAL = pa.decimal128


def one(kind, *, nullable=True):
    return pa.schema([pa.field("x", kind, nullable=nullable)])


@pytest.mark.parametrize(
    "old, new",
    [
        (INT, LONG),
        (FLOAT, DOUBLE),
        (DECIMAL(10, 2), DECIMAL(12, 2)),
        (pa.struct([("a", INT)]), pa.struct([("a", LONG)])),
        (pa.struct([("a", INT)]), pa.struct([("a", INT), ("b", TEXT)])),
        (pa.list_(INT), pa.list_(LONG)),
        (pa.map_(TEXT, INT), pa.map_(TEXT, LONG)),
    ],
    ids=str,
)
def test_a_type_may_widen_and_never_narrow(old, new):
    assert changes(one(old), one(new)) and not conflicts(one(old), one(new))
    if pa.types.is_struct(new) and new.num_fields > old.num_fields:
        return  # a member that is missing is null, not a conflict
    assert len(conflicts(one(new), one(old))) == 1 and "would narrow" in conflicts(one(new), one(old))[0]


@pytest.mark.parametrize(
    "old, new",
    [
        (TEXT, INT),
        (INT, TEXT),
        (INT, DOUBLE),
        (LONG, DOUBLE),
        (DOUBLE, LONG),
        (pa.date32(), pa.timestamp("us", "UTC")),
        (LONG, DECIMAL(20, 0)),
        (DECIMAL(10, 2), DECIMAL(12, 3)),
        (DECIMAL(10, 2), DECIMAL(10, 3)),
        (pa.struct([("a", INT)]), TEXT),
        (TEXT, pa.list_(TEXT)),
        (pa.list_(INT), pa.map_(TEXT, INT)),
        (pa.bool_(), INT),
    ],
    ids=str,
)
def test_a_type_may_not_become_another(old, new):
    assert conflicts(one(old), one(new)) == [f"`x` would change from {old} to {new}"]


def test_a_column_that_narrows_names_both_types():
    assert conflicts(one(LONG), one(INT)) == ["`x` would narrow from int64 to int32"]


def test_a_type_the_column_once_had_is_an_older_contracts_and_welcome():
    assert conflicts(one(LONG), one(INT), past=[one(INT), one(LONG)]) == []
    assert conflicts(one(LONG), one(INT), past=[one(LONG)]) != []
    nested = [pa.schema([("x", pa.list_(pa.struct([("a", kind)])))]) for kind in (INT, LONG)]
    assert conflicts(nested[1], nested[0], past=nested) == []


def test_a_conflict_deep_inside_is_named_by_its_path():
    old, new = (one(pa.list_(pa.struct([("a", pa.map_(TEXT, kind))]))) for kind in (TEXT, INT))
    assert conflicts(old, new) == ["`x.element.a.value` would change from string to int32"]


def test_order_and_missing_columns_change_nothing():
    table = pa.schema([("a", INT), ("b", TEXT)])
    assert not changes(table, pa.schema([("b", TEXT), ("a", INT)]))
    assert not changes(table, pa.schema([("b", TEXT)]))
    assert not conflicts(table, pa.schema([("b", TEXT)]))


def test_a_new_column_is_a_change_and_may_not_be_required():
    table = pa.schema([("a", INT)])
    assert changes(table, pa.schema([("a", INT), ("b", TEXT)]))
    required = pa.schema([pa.field("b", TEXT, nullable=False)])
    assert conflicts(table, required) == [
        "`b` is new and must not be null, but the rows that are there have no value"
    ]


def test_null_may_become_allowed_and_a_demand_leaves_the_table_as_it_is():
    assert changes(one(INT, nullable=False), one(INT))
    assert not changes(one(INT), one(INT, nullable=False))
    assert not conflicts(one(INT), one(INT, nullable=False))


def test_arrows_two_sizes_of_text_are_one_type():
    assert not conflicts(one(pa.large_string()), one(TEXT)) and not changes(one(pa.large_string()), one(TEXT))
