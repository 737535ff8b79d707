"""Rules of one row on every type of column: exact at the edges where floats would round."""

import datetime as dt
import re
from decimal import Decimal as D  # noqa: N817  # the tests are full of them

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tidegate.checks import Checker
from tidegate.checks.patterns import shape_of
from tidegate.columns.arrow_types import arrow_type
from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.errors import ConfigError
from tidegate.readers.batch import Batch

INTEGER = Column(name="x", type="integer")
SMALL = Column(name="x", type="integer", format="i16")
NUMBER = Column(name="x", type="number")
SINGLE = Column(name="x", type="number", format="f32")
MONEY = Column(name="x", type="number", format="decimal(10,2)")
WIDE = Column(name="x", type="number", format="decimal(38,10)")
TEXT = Column(name="x", type="string")
DATE = Column(name="x", type="date")
STAMP = Column(name="x", type="timestamp", timezone="Europe/Berlin")
TIME = Column(name="x", type="time")
INFINITY = float("inf")
BIG = 2**53


def broken(rule, columns, *values, types=None):
    """0-based rows that break a rule on these columns, as sliced, whole and dictionary arrays alike."""
    plan = ContractPlan(id="p", version="1", dataset="p", hash="", columns=columns, rules=(rule,))
    types = types or [arrow_type(column) for column in columns]
    arrays = [pa.array(list(column), type_) for column, type_ in zip(values, types, strict=True)]
    found = {
        tuple(rows_of(plan, form))
        for form in (arrays, [moved(array) for array in arrays], [encoded(array) for array in arrays])
    }
    assert len(found) == 1, "the same whatever the array's form"
    return list(found.pop())


def rows_of(plan, arrays):
    rows = pa.RecordBatch.from_arrays(arrays, names=list(plan.names))
    checker = Checker(plan)
    checker.add(Batch(rows=rows, present=frozenset(plan.names), extra=()))
    (count,) = checker.finish().counts
    assert count.failed == len(count.first_rows)
    return [row - 1 for row in count.first_rows]


def moved(array):
    """The same values behind others, as in a slice."""
    return pa.concat_arrays([pa.nulls(3, array.type), array])[3:]


def encoded(array):
    if not pa.types.is_string(array.type):
        return array
    entries = pa.array(["unused", None, *dict.fromkeys(v for v in array.to_pylist() if v is not None)])
    codes = [None if value is None else entries.to_pylist().index(value) for value in array.to_pylist()]
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), entries)


def out_of(column, values, **limits):
    return broken(Rule(kind="range", columns=("x",), **limits), (column,), values)


