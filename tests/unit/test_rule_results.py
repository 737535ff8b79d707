"""Rules read off the profile: statistics, required values, freshness; and how each rule is put in words."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from simulated import profiled

from tidegate.checks import Checks, RuleCount
from tidegate.contract.plan import Column, Condition, ContractPlan, Rule
from tidegate.ingestion.rule_results import missing_columns, rule_results

COLUMNS = (
    Column(name="n", type="number"),
    Column(name="i", type="integer"),
    Column(name="t", type="string"),
    Column(name="b", type="boolean"),
    Column(name="d", type="date"),
    Column(name="at", type="timestamp"),
    Column(name="empty", type="number"),
)
ROWS = {
    "n": [1.0, 2.0, 3.0, 4.0, 10.0, None, float("nan"), float("inf")],
    "i": [2**60, 2**60, 1, 2, 3, 4, 5, 6],
    "t": ["a", "a", "b", "c", "c", "c", None, None],
    "b": [True, False, True, True, True, True, True, True],
    "d": pa.array([20000] * 8, pa.date32()),  # 2024-10-04
    "at": pa.array([1795755600] * 8, pa.timestamp("s", "UTC")),  # 2026-11-27T05:00:00Z
    "empty": pa.array([None] * 8, pa.float64()),
}
PROFILE = profiled(ROWS)
ANY = Condition(operator="mustBeGreaterThan", values=(-1e30,))
ARRIVED = "2026-11-27T10:12:00Z"


def result_of(rule, *, profile=PROFILE, count=None, arrived_at=ARRIVED, present=tuple(ROWS)):
    plan = ContractPlan(id="p", version="1", dataset="p", hash="", columns=COLUMNS, rules=(rule,))
    checks = Checks(rows=profile.rows, present=present, extra=(), counts=(count or RuleCount(),))
    [result] = rule_results(plan, checks, profile, arrived_at)
    return result


def of(statistic, column="n", **kwargs):
    return Rule(kind="statistic", columns=(column,), statistic=statistic, **{"condition": ANY, **kwargs})


@pytest.mark.parametrize(
    "rule, expected",
    [
        (of("mean"), 4.0),  # of 1 2 3 4 10
        (of("standard_deviation"), np.sqrt((9 + 4 + 1 + 0 + 36) / 5)),
        (of("minimum"), 1.0),
        (of("maximum"), 10.0),
        (of("sum"), 20.0),
        (of("quantile", share=0.5), 3.0),
        (of("distinct_count"), 5),
        (of("distinct_share"), 1.0),
        (of("maximum", "i"), 2**60),
        (of("sum", "i"), float(2**61 + 21)),
        (of("distinct_count", "t"), 3),
        (of("distinct_share", "t"), 0.5),
        (of("mean", "b"), 0.875),
    ],
    ids=lambda value: f"{value.statistic} of {value.columns[0]}" if isinstance(value, Rule) else "",
)
def test_a_statistic_is_that_of_the_rows_that_have_a_finite_value(rule, expected):
    result = result_of(rule)
    assert (result.measured, result.holds, result.is_judged) == (pytest.approx(expected), True, True)


def test_a_statistic_out_of_bounds_breaks_its_rule_in_a_sentence():
    result = result_of(of("mean", condition=Condition(operator="mustBeBetween", values=(5, 9))))
    assert not result.holds
    assert result.message == "the mean of `n` is 4; must be between 5 and 9"
    result = result_of(of("quantile", share=0.9, condition=Condition(operator="mustBeLessThan", values=(5,))))
    assert result.message.startswith("the quantile at 0.9 of `n` is ")
    exact = result_of(of("maximum", "i", condition=Condition(values=(7,))))
    assert exact.message == "the maximum of `i` is 1152921504606846976; must be exactly 7"


@pytest.mark.parametrize(
    "column, values, missing",
    [
        ("t", ("a", "c"), 0),
        ("t", ("a", "x", "y"), 2),
        ("b", (True, False), 0),
        ("i", (2**60, 7), 1),
        ("d", ("2024-10-04", "2024-10-05"), 1),
        ("at", ("2026-11-27T05:00:00Z", "2026-11-27T06:00:00+01:00", "2026-11-27T05:00:00"), 0),
        ("at", ("2026-11-27T05:00:01Z",), 1),
        ("empty", (1.5,), 1),
    ],
)
def test_values_that_must_occur_are_looked_for_in_every_type(column, values, missing):
    result = result_of(of("values_missing", column, values=values, condition=Condition()))
    assert (result.measured, result.holds) == (missing, missing == 0)


def test_values_that_lack_are_named():
    result = result_of(of("values_missing", "t", values=("a", "x", "y"), condition=Condition()))
    assert result.message == "`t` lacks x, y"


def test_the_most_common_value_is_named_where_it_is_not_listed():
    result = result_of(of("most_common_unlisted", "t", values=("a", "b"), condition=Condition()))
    assert result.message == "the most common value of `t` is c (in 3 of 8 rows), none of a, b"
    assert not result.holds
    result = result_of(of("most_common_unlisted", "t", values=("a", "c"), condition=Condition()))
    assert (result.holds, result.message) == (True, "the most common value of `t` is one of a, c")
    unknown = of("most_common_unlisted", "t", values=("v7",), condition=Condition())
    result = result_of(unknown, profile=profiled({"t": [f"v{n}" for n in range(2000)]}))
    assert (result.holds, result.is_judged) == (True, False)
    assert "too many different values to tell which" in result.message


def test_among_too_many_values_one_not_remembered_is_not_judged():
    many = {**ROWS, "t": [f"v{n}" for n in range(2000)]}
    profile = profiled({"t": many["t"]})
    rule = of("values_missing", "t", values=("v7",), condition=Condition())
    result = result_of(rule, profile=profile)
    assert (result.holds, result.is_judged) == (True, False)
    assert "too many different values" in result.message
    profile.columns["t"] = replace(profile.columns["t"], heavy={"v7": 900}, heavy_error=3)
    assert result_of(rule, profile=profile).is_judged


@pytest.mark.parametrize(
    "rule, sentence",
    [
        (of("mean", "empty"), "the mean of `empty` was not judged: it has no values"),
        (
            Rule(kind="freshness", columns=("empty",), condition=ANY),
            "the age of the newest `empty` was not judged: it has no values",
        ),
        (of("sum", "t"), "the sum of `t` was not judged: its values are no numbers"),
    ],
)
def test_what_cannot_be_judged_holds_and_says_why(rule, sentence):
    result = result_of(rule)
    assert (result.holds, result.is_judged, result.message) == (True, False, sentence)


HOURS_4 = Condition(operator="mustBeLessOrEqualTo", values=(14_400,))


def test_freshness_is_the_time_from_the_newest_value_to_the_arrival():
    rule = Rule(kind="freshness", columns=("at",), condition=HOURS_4)
    late = result_of(rule)
    assert (late.measured, late.holds) == (5.2 * 3600, False)
    assert late.message == "the newest `at` was 5.2 hours old when the drop arrived; must be at most 4 hours"
    assert result_of(rule, arrived_at="2026-11-27T09:00:00Z").holds
    ahead = result_of(rule, arrived_at="2026-11-27T02:00:00+00:00")
    assert ahead.holds
    assert (
        ahead.message
        == "the newest `at` lies 3 hours after the drop's arrival; its age must be at most 4 hours"
    )
    assert not result_of(rule, arrived_at="").is_judged


def test_a_date_is_as_old_as_its_beginning():
    rule = Rule(kind="freshness", columns=("d",), condition=HOURS_4)
    assert result_of(rule, arrived_at="2024-10-04T03:00:00Z").measured == 3 * 3600


@pytest.mark.parametrize(
    "rule, sentence",
    [
        (Rule(kind="not_pattern", columns=("t",), pattern="^x"), "`t` matches ^x in 3 of 8 rows"),
        (Rule(kind="not_enum", columns=("t",), values=("a", "b")), "`t` is one of a, b in 3 of 8 rows"),
        (Rule(kind="compare", columns=("n", "i"), comparison="<="), "`n` is not <= `i` in 3 of 8 rows"),
        (
            Rule(kind="sum", columns=("n", "i"), comparison="=", total=10),
            "`n` + `i` is not = 10 in 3 of 8 rows",
        ),
        (
            Rule(kind="sum", columns=("n", "i", "n"), comparison="<"),
            "`n` + `i` is not < `n` in 3 of 8 rows",
        ),
        (
            Rule(kind="pairs", columns=("n", "t"), pairs=((1, "a"), (2, "b"))),
            "(`n`, `t`) is none of (1, a), (2, b) in 3 of 8 rows",
        ),
        (Rule(kind="type", columns=("at",)), "`at` is not a timestamp in 3 of 8 rows"),
        (Rule(kind="unique", columns=("n", "t")), "`n`, `t` repeats an earlier row in 3 of 8 rows"),
        (
            Rule(kind="missing_values", columns=("t",), values=("-",)),
            "`t` has no value or one of - in 3 of 8 rows",
        ),
        (
            Rule(kind="range", columns=("n",), minimum=0, maximum=9, exclusive_maximum=True),
            "`n` is below 0 or not below 9 in 3 of 8 rows",
        ),
    ],
    ids=lambda value: value.kind if isinstance(value, Rule) else "",
)
def test_every_kind_of_rule_complains_in_words(rule, sentence):
    result = result_of(rule, count=RuleCount(failed=3))
    assert (result.message, result.holds, result.failed_rows) == (sentence, False, 3)


def test_renamed_columns_are_paired_the_likest_first():
    names = ("mean_texture", "mean_area", "age")
    columns = tuple(Column(name=name, type="number") for name in names)
    plan = ContractPlan(id="p", version="1", dataset="p", hash="", columns=columns, rules=())
    checks = Checks(rows=1, present=("age",), extra=("Mean Area", "other", "MeanTexture"), counts=())
    assert missing_columns(plan, checks) == [("mean_texture", "MeanTexture"), ("mean_area", "Mean Area")]
