"""Contracts written from files: what they say, and that the file they came from keeps them."""

import datetime as dt
import gzip
import json
import re
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.contract import ContractPlan, compile_contract
from tidegate.contract.check import check_file
from tidegate.contract.draft import Seen, widened
from tidegate.contract.infer import dataset_name, draft_of, infer
from tidegate.contract.plan import Column
from tidegate.errors import DropUnreadableError

FEW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def inferred(tmp_path):
    """Write a file, infer its contract, and compile that."""

    def run(name, content):
        file = tmp_path / name
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
        contract = tmp_path / "contract.yaml"
        contract.write_text(infer(file), encoding="utf-8")
        return file, contract.read_text(), ContractPlan.from_json(compile_contract(contract))

    return run


def column_csv(name, values):
    return "\n".join([name, *values]) + "\n"


def rules(plan, column):
    return {rule.kind: rule for rule in plan.rules if rule.columns == (column,)}


@pytest.mark.parametrize(
    ("values", "kind", "form"),
    [
        (["1", "-2", "+3", "5.0"], "integer", None),
        (["1", "2.5", "1e3"], "number", None),
        (["9223372036854775807", "0"], "integer", None),
        (["9223372036854775808", "0"], "integer", "decimal(38,0)"),
        (["9223372036854775808", "0.5"], "number", None),
        (["007", "123"], "string", None),
        (["0x1f", "0x20"], "string", None),
        (["07", "12"], "string", None),
        (["0.5", "0"], "number", None),
        (["+4722334455", "+4711223344"], "string", None),
        (["true", "False", "NA"], "boolean", None),
        (["yes", "no"], "boolean", None),
        (["f", "f"], "string", None),
        (["0", "1"], "integer", None),
        (["2013-01-31", "2013-02-01"], "date", None),
        (["2013-01-31", "2013-02-01 10:00"], "timestamp", None),
        (["2013-01-31T10:00:00Z", "2013-02-01 10:00:00+02:00"], "timestamp", None),
        (["2013-02-30", "2013-02-01"], "string", None),
        (["10:30", "23:59:59.5"], "time", None),
        (["NA", "null"], "string", None),
        (["NA", "17"], "integer", None),
        (["1", "x"], "string", None),
    ],
    ids=lambda values: ",".join(values) if isinstance(values, list) else None,
)
def test_text_is_typed_by_all_of_its_values(inferred, values, kind, form):
    file, _, plan = inferred("a.csv", column_csv("a", values))
    assert plan.columns == (Column(name="a", type=kind, format=form),)
    assert check_file(plan, file).passes


def test_the_last_row_of_many_pieces_decides_too(inferred):
    # 2,000,000 rows of 2 bytes lie far behind the first piece of 4 MiB.
    _, _, plan = inferred("a.csv", "a\n" + "1\n" * 3_000_000 + "2.5\n")
    assert plan.column("a").type == "number"


def test_a_key_is_guessed_when_one_column_alone_is_complete_and_without_repeats(inferred):
    lines = [f"u{i},{i % 3},{i or ''}" for i in range(12)]
    _, text, plan = inferred("people 2024.csv", "id,kind,n\n" + "\n".join(lines) + "\n")
    assert plan.dataset == "people_2024"
    assert set(rules(plan, "id")) == {"type", "required", "unique"}
    assert "primaryKey: true" in text
    assert "unique" not in rules(plan, "kind") and set(rules(plan, "n")) == {"type", "range"}


def test_a_time_that_never_repeats_is_no_key(inferred):
    rows = "".join(f"2024-01-{day:02d},2024-01-{day:02d}T10:00:00Z\n" for day in range(1, 13))
    _, text, plan = inferred("a.csv", f"day,at\n{rows}")
    assert "unique" not in rules(plan, "day") and "unique" not in rules(plan, "at")
    assert text.count("all different") == 2


def test_no_more_different_values_are_told_than_there_are_rows(inferred):
    draw = np.random.default_rng(1)
    for count in (1_100, 2_500, 9_000):  # estimated: some of these estimates are above the truth
        values = "\n".join(map(repr, draw.random(count).tolist()))
        _, text, _ = inferred("a.csv", f"x\n{values}\n")
        told = int(re.search(r"about ([\d,]+) different", text)[1].replace(",", ""))
        assert 0.9 * count < told <= count