@pytest.mark.parametrize(
    "column, values, limits, expected",
    [
        (INTEGER, [BIG, BIG + 1, BIG + 2, None], {"maximum": float(BIG)}, [1, 2]),
        (INTEGER, [BIG, BIG + 1, None], {"minimum": float(BIG), "exclusive_minimum": True}, [0]),
        (INTEGER, [18, 19, 20], {"minimum": 18.5, "maximum": 19.5}, [0, 2]),
        (INTEGER, [18, 19], {"minimum": 18.5, "exclusive_minimum": True}, [0]),
        (INTEGER, [-(2**63), 2**63 - 1], {"minimum": -(2**70), "maximum": 2**70}, []),
        (INTEGER, [-(2**63), 2**63 - 1, None], {"minimum": 2**70}, [0, 1]),
        (INTEGER, [0, None], {"minimum": INFINITY}, [0]),
        (INTEGER, [0, None], {"maximum": INFINITY}, []),
        (SMALL, [-(2**15), 7, None], {"minimum": -(2**40), "maximum": 6}, [1]),
        (SMALL, [-(2**15), 7, None], {"minimum": 2**40}, [0, 1]),
        (NUMBER, [float(BIG), float(BIG + 2)], {"minimum": BIG + 1}, [0]),
        (NUMBER, [float(BIG), float(BIG + 2)], {"maximum": BIG + 1}, [1]),
        (NUMBER, [0.1, 0.2, 0.3], {"minimum": 0.1, "maximum": 0.3}, []),
        (NUMBER, [0.1, 0.3], {"minimum": 0.1, "exclusive_minimum": True}, [0]),
        (NUMBER, [0.1, 0.3], {"maximum": 0.3, "exclusive_maximum": True}, [1]),
        (NUMBER, [-INFINITY, INFINITY, float("nan"), None, 1.0], {"minimum": 0, "maximum": 10**400}, [0, 1]),
        (NUMBER, [-INFINITY, 0.0], {"minimum": -INFINITY, "exclusive_minimum": True}, [0]),
        (NUMBER, [-0.0], {"minimum": 0}, []),
        (NUMBER, [-0.0], {"minimum": 0, "exclusive_minimum": True}, [0]),
        (SINGLE, [0.1, 0.2], {"minimum": 0.1, "maximum": 0.2}, []),
        (SINGLE, [0.1, 0.2], {"maximum": 0.2, "exclusive_maximum": True}, [1]),
        (SINGLE, [2.0**24, 2.0**24 + 2], {"minimum": 2**24 + 1}, [0]),
        (SINGLE, [INFINITY, 3e38], {"maximum": 1e300}, [0]),
        (MONEY, [D("0.09"), D("0.10"), D("0.11"), None], {"minimum": 0.1, "maximum": 0.1}, [0, 2]),
        (MONEY, [D("0.10"), D("0.11")], {"minimum": "0.1", "exclusive_minimum": True}, [0]),
        (MONEY, [D("99999999.99"), D("-99999999.99")], {"minimum": -(10**30), "maximum": 10**30}, []),
        (MONEY, [D("99999999.99"), None], {"minimum": 10**8}, [0]),
        (MONEY, [D("1.00")], {"maximum": -INFINITY}, [0]),
        (WIDE, [D("1234567890123456789.0000000001"), D(1234567890123456789)],
         {"maximum": 1234567890123456789}, [0]),
        (DATE, [dt.date(2013, 1, 9), dt.date(2013, 1, 10), None], {"minimum": "2013-01-10"}, [0]),
        (DATE, [dt.date(1, 1, 1), dt.date(9999, 12, 31)], {"minimum": "0001-01-01"}, []),
        (TIME, [dt.time(8), dt.time(8, 0, 0, 1), None], {"maximum": "08:00:00"}, [1]),
        (TEXT, ["a", "b", "\N{LATIN SMALL LETTER E WITH ACUTE}", None], {"minimum": "b", "maximum": "z"},
         [0, 2]),
        (TEXT, ["a", "b"], {"minimum": "a", "exclusive_minimum": True}, [0]),
        (NUMBER, [], {"minimum": 0}, []),
        (INTEGER, [None, None], {"minimum": 1}, []),
    ],
)  # fmt: skip
def test_a_range_is_exact(column, values, limits, expected):
    assert out_of(column, values, **limits) == expected


def test_a_bound_in_time_without_offset_is_local_and_with_one_is_not():
    noon = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)  # 14:00 in Berlin
    values = [noon, noon + dt.timedelta(microseconds=1), None]
    assert out_of(STAMP, values, maximum="2026-07-01T14:00:00") == [1]
    assert out_of(STAMP, values, maximum="2026-07-01T14:00:00Z") == []
    assert out_of(STAMP, values, minimum="2026-07-01T12:00:00Z", exclusive_minimum=True) == [0]


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(BIG - 2, BIG + 2), max_size=5),
    bound=st.integers(-(2**64), 2**64) | st.floats(allow_nan=False) | st.integers(BIG - 2, BIG + 2),
    exclusive=st.booleans(),
)
def test_integers_are_compared_with_a_bound_as_python_compares_them(values, bound, exclusive):
    low = [i for i, v in enumerate(values) if v < bound or (exclusive and v == bound)]
    high = [i for i, v in enumerate(values) if v > bound or (exclusive and v == bound)]
    if isinstance(bound, float) and abs(bound) > BIG:
        return  # a bound is the number that is written: 1e23 is ten to the 23, the float is not
    assert out_of(INTEGER, values, minimum=bound, exclusive_minimum=exclusive) == low
    assert out_of(INTEGER, values, maximum=bound, exclusive_maximum=exclusive) == high


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(st.floats() | st.integers(BIG - 2, BIG + 2).map(float), max_size=5),
    bound=st.integers(-(2**64), 2**64) | st.floats(allow_nan=False) | st.integers(BIG - 2, BIG + 2),
    exclusive=st.booleans(),
)
@example(values=[float("inf"), float("-inf"), 1.0], bound=float("inf"), exclusive=True)
@example(values=[float("inf"), float("-inf"), 1.0], bound=float("-inf"), exclusive=True)
def test_floats_are_compared_with_a_bound_as_python_compares_them(values, bound, exclusive):
    low = [i for i, v in enumerate(values) if v < bound or (exclusive and v == bound)]
    high = [i for i, v in enumerate(values) if v > bound or (exclusive and v == bound)]
    assert out_of(NUMBER, values, minimum=bound, exclusive_minimum=exclusive) == low
    assert out_of(NUMBER, values, maximum=bound, exclusive_maximum=exclusive) == high


