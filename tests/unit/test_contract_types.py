"""The type map: contract, Arrow, Glue and DuckDB, there and back."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiceberg.catalog.glue import _IcebergSchemaToGlueType
from pyiceberg.io.pyarrow import _pyarrow_to_schema_without_ids
from pyiceberg.schema import assign_fresh_schema_ids, visit

from tidegate.columns.arrow_types import (
    arrow_schema,
    arrow_type,
    arrow_type_of_glue,
    column_of,
    duckdb_type,
    glue_type,
)
from tidegate.contract.plan import Column

# Everything the way through Arrow loses, and what is there instead.
WIDENED = {"i8": "i32", "i16": "i32", "u8": "i32", "u16": "i32", "u32": None, "i64": None, "f64": None}
NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_ \-]{0,8}", fullmatch=True)
DECIMALS = st.integers(1, 38).flatmap(
    lambda digits: st.integers(0, digits).map(lambda scale: f"decimal({digits},{scale})")
)


def plain(name):
    return st.one_of(
        st.sampled_from(["string", "boolean", "date", "time"]).map(lambda t: Column(name=name, type=t)),
        st.sampled_from(["UTC", "Europe/Oslo"]).map(
            lambda zone: Column(name=name, type="timestamp", timezone=zone)
        ),
        st.sampled_from([None, "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"]).map(
            lambda form: Column(name=name, type="integer", format=form)
        ),
        st.one_of(st.sampled_from([None, "f32", "f64"]), DECIMALS).map(
            lambda form: Column(name=name, type="number", format=form)
        ),
    )


def columns(name, depth=2):
    if not depth:
        return plain(name)
    inner = depth - 1
    return st.one_of(
        plain(name),
        columns("item", inner).map(lambda item: Column(name=name, type="array", members=(item,))),
        st.tuples(plain("key"), columns("value", inner)).map(
            lambda pair: Column(name=name, type="map", members=pair)
        ),
        st.lists(NAMES, min_size=1, max_size=3, unique_by=str.lower).flatmap(
            lambda names: st.tuples(*(columns(member, inner) for member in names)).map(
                lambda members: Column(name=name, type="object", members=members)
            )
        ),
    )


def after_arrow(column):
    """What is left of a column once only its Arrow type is known: the list of losses, by hand."""
    members = tuple(after_arrow(member) for member in column.members)
    if column.type == "integer" and column.format == "u64":
        return Column(name=column.name, type="number", format="decimal(20,0)")
    form = WIDENED.get(column.format, column.format)
    return Column(name=column.name, type=column.type, format=form, members=members)


def without_times(type_):
    """Glue has no time of day: all else survives it."""
    if pa.types.is_struct(type_):
        return pa.struct([(field.name, without_times(field.type)) for field in type_])
    if pa.types.is_map(type_):
        return pa.map_(without_times(type_.key_type), without_times(type_.item_type))
    if pa.types.is_list(type_):
        return pa.list_(without_times(type_.value_type))
    return pa.string() if type_ == pa.time64("us") else type_


@given(columns("a"))
def test_a_column_comes_back_from_arrow_but_for_widths_that_iceberg_lacks(column):
    back = column_of("a", arrow_type(column))
    assert back == after_arrow(column)
    # Once widened it is lossless: what is stored is what is read.
    assert arrow_type(back) == arrow_type(column)
    assert column_of("a", arrow_type(back)) == back


@given(columns("a"))
def test_an_arrow_type_comes_back_from_glue_but_for_times_of_day(column):
    type_ = arrow_type(column)
    assert arrow_type_of_glue(glue_type(type_)) == without_times(type_)


@given(columns("a"))
def test_glue_is_told_what_pyiceberg_tells_it(column):
    iceberg = assign_fresh_schema_ids(_pyarrow_to_schema_without_ids(arrow_schema([column])))
    assert visit(iceberg, _IcebergSchemaToGlueType()) == f"struct<a:{glue_type(arrow_type(column))}>"


@settings(deadline=None)
@given(columns("a", 3))
def test_duckdb_makes_of_an_arrow_table_what_the_map_says(column):
    empty = arrow_schema([column]).empty_table()
    with duckdb.connect() as connection:
        connection.register("empty", empty)
        connection.sql("create table arrow as select * from empty")
        connection.sql(f"create table typed (a {duckdb_type(column)})")
        described = [connection.sql(f"describe {t}").fetchall()[0][1] for t in ("arrow", "typed")]
    assert described[0] == described[1]


@pytest.mark.parametrize(
    ("type_", "kind", "form"),
    [
        (pa.large_string(), "string", None),
        (pa.dictionary(pa.int32(), pa.string()), "string", None),
        (pa.null(), "string", None),
        (pa.uint8(), "integer", "u8"),
        (pa.uint64(), "integer", "u64"),
        (pa.float16(), "number", "f32"),
        (pa.decimal256(38, 4), "number", "decimal(38,4)"),
        (pa.date64(), "date", None),
        (pa.timestamp("ns"), "timestamp", None),
        (pa.timestamp("s", tz="Europe/Oslo"), "timestamp", None),
        (pa.time32("ms"), "time", None),
    ],
    ids=str,
)
def test_what_others_write_has_a_contract_type(type_, kind, form):
    assert column_of("a", type_) == Column(name="a", type=kind, format=form)


@pytest.mark.parametrize(
    "type_",
    [
        pa.binary(),
        pa.duration("s"),
        pa.month_day_nano_interval(),
        pa.decimal256(60, 2),
        pa.struct([]),
        pa.list_(pa.binary()),
        pa.struct([("a", pa.string()), ("b", pa.binary())]),
        pa.map_(pa.string(), pa.binary()),
    ],
    ids=str,
)
def test_what_no_contract_can_name_has_none(type_):
    assert column_of("a", type_) is None


@pytest.mark.parametrize(
    "text",
    ["", "text", "array<int", "array<int>>", "map<int>", "struct<a>", "struct<a:int", "int,int", "<int>"],
)
def test_a_text_that_is_no_glue_type_is_refused(text):
    with pytest.raises(ValueError, match=r"Glue type|expected|goes on"):
        arrow_type_of_glue(text)