def test_two_columns_that_could_be_the_key_are_unique_and_neither_is_it(inferred):
    _, text, plan = inferred("a.csv", "a,b\n" + "".join(f"x{i},y{i}\n" for i in range(12)))
    assert "unique" in rules(plan, "a") and "unique" in rules(plan, "b")
    assert "primaryKey" not in text


def test_one_repeated_value_in_another_batch_makes_a_column_no_key(inferred):
    numbers = list(range(200_000))
    table = pa.table({"a": [*numbers, 0]})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    _, _, plan = inferred("a.parquet", sink.getvalue().to_pybytes())
    assert "unique" not in rules(plan, "a")


def test_few_texts_that_repeat_are_the_valid_ones(inferred):
    _, _, plan = inferred(
        "a.csv", column_csv("a", ["NO", "SE", "NO", 'x "y"', "SE", 'x "y"']).replace('x "y"', '"x ""y"""')
    )
    assert rules(plan, "a")["enum"].values == ("NO", "SE", 'x "y"')


def test_texts_that_do_not_repeat_are_not_listed(inferred):
    _, _, plan = inferred("a.csv", column_csv("a", [f"t{i}" for i in range(9)]))
    assert set(rules(plan, "a")) == {"type", "required"}


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        # By hand: distance 5037, a quarter 1259.25, step 500: 1-1259 < 0 stays 0; 5038+1259.25 = 6297.25.
        ("1", "5038", True, ("0", "6500")),
        # Distance 54.3, a quarter 13.575, step 5: -13.515 -> -15; 67.885 -> 70.
        ("0.06", "54.31", False, ("0", "70")),
        ("-70", "1272", True, ("-500", "2000")),
        ("-8", "-2", True, ("-10", "0")),
        ("5", "5", True, ("3", "7")),
        ("0", "0", False, ("0", "0.5")),
        ("0.001", "0.002", False, ("0.0005", "0.0025")),
        ("9007199254740993", "9007199254740995", True, ("9007199254740992", "9007199254740996")),
    ],
)
def test_bounds_are_widened_to_readable_numbers(low, high, whole, expected):
    found = widened(Decimal(low), Decimal(high), is_whole=whole)
    assert found == tuple(map(Decimal, expected))


@given(st.decimals(allow_nan=False, allow_infinity=False), st.decimals(allow_nan=False, allow_infinity=False))
def test_widened_bounds_hold_what_was_seen_and_never_cross_zero(one, other):
    low, high = sorted((one, other))
    if (
        abs(low) > 10**30
        or abs(high) > 10**30
        or (low and low.adjusted() < -30)
        or (high and high.adjusted() < -30)
    ):
        return
    wide_low, wide_high = widened(low, high, is_whole=False)
    assert wide_low <= low <= high <= wide_high
    assert wide_low >= 0 or low < 0
    assert wide_high <= 0 or high > 0 or low == high == 0


def test_numbers_that_yaml_would_take_for_text_are_written_so_that_it_does_not(inferred):
    file, text, plan = inferred("a.csv", column_csv("a", ["1e300", "2e-300"]))
    limits = rules(plan, "a")["range"]
    assert (limits.minimum, limits.maximum) == (0, 1.5e300)
    assert "maximum: 1.5e+300" in text and check_file(plan, file).passes


def test_comments_say_what_was_seen(inferred):
    _, text, _ = inferred("a.csv", "n,day\n1,2024-01-31\nNA,2024-02-29\n4,2024-02-01\n")
    assert '# seen: 3 rows, 1 missing, 2 different, from 1 to 4\n      - name: "n"\n' in text
    assert "# seen: 3 rows, 0 missing, all different, from 2024-01-31 to 2024-02-29\n" in text