@pytest.mark.parametrize("kind", ["required", "null_values", "missing_values"])
@pytest.mark.parametrize(
    "column, values, expected",
    [
        (NUMBER, [1.0, float("nan"), None, INFINITY], [1, 2]),
        (SINGLE, [float("nan"), None, 0.0], [0, 1]),
        (INTEGER, [None, 0], [0]),
        (TEXT, ["", None, "a"], [1]),
        (DATE, [None], [0]),
        (MONEY, [None, D(0)], [0]),
        (TEXT, [], []),
    ],
)
def test_null_and_nan_are_missing(kind, column, values, expected):
    assert broken(Rule(kind=kind, columns=("x",)), (column,), values) == expected


def test_an_entry_of_a_dictionary_may_be_null():
    plan = ContractPlan(
        id="p",
        version="1",
        dataset="p",
        hash="",
        columns=(TEXT,),
        rules=(Rule(kind="required", columns=("x",)),),
    )
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 0]), pa.array(["a", None]))
    assert rows_of(plan, [array]) == [1, 2]


def test_stand_ins_are_missing_where_the_column_can_hold_them():
    rule = Rule(kind="missing_values", columns=("x",), values=("n/a", -999, 0.5))
    assert broken(rule, (TEXT,), ["n/a", "-999", None, "a"]) == [0, 1, 2]
    assert broken(rule, (INTEGER,), [-999, None, 5]) == [0, 1]
    assert broken(rule, (NUMBER,), [-999.0, 0.5, float("nan"), 5.0]) == [0, 1, 2]
    assert broken(rule, (MONEY,), [D("-999.00"), D("0.50"), D(5)]) == [0, 1]


@pytest.mark.parametrize(
    "column, listed, values, unlisted, among",
    [
        (TEXT, ("a", "b"), ["a", "c", None, "b"], [1], [0, 3]),
        (INTEGER, (0, 1), [0, 1, 2, None, -1], [2, 4], [0, 1]),
        (INTEGER, (1.0, 1.5, BIG + 1), [1, BIG, BIG + 1, None], [1], [0, 2]),
        (INTEGER, (2**70,), [0], [0], []),
        (NUMBER, (0.1, BIG + 1), [0.1, float(BIG), float("nan"), None], [1], [0]),
        (NUMBER, (0.0,), [0.0, -0.0, 1.0], [2], [0, 1]),
        (SINGLE, (0.1,), [0.1, 0.2], [1], [0]),
        (MONEY, (0.1, 0.125), [D("0.10"), D("0.12")], [1], [0]),
        (DATE, ("2026-01-01",), [dt.date(2026, 1, 1), dt.date(2026, 1, 2), None], [1], [0]),
        (TIME, ("08:00",), [dt.time(8), dt.time(9)], [1], [0]),
        (Column(name="x", type="boolean"), (True,), [True, False, None], [1], [0]),
        (TEXT, (), ["a", None], [0], []),
    ],
)
def test_values_are_listed_or_not_and_missing_ones_are_neither(column, listed, values, unlisted, among):
    assert broken(Rule(kind="enum", columns=("x",), values=listed), (column,), values) == unlisted
    assert broken(Rule(kind="not_enum", columns=("x",), values=listed), (column,), values) == among


