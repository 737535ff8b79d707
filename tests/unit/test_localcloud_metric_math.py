"""Metric math: how expressions are read, and what they make of time series."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloudwatch.math_values import evaluate
from localcloud.cloudwatch.metric_math import ExpressionError, parse, references
from localcloud.cloudwatch.time_series import TimeSeries


def series(*points, period=60):
    """A series whose n-th point is at n minutes; None is missing."""
    known = {n * period: float(v) for n, v in enumerate(points) if v is not None}
    return TimeSeries(known, 0, len(points) * period, period)


M1 = series(1, 2, None, 4)
M2 = series(10, 0, 30, None)


def value(expression, **variables):
    named = {"m1": M1, "m2": M2} | variables
    metrics = [v for v in named.values() if isinstance(v, TimeSeries)]
    return evaluate(parse(expression), named, metrics)


def points(expression, **variables):
    """The points of the answer by minute."""
    return {when // 60: number for when, number in value(expression, **variables).points.items()}


@pytest.mark.parametrize(
    "expression, number",
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 - 1 - 1", 0),
        ("8 / 4 / 2", 1),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("2 * -3", -6),
        ("--1", 1),
        (".5 + 1e2", 100.5),
        ("1 < 2", 1),
        ("1 + 1 == 2", 1),
        ("2 >= 3 || 1", 1),
        ("1 AND 0", 0),
        ("IF(1 > 2, 10, 20)", 20),
        ("SUM(m1)", 7),
        ("AVG(m1)", 7 / 3),
        ("MAX(m1) - MIN(m1)", 3),
        ("STDDEV(m1)", math.sqrt(14 / 9)),  # mean 7/3: (16 + 1 + 25) / 9 / 3
        ("PERIOD(m1)", 60),
        ("METRIC_COUNT(METRICS())", 2),
        ("ABS(-3) + CEIL(1.2) + FLOOR(1.8) + LOG10(1000)", 9),
    ],
)
def test_numbers(expression, number):
    assert value(expression) == pytest.approx(number)


@pytest.mark.parametrize(
    "expression, expected",
    [
        ("m1 + m2", {0: 11, 1: 2}),  # a point needs both
        ("m1 / m2", {0: 0.1}),  # nothing is divided by zero
        ("-m1", {0: -1, 1: -2, 3: -4}),
        ("100 * m1", {0: 100, 1: 200, 3: 400}),
        ("m1 >= 2", {0: 0, 1: 1, 3: 1}),
        ("LOG(m2)", {0: math.log(10), 2: math.log(30)}),
        ("FILL(m1, 0)", {0: 1, 1: 2, 2: 0, 3: 4}),
        ("FILL(m1, m2)", {0: 1, 1: 2, 2: 30, 3: 4}),
        ("FILL(m1, REPEAT)", {0: 1, 1: 2, 2: 2, 3: 4}),
        ("FILL(m1, LINEAR)", {0: 1, 1: 2, 2: 3, 3: 4}),
        ("FILL(m1, 0) + FILL(m2, 0)", {0: 11, 1: 2, 2: 30, 3: 4}),
        ("IF(m1 > 1, m1, 0)", {0: 0, 1: 2, 3: 4}),
        ("IF(m1 > 1, m2)", {1: 0}),  # where m2 has no point there is none
        ("SUM([m1, m2])", {0: 11, 1: 2, 2: 30, 3: 4}),  # over those that are there
        ("MAX(METRICS())", {0: 10, 1: 2, 2: 30, 3: 4}),
        ("AVG([m1, m2])", {0: 5.5, 1: 1, 2: 30, 3: 4}),
        ("m2 / SUM(m2) * 100", {0: 25, 1: 0, 2: 75}),
        ("DIFF(m1)", {1: 1, 3: 2}),
        ("RATE(m1)", {1: 1 / 60, 3: 2 / 120}),
        ("RUNNING_SUM(m1)", {0: 1, 1: 3, 3: 7}),
    ],
)
def test_time_series(expression, expected):
    assert points(expression) == pytest.approx(expected)


def test_arrays_keep_their_series():
    doubled = value("METRICS() * 2")
    assert [list(s.points.values()) for s in doubled] == [[2, 4, 8], [20, 0, 60]]


def test_an_expression_names_what_it_needs():
    assert set(references(parse("IF(m1 > 0, -[a, b_2], SUM(METRICS())) * e9"))) == {"m1", "a", "b_2", "e9"}


@pytest.mark.parametrize(
    "expression",
    ["", "m1 +", "m1 m2", "(m1", "[m1", "FOO", "m1 $ m2", "SEARCH('x', 'Sum')", "SELECT(m1)", "SUM(m1,"],
)
def test_is_not_metric_math(expression):
    with pytest.raises(ExpressionError):
        parse(expression)


def test_a_numeric_condition_takes_the_branch_it_needs():
    assert value("IF(1, m1)") == M1


@pytest.mark.parametrize(
    "expression",
    ["NOSUCH(m1)", "FILL(m1, 'x')", "IF(0, m1)", "'a' + 1", "[1, m1]", "IF('a', 1, 2)", "FILL(1, 2)"],
)
def test_has_no_value(expression):
    with pytest.raises(ExpressionError):
        value(expression)


_arithmetic = st.recursive(
    st.integers(0, 9).map(str),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join),
        inner.map(lambda e: f"({e})"),
        inner.map(lambda e: f"-({e})"),
    ),
    max_leaves=10,
)


@given(_arithmetic)
def test_arithmetic_is_python_s(expression):
    assert value(expression) == eval(expression)  # noqa: S307  digits and + - * ( ) only


@given(st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=8))
def test_filling_leaves_no_gap_and_no_point_changed(numbers):
    gappy = series(*numbers)
    filled = value("FILL(m1, 0)", m1=gappy)
    assert set(filled.points) == set(gappy.grid())
    assert gappy.points.items() <= filled.points.items()