def test_nested_json_is_typed_to_its_leaves(inferred):
    lines = [
        {"id": 1, "at": "2024-01-01T10:00:00Z", "day": "2024-01-01", "a": {"b": "x", "c": [1, 2]}, "e": {}},
        {
            "id": 2,
            "at": "2024-01-02T10:00:00Z",
            "day": "2024-01-02",
            "a": {"b": "y", "c": [0.5]},
            "t": "12:30",
        },
    ]
    _, text, plan = inferred("a.jsonl", "\n".join(map(json.dumps, lines)))
    item = Column(name="item", type="number")
    members = (Column(name="b", type="string"), Column(name="c", type="array", members=(item,)))
    assert plan.columns == (
        Column(name="id", type="integer"),
        Column(name="at", type="timestamp"),
        Column(name="day", type="date"),
        Column(name="a", type="object", members=members),
        Column(name="t", type="time"),
    )
    assert "# left out: e: no type of a contract holds struct<>" in text


def test_values_of_mixed_kinds_are_told_with_the_first_row(inferred):
    file, text, plan = inferred("a.jsonl", '{"a": "x"}\n{"a": 5}\n{"a": 6}\n')
    assert plan.column("a").type == "string"
    assert (
        '# 2 values are not of this type, the first in row 2: "5"; a drop with such rows is refused' in text
    )
    assert not check_file(plan, file).passes


def test_parquet_keeps_its_own_types_and_what_no_contract_holds_is_left_out(inferred):
    table = pa.table(
        {
            "small": pa.array([1, 200], pa.uint8()),
            "money": pa.array([Decimal("1.25"), Decimal("3.50")], pa.decimal128(9, 2)),
            "digits": pa.array(["1", "2"]),
            "at": pa.array([0, 1], pa.timestamp("ns")),
            "blob": pa.array([b"x", b"y"]),
            "pairs": pa.array([[("k", 1)], []], pa.map_(pa.string(), pa.int64())),
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    _, text, plan = inferred("a.parquet", sink.getvalue().to_pybytes())
    found = {column.name: (column.type, column.format) for column in plan.columns}
    assert found == {
        "small": ("integer", "u8"),
        "money": ("number", "decimal(9,2)"),
        "digits": ("string", None),
        "at": ("timestamp", None),
        "pairs": ("map", None),
    }
    assert "# left out: blob: no type of a contract holds binary" in text
    limits = rules(plan, "small")["range"]
    assert (limits.minimum, limits.maximum) == (0, 250)  # 200 and a quarter of 199, upwards by 50s


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"a;b\n1;2\n", "separated by ';'"),
        ("a.csv", b"a,a\n1,2\n", "more than once"),
        ("a.csv", b"a,b\n1,2\n3\n", "has 1 fields"),
        ("a.jsonl", b'{"a": 1}\nnonsense\n', "line 2 is not JSON"),
        ("a.jsonl", b"[1]\n", "not a JSON object"),
        ("a.parquet", b"PAR1 and no footer", "damaged or cut off"),
        ("a.csv.gz", gzip.compress(b"a\n" + b"1\n" * 99)[:-9], "damaged or cut off"),
        ("a.xlsx", b"PK", "no format that is read"),
    ],
)
def test_a_file_nobody_can_read_is_an_error_in_words(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DropUnreadableError, match=told):
        infer(tmp_path / name)


def test_a_file_without_rows_has_columns_and_nothing_to_say_of_them(inferred):
    file, text, plan = inferred("a.csv", "a,b\n")
    assert [column.type for column in plan.columns] == ["string", "string"]
    assert [rule.kind for rule in plan.rules] == ["columns", "type", "type"]
    assert "no value in 0 rows" in text and check_file(plan, file).passes


@pytest.mark.parametrize(
    ("file", "name"),
    [("A b-C.csv.gz", "a_b_c"), ("2024_sales.csv", "sales"), ("__.csv", "dataset"), ("é.csv", "dataset")],
)
def test_the_dataset_is_named_after_the_file(tmp_path, file, name):
    assert dataset_name(tmp_path / file) == name