@pytest.mark.parametrize(
    "column, step, values, expected",
    [
        (INTEGER, 5, [-10, 0, 3, None, 2**62, 5 * 2**60], [2, 4]),
        (INTEGER, 0.5, [1, 2], []),
        (INTEGER, 1.5, [3, 4, BIG * 3, BIG * 3 + 1], [1, 3]),
        (INTEGER, 2**65, [0, 2], [1]),
        (SMALL, 40_000, [0, 7], [1]),
        (NUMBER, 0.1, [0.3, 0.35, None, float("nan"), INFINITY], [1, 4]),
        (NUMBER, 1e-300, [1e300], [0]),
        (MONEY, 0.05, [D("0.10"), D("0.12"), None, D("-0.15")], [1]),
        (WIDE, 0.0000000003, [D("1234567890123456789.0000000003"), D("1234567890123456788.0000000003"),
                              D("-0.0000000006"), D("-0.0000000005")], [1, 3]),
    ],
)  # fmt: skip
def test_multiples_are_exact_but_for_floats(column, step, values, expected):
    # 1234567890123456789 is a multiple of 3 (its digits sum to 90), so its 10**10-fold is; one less is not.
    assert broken(Rule(kind="multiple_of", columns=("x",), multiple_of=step), (column,), values) == expected


@pytest.mark.parametrize(
    "pattern, values, expected",
    [
        ("b", ["abc", "ac", None, ""], [1, 3]),  # found anywhere
        ("^b", ["abc", "bc"], [0]),
        ("^a$", ["a", "a\n", "ab"], [1, 2]),  # the end is the end, not a newline before it
        (r"^\d$", ["1", "\N{ARABIC-INDIC DIGIT ONE}"], [1]),
        ("", ["", "a", None], []),
        (".", ["\N{GRINNING FACE}", ""], [1]),
    ],
)
def test_a_pattern_is_searched_as_ecmascript_does(pattern, values, expected):
    assert broken(Rule(kind="pattern", columns=("x",), pattern=pattern), (TEXT,), values) == expected
    found = [i for i, value in enumerate(values) if value is not None and i not in expected]
    assert broken(Rule(kind="not_pattern", columns=("x",), pattern=pattern), (TEXT,), values) == found


@settings(max_examples=200, deadline=None)
@given(
    pattern=st.sampled_from(
        [r"^c-\d{2}$", r"^[a-c]x$", r"^\.{2}$", "^ab{3}$", "^é$", "^a|b$", "^a$b$", "^[a-c]*$"]
    ),
    odd=st.lists(st.text("abcx-.0129é", max_size=5), max_size=4),
    usual=st.sampled_from(["c-07", "bx", "..", "abbb", "aa"]),
    place=st.integers(0, 99),
)
def test_many_values_of_one_shape_match_as_each_alone_does(pattern, odd, usual, place):
    values = [usual] * 100
    values[place:place] = odd
    expected = [i for i, value in enumerate(values) if not re.search(pattern.replace("$", r"\Z"), value)]
    plan = ContractPlan(
        id="p", version="1", dataset="p", hash="", columns=(TEXT,),
        rules=(Rule(kind="pattern", columns=("x",), pattern=pattern),),
    )  # fmt: skip
    checker = Checker(plan)
    rows = pa.RecordBatch.from_arrays([pa.array(values)], names=["x"])
    checker.add(Batch(rows=rows, present=frozenset("x"), extra=()))
    (count,) = checker.finish().counts
    assert count.failed == len(expected)
    assert [row - 1 for row in count.first_rows] == expected[:20]


def test_only_patterns_of_one_length_have_a_shape():
    assert shape_of(r"^a\d[x-z]{2}$") == ((97, 97), (48, 57), (120, 122), (120, 122))
    for pattern in (
        "a",
        "^a",
        "^a+$",
        "^a.$",
        "^a|b$",
        "^[^a]$",
        r"^\w$",
        "^$",
        r"^a\$",
        "^(a)$",
        "^a{1,2}$",
    ):
        assert shape_of(pattern) is None, pattern


def test_lengths_count_characters():
    rule = Rule(kind="length", columns=("x",), minimum=2, maximum=3)
    values = ["", "ab", "\N{GRINNING FACE}" * 3, "é", None, "abcd"]
    assert broken(rule, (TEXT,), values) == [0, 3, 5]


def compared(comparison, types, one, other):
    columns = tuple(
        Column(name=name, type=column.type, format=column.format)
        for name, column in zip("ab", types, strict=True)
    )
    return broken(Rule(kind="compare", columns=("a", "b"), comparison=comparison), columns, one, other)


