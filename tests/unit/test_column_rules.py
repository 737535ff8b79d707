"""Rules on several columns of a row, sums and listed pairs: by hand, and against pandas."""

import datetime as dt
from decimal import Decimal as D  # noqa: N817  # the tests are full of them

import numpy as np
import pandas as pd
import pytest
from test_row_rules import BIG, DATE, INFINITY, INTEGER, MONEY, NUMBER, SINGLE, TEXT, WIDE, broken

from tidegate.contract.plan import Column, Rule
from tidegate.errors import ConfigError


def named(*columns):
    return tuple(
        Column(name=name, type=column.type, format=column.format)
        for name, column in zip("abc", columns, strict=False)
    )


def sums(comparison, types, *values, total=None):
    columns = named(*types)
    rule = Rule(kind="sum", columns=tuple(c.name for c in columns), comparison=comparison, total=total)
    return broken(rule, columns, *values)


@pytest.mark.parametrize(
    "comparison, types, values, total, expected",
    [
        ("=", (INTEGER, INTEGER), ([1, 2, None, 5], [3, 1, 1, -1]), 4, [1]),
        ("=", (INTEGER, INTEGER), ([BIG, BIG], [0, 1]), BIG, [1]),  # as floats both are equal
        (">", (INTEGER, INTEGER), ([2**63 - 1, 1], [2**63 - 1, 1]), 2, [1]),  # beyond 64 bits
        ("<", (INTEGER, INTEGER), ([1, 2], [1, 1]), 2.5, [1]),
        ("=", (INTEGER, INTEGER, INTEGER), ([1, 2, 3], [1, 2, 3], [2, 5, None]), None, [1]),
        ("=", (MONEY, MONEY), ([D("0.10"), D("0.10")], [D("0.20"), D("0.21")]), 0.3, [1]),
        (
            "=",
            (WIDE, INTEGER, WIDE),
            ([D("0.0000000001")] * 2, [2**63 - 1] * 2, [D("9223372036854775807.0000000001"), D(2**63)]),
            None,
            [1],
        ),
        ("=", (NUMBER, NUMBER), ([0.1, 0.1], [0.2, 0.2000001]), 0.3, [1]),
        ("=", (SINGLE, NUMBER), ([0.1, 0.1], [0.2, 0.2001]), 0.3, [1]),
        ("<=", (NUMBER, NUMBER), ([INFINITY, -INFINITY, INFINITY], [1, 1, -INFINITY]), 5, [0, 2]),
        ("<=", (NUMBER, NUMBER), ([float("nan"), 1], [9, 9]), 5, [1]),
        ("=", (NUMBER, NUMBER, NUMBER), ([INFINITY, 1], [1, 1], [INFINITY, INFINITY]), None, [1]),
        ("=", (INTEGER, INTEGER), ([], []), 1, []),
    ],
)  # fmt: skip
def test_a_sum_stands_to_a_number_or_to_the_last_column(comparison, types, values, total, expected):
    assert sums(comparison, types, *values, total=total) == expected


PANDAS = {"<": "lt", "<=": "le", "=": "eq", "!=": "ne", ">=": "ge", ">": "gt"}


@pytest.mark.parametrize("comparison", PANDAS)
def test_sums_are_those_of_pandas(comparison):
    random = np.random.default_rng(7)
    frame = pd.DataFrame(random.integers(-2, 3, (18, 3)), columns=list("abc")).astype("Int64")
    frame = frame.mask(random.random(frame.shape) < 0.1)
    holds = getattr(frame.a + frame.b, PANDAS[comparison])(frame.c)
    expected = np.flatnonzero(frame.notna().all(axis=1) & ~holds.fillna(True).astype(bool)).tolist()
    values = [[None if value is pd.NA else int(value) for value in frame[name]] for name in "abc"]
    assert expected
    assert sums(comparison, (INTEGER,) * 3, *values) == expected
    as_floats = [[None if value is None else float(value) for value in column] for column in values]
    assert sums(comparison, (INTEGER, NUMBER, NUMBER), values[0], *as_floats[1:]) == expected


def listed(types, pairs, *values):
    columns = named(*types)
    return broken(Rule(kind="pairs", columns=tuple(c.name for c in columns), pairs=pairs), columns, *values)


@pytest.mark.parametrize(
    "types, pairs, values, expected",
    [
        ((TEXT, INTEGER), (("a", 1), ("b", 2)), (["a", "b", "a", "c", None], [1, 2, 2, 1, 9]), [2, 3]),
        ((NUMBER, TEXT), ((0, "x"),), ([-0.0, float("nan"), 1.0], ["x", "y", "x"]), [2]),
        ((INTEGER, TEXT), ((1.5, "x"),), ([1, None], ["x", "x"]), [0]),  # no integer is 1.5
        ((MONEY, DATE), ((0.1, "2026-01-02"),), ([D("0.10"), D("0.11")], [dt.date(2026, 1, 2)] * 2), [1]),
        ((INTEGER, INTEGER), ((BIG, 1),), ([BIG, BIG + 1], [1, 1]), [1]),
        ((INTEGER, INTEGER), ((1, 1),), ([], []), []),
    ],
)
def test_values_are_together_one_of_those_listed(types, pairs, values, expected):
    assert listed(types, pairs, *values) == expected


def test_lists_of_three_columns_are_those_of_pandas():
    random = np.random.default_rng(3)
    pairs = tuple(dict.fromkeys(map(tuple, random.integers(0, 3, (14, 3)).tolist())))
    frame = pd.DataFrame(random.integers(0, 3, (30, 3)), columns=list("abc"))
    joined = frame.merge(pd.DataFrame(list(pairs), columns=list("abc")), how="left", indicator=True)
    expected = np.flatnonzero(joined["_merge"] == "left_only").tolist()
    assert 0 < len(expected) < 20
    texts = tuple((str(a), b, c) for a, b, c in pairs)
    values = [frame.a.astype(str).tolist(), frame.b.tolist(), frame.c.tolist()]
    assert listed((TEXT, INTEGER, INTEGER), texts, *values) == expected


@pytest.mark.parametrize(
    "types, rule",
    [
        ((TEXT, INTEGER), Rule(kind="sum", columns=("a", "b"), comparison="=", total=1)),
        ((INTEGER, INTEGER), Rule(kind="sum", columns=("a", "b"), comparison="=", total="1e-70")),
        ((INTEGER, INTEGER), Rule(kind="pairs", columns=("a", "b"), pairs=((1,),))),
        ((INTEGER, Column(name="x", type="object")), Rule(kind="pairs", columns=("a", "b"), pairs=((1, 1),))),
    ],
)
def test_what_columns_cannot_be_asked_is_refused(types, rule):
    with pytest.raises(ConfigError, match="cannot be"):
        broken(rule, named(*types), [], [], types=["int64", "int64"])