FROM, UNTIL = dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)  # noqa: DTZ001  # hypothesis wants them plain
NAMES = st.text(
    st.characters(blacklist_categories=["Cs", "Cc", "Zl", "Zp", "Zs"], blacklist_characters='"<>:,;|\ufeff'),
    min_size=1,
    max_size=8,
)
TEXTS = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6
) | st.sampled_from(
    ["NO", "yes", "null", "NA", "007", "1e5", "a: b", "# c", "\u2028", "\x85", "'", '"', "x" * 90]
)
CELLS = {
    pa.string(): TEXTS,
    pa.int64(): st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5),
    pa.uint8(): st.integers(0, 255),
    pa.float64(): st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 1),
    pa.float32(): st.floats(width=32, allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.date32(): st.dates(dt.date(1000, 1, 1)),
    pa.timestamp("us", tz="UTC"): st.datetimes(FROM, UNTIL, timezones=st.just(dt.UTC)),
    pa.time64("us"): st.times(),
    pa.decimal128(12, 3): st.decimals(-(10**8), 10**8, places=3),
}


@st.composite
def tables(draw, types):
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique_by=str.strip))
    rows = draw(st.integers(0, 15))
    columns = {}
    for name in names:
        type_ = draw(st.sampled_from(list(types)))
        cells = st.none() | CELLS[type_] if draw(st.booleans()) else CELLS[type_]
        columns[name] = pa.array(draw(st.lists(cells, min_size=rows, max_size=rows)), type_)
    return pa.table(columns)


def keeps_its_own_contract(file, contract):
    contract.write_text(infer(file), encoding="utf-8")
    plan = ContractPlan.from_json(compile_contract(contract))
    found = check_file(plan, file)
    assert not found.missing and not found.extra
    assert [(item.rule, item.count) for item in found.rules if item.is_broken] == []
    return plan


@FEW
@given(table=tables(CELLS))
def test_a_parquet_file_keeps_the_contract_inferred_from_it(tmp_path, table):
    pq.write_table(table, tmp_path / "a.parquet")
    plan = keeps_its_own_contract(tmp_path / "a.parquet", tmp_path / "contract.yaml")
    assert plan.names == tuple(table.column_names)


@FEW
@given(table=tables([type_ for type_ in CELLS if not pa.types.is_decimal(type_)]), pack=st.booleans())
def test_a_csv_file_keeps_the_contract_inferred_from_it(tmp_path, table, pack):
    sink = pa.BufferOutputStream()
    pyarrow.csv.write_csv(table, sink)
    content = sink.getvalue().to_pybytes()
    file = tmp_path / ("a.csv.gz" if pack else "a.csv")
    file.write_bytes(gzip.compress(content) if pack else content)
    keeps_its_own_contract(file, tmp_path / "contract.yaml")


JSON_CELLS = [
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    TEXTS,
    st.dates(dt.date(1000, 1, 1)).map(str),
    st.datetimes(FROM, UNTIL).map(lambda instant: f"{instant.isoformat()}Z"),
]


@st.composite
def records(draw):
    kinds = draw(st.dictionaries(NAMES, st.sampled_from(JSON_CELLS), min_size=1, max_size=4))
    rows = draw(st.lists(st.fixed_dictionaries(kinds), min_size=1, max_size=12))
    if draw(st.booleans()):
        rows = [{name: None if draw(st.booleans()) else value for name, value in row.items()} for row in rows]
    return rows


@FEW
@given(rows=records(), pack=st.booleans())
def test_a_json_file_keeps_the_contract_inferred_from_it(tmp_path, rows, pack):
    content = "\n".join(json.dumps(row) for row in rows).encode()
    file = tmp_path / ("a.jsonl.zst" if pack else "a.jsonl")
    file.write_bytes(pa.compress(content, "zstd", asbytes=True) if pack else content)
    keeps_its_own_contract(file, tmp_path / "contract.yaml")


def test_what_is_seen_of_a_column_is_there_for_programs_too(tmp_path):
    (tmp_path / "a.csv").write_text("a\n" + "".join(f"{i}\n" for i in range(10)))
    draft = draft_of(tmp_path / "a.csv", name="numbers")
    (seen,) = draft.columns
    assert isinstance(seen, Seen) and (draft.name, draft.rows, draft.primary_key) == ("numbers", 10, "a")