@pytest.mark.parametrize(
    "comparison, types, one, other, expected",
    [
        ("<", (INTEGER, INTEGER), [1, 2, 3, None], [2, 2, 2, 2], [1, 2]),
        ("=", (INTEGER, NUMBER), [BIG, BIG + 1, 2**63 - 1, 3], [2.0**53, 2.0**53, 2.0**63, 3.0], [1, 2]),
        (">", (INTEGER, NUMBER), [BIG + 1, 0], [float(BIG), -INFINITY], []),
        ("<=", (NUMBER, INTEGER), [float("nan"), 0.1, INFINITY, None], [0, 0, 0, 0], [1, 2]),
        ("!=", (NUMBER, NUMBER), [float("nan"), 1.0, -0.0], [1.0, 1.0, 0.0], [1, 2]),
        ("=", (SINGLE, NUMBER), [0.1, 0.5], [0.1, 0.5], [0]),  # the nearest in 32 bits is another number
        ("=", (MONEY, NUMBER), [D("0.10"), D("0.50"), D("99999999.99")], [0.1, 0.5, 1e300], [0, 2]),
        ("<", (MONEY, WIDE), [D("0.10"), D("0.10")], [D("0.1000000001"), D("0.1")], [1]),
        (">=", (INTEGER, WIDE), [2**63 - 1, 1], [D("9223372036854775807.0000000001"), D(1)], [0]),
        ("<=", (DATE, DATE), [dt.date(2026, 1, 2)], [dt.date(2026, 1, 1)], [0]),
        ("<=", (DATE, STAMP), [dt.date(2026, 1, 2)], [dt.datetime(2026, 1, 1, 23, tzinfo=dt.UTC)], [0]),
        ("<", (TIME, TIME), [dt.time(8), dt.time(9)], [dt.time(9), dt.time(8)], [1]),
        ("<", (TEXT, TEXT), ["a", "b", None], ["b", "a", "a"], [1]),
        ("<", (INTEGER, INTEGER), [], [], []),
    ],
)  # fmt: skip
def test_columns_are_compared_exactly(comparison, types, one, other, expected):
    assert compared(comparison, types, one, other) == expected


@settings(max_examples=200, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.floats() | st.just(float(BIG))), max_size=5)
)
def test_integers_and_floats_are_compared_as_python_compares_them(pairs):
    pairs += [(int(y), y) for _, y in pairs if abs(y) < 2**63]
    expected = [i for i, (x, y) in enumerate(pairs) if y == y and not x < y]  # noqa: PLR0124  # NaN
    assert compared("<", (INTEGER, NUMBER), [x for x, _ in pairs], [y for _, y in pairs]) == expected[:20]


def test_what_a_type_cannot_be_asked_is_refused():
    nested = Column(name="x", type="array", members=(Column(name="item", type="integer"),))
    for column, rule in [
        (TEXT, Rule(kind="compare", columns=("x", "y"), comparison="<")),
        (INTEGER, Rule(kind="pattern", columns=("x",), pattern="a")),
        (nested, Rule(kind="enum", columns=("x",), values=(1,))),
        (Column(name="x", type="boolean"), Rule(kind="range", columns=("x",), minimum=0)),
        (DATE, Rule(kind="range", columns=("x",), minimum="soon")),
    ]:
        plan = ContractPlan(
            id="p", version="1", dataset="p", hash="", rules=(rule,),
            columns=(column, Column(name="y", type="integer")),
        )  # fmt: skip
        with pytest.raises(ConfigError):
            Checker(plan)


def test_nested_columns_may_be_required():
    nested = Column(name="x", type="array", members=(Column(name="item", type="integer"),))
    rules = (Rule(kind="required", columns=("x",)), Rule(kind="type", columns=("x",)))
    plan = ContractPlan(id="p", version="1", dataset="p", hash="", columns=(nested,), rules=rules)
    for array in (pa.array([[1], None, []]), pa.array([{"a": 1}, None, {"a": None}])):
        checker = Checker(plan)
        rows = pa.RecordBatch.from_arrays([array], names=["x"])
        checker.add(Batch(rows=rows, present=frozenset("x"), extra=()))
        assert [count.first_rows for count in checker.finish().counts] == [(2,), ()]
