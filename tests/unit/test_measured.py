"""Statistics of rules, worked by hand and against numpy."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.contract.plan import Rule
from tidegate.ingestion.measured import measure
from tidegate.profile import merge, profile_batches

NOON = dt.datetime(2026, 1, 1, 12, tzinfo=dt.UTC)


def measured(values, statistic, /, *, type_=None, **asked):
    batch = pa.RecordBatch.from_arrays([pa.array(values, type_)], names=["x"])
    rule = Rule(kind="statistic", columns=("x",), statistic=statistic, **asked)
    return measure(rule, profile_batches([batch]).columns.get(rule.columns[0]))


@pytest.mark.parametrize(
    "statistic, expected",
    [
        ("mean", 2.5), ("sum", 10.0), ("minimum", 1.0), ("maximum", 4.0),
        ("standard_deviation", 1.25**0.5),  # squared deviations 2.25, 0.25, 0.25, 2.25
        ("quantile", 2.5), ("distinct_count", 4), ("distinct_share", 1.0),
    ],
)  # fmt: skip
def test_statistics_are_of_the_values_that_are_there(statistic, expected):
    assert measured([4.0, None, 1.0, float("nan"), 3.0, 2.0], statistic) == pytest.approx(expected)


def test_a_repeated_value_counts_once_among_the_distinct():
    assert measured(["a", "b", "a", None], "distinct_count") == 2
    assert measured(["a", "b", "a", None], "distinct_share") == 2 / 3


@pytest.mark.parametrize(
    "values, share", [([1, 1, 1, 2], 0.5), ([1, 1, 2, 2], 0.5), ([3, 1, 2], 0.25), ([7], 0.9)]
)
def test_a_quantile_of_repeated_values_is_that_of_the_rows(values, share):
    assert measured(values, "quantile", share=share) == np.quantile(values, share)


@given(
    values=st.lists(st.integers(-5, 5) | st.floats(-1e6, 1e6), min_size=1, max_size=40), share=st.floats(0, 1)
)
def test_few_values_have_the_quantiles_of_numpy(values, share):
    found = measured([float(value) for value in values], "quantile", share=share)
    assert found == pytest.approx(np.quantile(values, share), rel=1e-9, abs=1e-9)


def test_a_quantile_of_many_values_is_within_the_rank_error():
    values = np.random.default_rng(1).permutation(200_000).astype(float)
    batches = pa.table({"x": values}).to_batches(max_chunksize=65_536)
    profile = merge([profile_batches(batches[:2]), profile_batches(batches[2:])])
    for share in (0.0, 0.01, 0.5, 0.99, 1.0):
        rule = Rule(kind="statistic", columns=("x",), statistic="quantile", share=share)
        # Values are ranks here; batch, shard and merge each round by half a step of 1 / 1024.
        assert abs(measure(rule, profile.columns["x"]) - share * 199_999) <= 200_000 * 3 / 2048


def test_listed_values_that_occur_in_no_row_are_counted():
    assert measured(["a", "b", None], "values_missing", values=("a", "c", "d", "c")) == 2
    assert measured([1, 2], "values_missing", values=(1.0, 3)) == 1
    day = dt.date(1970, 1, 3)
    assert measured([day], "values_missing", values=("1970-01-03", "1970-01-04")) == 1
    stamps = pa.timestamp("us", tz="UTC")
    wanted = ("2026-01-01T12:00:00Z", "2026-01-01T12:00:00")
    assert measured([NOON], "values_missing", type_=stamps, values=wanted) == 0
    assert measured([dt.time(1, 2, 3, 4)], "values_missing", values=("01:02:03.000004", "01:02")) == 1


@pytest.mark.parametrize(
    "values, listed, expected",
    [
        ([1, 1, 2, 2, 3, None], (2,), 0),  # as common as any
        ([1, 1, 2, 2, 3, None], (3, 4), 1),
        (["a", "b", "b"], ("a", "b"), 0),
        ([True, False, True], (False,), 1),
        ([dt.date(1970, 1, 3)] * 2, ("1970-01-03",), 0),
        (["x"] * 1500 + [str(number) for number in range(1500)], ("x",), 0),
        (["x"] * 1500 + [str(number) for number in range(1500)], ("7", "y"), 1),
        ([str(number) for number in range(1500)], ("7",), None),
        (["x"] * 1500 + [str(number) for number in range(1500)] + ["l" * 1001] * 2000, ("x",), None),
        ([None], ("x",), None),
    ],
)
def test_the_most_common_value_is_listed_or_not_where_that_is_known(values, listed, expected):
    type_ = pa.string() if values == [None] else None
    assert measured(values, "most_common_unlisted", type_=type_, values=listed) == expected


def test_bounds_of_moments_are_numbers():
    assert measured([NOON], "maximum", type_=pa.timestamp("us", tz="UTC")) == NOON.timestamp() * 1e6
    assert measured([dt.date(1970, 1, 3)], "minimum") == 2


@pytest.mark.parametrize(
    "statistic", ["mean", "minimum", "standard_deviation", "quantile", "sum", "distinct_share"]
)
def test_nothing_is_measured_where_there_is_nothing(statistic):
    assert measured([None, None], statistic, type_=pa.float64()) is None
    assert measured([], statistic, type_=pa.int64()) is None


def test_what_the_profile_cannot_tell_is_not_made_up():
    many = [str(number) for number in range(1500)]
    assert measured(many, "values_missing", values=("7",)) is None
    assert measured(["a"], "mean") is None
    assert measure(Rule(kind="statistic", columns=("y",), statistic="mean"), None) is None
    assert measured(many, "distinct_count") == pytest.approx(1500, rel=0.08)  # five standard errors
