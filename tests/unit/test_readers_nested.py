"""Objects, arrays and maps in Parquet, JSON Lines and CSV."""

import datetime as dt
import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import as_parquet, batches_of, contract

from tidegate.contract.plan import Column

POINT = Column(
    name="point",
    type="object",
    members=(Column(name="x", type="integer"), Column(name="at", type="date")),
)
TAGS = Column(name="tags", type="array", members=(Column(name="item", type="string"),))
SCORES = Column(
    name="scores",
    type="map",
    members=(Column(name="key", type="string"), Column(name="value", type="number")),
)
PATH = Column(name="path", type="array", members=(POINT,))
PLAN = contract(Column(name="id", type="integer"), POINT, TAGS, SCORES, PATH)
DAY = dt.date(2013, 1, 2)

SOUND = [
    {"id": 1, "point": {"x": 5, "at": DAY}, "tags": ["a", None, ""], "scores": [("p", 0.5)], "path": []},
    {"id": 2, "point": None, "tags": None, "scores": None, "path": None},
    {
        "id": 3,
        "point": {"x": None, "at": None},
        "tags": [],
        "scores": [],
        "path": [{"x": 1, "at": DAY}, None],
    },
]


def as_objects(row):
    """A row as JSON has it: maps are objects."""
    return {**row, "scores": None if row["scores"] is None else dict(row["scores"])}


def as_jsonl(rows):
    return "".join(json.dumps(as_objects(row), default=str) + "\n" for row in rows)


def as_csv(rows):
    lines = [",".join(PLAN.names)]
    for row in map(as_objects, rows):
        cells = ["" if row[n] is None else json.dumps(row[n], default=str) for n in PLAN.names]
        lines.append(",".join('"' + cell.replace('"', '""') + '"' if cell else "" for cell in cells))
    return "\n".join(lines) + "\n"


def as_table(rows):
    types = {
        "id": pa.int64(),
        "point": pa.struct([("x", pa.int64()), ("at", pa.date32())]),
        "tags": pa.large_list(pa.string()),
        "scores": pa.map_(pa.string(), pa.float32()),
        "path": pa.list_(pa.struct([("at", pa.date32()), ("x", pa.int64()), ("unknown", pa.int8())])),
    }
    return pa.table({name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()})


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet"])
def test_nested_values_come_in_the_contracts_types(kind):
    body = {"jsonl": as_jsonl, "csv": as_csv, "parquet": lambda rows: as_parquet(as_table(rows))}[kind](SOUND)
    [batch] = batches_of(body, f"p.{kind}", plan=PLAN)
    assert batch.failed == {}
    assert batch.rows.to_pylist() == SOUND
    assert batch.rows["point"].type == pa.struct([("x", pa.int64()), ("at", pa.date32())])


FAULTS = {
    "point": ({"x": 1.5}, {"x": 1, "at": "soon"}, {"x": "1"}, [1], 7, "text"),
    "tags": (["a", 1], {"a": 1}, "a", [["a"]]),
    "scores": ({"p": "high"}, [1], 1, {"p": {}}),
    "path": ([{"x": "1"}], [[]], [{"x": None, "at": "2013-02-30"}]),
}


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize("column", FAULTS)
def test_a_nested_value_that_does_not_fit_fails_whole_and_is_told(kind, column):
    first, last = (as_jsonl if kind == "jsonl" else as_csv)([SOUND[0], SOUND[2]]).splitlines()[-2:]
    faulty = [json.dumps(fault) for fault in FAULTS[column]]
    if kind == "jsonl":
        lines = [first, *(f'{{"{column}": {fault}}}' for fault in faulty), last]
    else:
        cells = ['"' + fault.replace('"', '""') + '"' for fault in faulty]
        lines = [",".join(PLAN.names), first]
        lines += [",".join(cell if name == column else "" for name in PLAN.names) for cell in cells]
        lines += [last]
    body = "\n".join(lines) + "\n"
    [batch] = batches_of(body, f"p.{kind}", plan=PLAN)
    assert set(batch.failed) == {column}
    assert batch.failed[column].positions.tolist() == list(range(1, 1 + len(faulty)))
    told = [json.loads(text) if text[0] in "[{" else text for text in batch.failed[column].texts]
    assert told == [fault if isinstance(fault, dict | list) else str(fault) for fault in FAULTS[column]]
    values = batch.rows[column].to_pylist()
    assert values[0] == SOUND[0][column] and values[-1] == SOUND[2][column]
    assert values[1:-1] == [None] * len(faulty)


def test_nested_values_of_another_shape_fail_in_parquet():
    table = pa.table(
        {
            "point": pa.array([{"x": 300, "at": None}, {"x": 2**40, "at": DAY}, None]),
            "tags": pa.array([[1], [], None]),
            "scores": pa.array([{"p": 1.0}, None, {"p": 2.0}]),
            "path": pa.array([[{"x": 1.5}], [{"x": 2.0}, {"x": 3.5}], [{"x": 4.0}, None]]),
        }
    )
    narrow = Column(name="point", type="object", members=(Column(name="x", type="integer", format="i32"),))
    plan = contract(narrow, TAGS, SCORES, PATH)
    [batch] = batches_of(as_parquet(table), "p.parquet", plan=plan)
    found = {name: failed.positions.tolist() for name, failed in batch.failed.items()}
    # A list of nothing is a list of anything; a struct is no map.
    assert found == {"point": [1], "tags": [0], "scores": [0, 2], "path": [0, 1]}
    assert batch.failed["path"].texts == ('[{"x": 1.5}]', '[{"x": 2.0}, {"x": 3.5}]')
    assert batch.rows["path"].to_pylist() == [None, None, [{"x": 4, "at": None}, None]]
    assert batch.rows["point"].to_pylist() == [{"x": 300}, None, None]


def test_a_cell_that_is_no_json_fails():
    body = 'id,tags\n1,"[""a""]"\n2,[a\n3,\n4,"  "\n'
    [batch] = batches_of(body, "p.csv", plan=contract(Column(name="id", type="integer"), TAGS))
    assert batch.failed["tags"].texts == ("[a",)
    assert batch.rows["tags"].to_pylist() == [["a"], None, None, None]


def test_a_cell_nested_a_thousand_deep_fails():
    body = "id,tags\n1," + "[" * 1000 + "]" * 1000 + "\n"
    [batch] = batches_of(body, "p.csv", plan=contract(Column(name="id", type="integer"), TAGS))
    assert batch.failed["tags"].positions.tolist() == [0]


def test_an_object_without_members_is_kept_as_json():
    plan = contract(Column(name="id", type="integer"), Column(name="any", type="object"))
    rows = [{"id": 1, "any": {"b": [1, 2.5], "a": "ü"}}, {"id": 2, "any": None}]
    [lines] = batches_of("".join(json.dumps(row) + "\n" for row in rows), "p.jsonl", plan=plan)
    [parquet] = batches_of(
        as_parquet(pa.table({"any": pa.array([{"a": "ü", "n": 1}, None])})), "p.parquet", plan=plan
    )
    assert lines.rows["any"].to_pylist() == ['{"b": [1, 2.5], "a": "ü"}', None]
    assert parquet.rows["any"].to_pylist() == ['{"a": "ü", "n": 1}', None]


def test_decimals_keep_their_digits_in_json():
    exact = "12345678901234567.89"
    price = Column(name="price", type="number", format="decimal(20,2)")
    deep = Column(name="deep", type="array", members=(price,))
    body = (
        f'{{"price": {exact}, "deep": [{exact}]}}\n{{"price": "{exact}", "deep": null}}\n{{"price": 1.005}}\n'
    )
    for more in ("", '{"price": true}\n'):  # at once, and one by one
        [batch] = batches_of(body + more, "p.jsonl", plan=contract(price, deep))
        assert batch.rows["price"].to_pylist()[:3] == [Decimal(exact), Decimal(exact), None]
        assert batch.rows["deep"].to_pylist()[0] == [Decimal(exact)]
        assert batch.failed["price"].positions.tolist() == ([2, 3] if more else [2])


points = st.none() | st.fixed_dictionaries(
    {"x": st.none() | st.integers(-(2**63), 2**63 - 1), "at": st.none() | st.dates()}
)
rows = st.fixed_dictionaries(
    {
        "id": st.integers(0, 9),
        "point": points,
        "tags": st.none()
        | st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=4), max_size=3),
        "scores": st.none()
        | st.dictionaries(
            st.text("abc", max_size=2), st.none() | st.floats(allow_nan=False, width=32), max_size=2
        ).map(lambda found: list(found.items())),
        "path": st.none() | st.lists(points, max_size=3),
    }
)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(rows, min_size=1, max_size=12), group_rows=st.integers(1, 5))
def test_any_nested_values_come_out_of_every_format_as_they_went_in(rows, group_rows):
    for body, key in (
        (as_jsonl(rows), "p.jsonl"),
        (as_csv(rows), "p.csv"),
        (as_parquet(as_table(rows), row_group_size=group_rows), "p.parquet"),
    ):
        batches = batches_of(body, key, plan=PLAN)
        assert [row for batch in batches for row in batch.rows.to_pylist()] == rows
        assert not any(batch.failed for batch in batches)
