from decimal import Decimal

import pytest

from tidegate.contract.plan import Column, Condition, ContractPlan, Rule
from tidegate.report import words
from tidegate.report.visible import visible

PLAN = ContractPlan(
    id="p", version="1", dataset="p", hash="", columns=(Column(name="x", type="integer"),), rules=()
)


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (1234567, "1,234,567"),
        (2**63 + 1, "9,223,372,036,854,775,809"),
        (0.0, "0"),
        (3.14159, "3.142"),
        (0.00012345, "0.0001234"),
        (0.00001234, "1.234e-05"),
        (999.96, "1,000"),
        (-999.96, "-1,000"),
        (12345.678, "12,346"),
        (-2500.5, "-2,500"),
        (1.5e15, "1.500e+15"),
        (float("inf"), "inf"),
        (Decimal("12.50"), "12.5"),
        (Decimal("12345678901234567890.00"), "12,345,678,901,234,567,890"),
        (Decimal("-98765432109876.25"), "-98,765,432,109,876"),
        (None, ""),
    ],
)
def test_numbers_have_four_digits_and_their_thousands_apart(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    "share, text",
    [
        (0, "0%"),
        (1, "100%"),
        (0.5, "50%"),
        (0.12345, "12.3%"),
        (0.000012, "0.0012%"),
        (0.99999, "99.999%"),
        (0.999999, "99.999%"),
    ],
)
def test_percentages_tell_nearly_all_from_all_and_nearly_none_from_none(share, text):
    assert words.percent(share) == text


@pytest.mark.parametrize(
    "count, text", [(0, "0 B"), (1023, "1,023 B"), (1536, "1.5 KB"), (5 * 1024**4, "5 TB")]
)
def test_sizes_have_a_unit(count, text):
    assert words.size(count) == text


@pytest.mark.parametrize(
    "text, shown",
    [
        ("2026-11-27T02:18:11Z", "2026-11-27 02:18:11 UTC"),
        ("2026-11-27T02:18:11+05:30", "2026-11-26 20:48:11 UTC"),
        ("2026-11-27T02:18:11.123456", "2026-11-27 02:18:11 UTC"),
        ("yesterday", "yesterday"),
    ],
)
def test_moments_are_in_utc(text, shown):
    assert words.moment(text) == shown


@pytest.mark.parametrize(
    "value, kind, text",
    [
        (0, "timestamp[us, tz=UTC]", "1970-01-01 00:00:00"),
        (-86_400_000_000, "timestamp[us]", "1969-12-31 00:00:00"),
        (19_723, "date32[day]", "2024-01-01"),
        (3_600_000_000, "time64[us]", "01:00:00"),
        (10**18, "timestamp[us]", "1,000,000,000,000,000,000"),
        (1500.0, "double", "1,500"),
        (None, "int64", ""),
    ],
)
def test_values_of_times_are_dates_again(value, kind, text):
    assert words.of_type(value, kind) == text


def test_spreads_of_times_are_durations():
    assert words.spread_of_type(2.5, "date32[day]") == "2.5 days"
    assert words.spread_of_type(90 * 60e6, "timestamp[us]") == "90 minutes"
    assert words.spread_of_type(2.5, "double") == "2.5"


@pytest.mark.parametrize(
    "text, shown",
    [
        ("plain", "plain"),
        ("a\u202eb", "a\\u202eb"),
        ("nul\x00", "nul\\u0000"),
        ("\ud83d", "\\ud83d"),
        ("line\nbreak", "line\\u000abreak"),
        ("👩‍🚀 café", "👩‍🚀 café"),
        ("y" * 200, "y" * 119 + "…"),
    ],
)
def test_what_cannot_be_seen_is_written_as_its_code(text, shown):
    assert visible(text) == shown


def rule(kind, **more):
    return Rule(kind=kind, columns=more.pop("columns", ("x",)), **more)


@pytest.mark.parametrize(
    "asked, text",
    [
        (rule("type"), "is an integer"),
        (rule("required"), "has a value"),
        (rule("missing_values", values=("", "n/a")), "has a value and none of , n/a"),
        (rule("range", minimum=0, exclusive_minimum=True, maximum=2500), "is above 0 and at most 2,500"),
        (rule("range", maximum="2026-01-01"), "is at most 2026-01-01"),
        (rule("length", minimum=2, maximum=3), "has a length at least 2 and at most 3"),
        (rule("multiple_of", multiple_of=5), "is a multiple of 5"),
        (rule("pattern", pattern="^a+$"), "matches ^a+$"),
        (rule("not_pattern", pattern="^a+$"), "does not match ^a+$"),
        (rule("enum", values=tuple(range(10))), "is one of 0, 1, 2, 3, 4, 5, 6, 7 and 2 more"),
        (rule("not_enum", values=("z",)), "is none of z"),
        (rule("unique"), "is unique"),
        (rule("unique", columns=("x", "y")), "unique: x, y"),
        (rule("compare", columns=("x", "y"), comparison="<="), "x <= y"),
        (rule("sum", columns=("x", "y"), comparison="<=", total=1200), "x + y <= 1,200"),
        (rule("sum", columns=("x", "y", "z"), comparison="="), "x + y = z"),
        (rule("pairs", columns=("x", "y"), pairs=((1, "a"), (2, "b"))), "x and y are one of (1, a), (2, b)"),
        (
            rule("statistic", statistic="most_common_unlisted", values=("a", "b")),
            "1 when the most common value is none of a, b, else 0",
        ),
        (rule("columns", columns=()), "the columns are those of the contract"),
        (rule("row_count", columns=()), "the number of rows"),
        (rule("statistic", statistic="quantile", share=0.9), "the 90% quantile"),
        (rule("statistic", statistic="mean"), "the mean"),
        (rule("statistic", statistic="values_missing", values=("a", "b")), "how many never occur of a, b"),
        (rule("freshness"), "the age of the newest value on arrival"),
    ],
)
def test_every_kind_of_rule_has_words(asked, text):
    assert words.rule_words(PLAN, asked) == text


@pytest.mark.parametrize(
    "asked, value, failed, measured, must_be",
    [
        (rule("range"), 1, 1, "1 row", "no row"),
        (rule("range"), 1200, 1200, "1,200 rows", "no row"),
        (
            rule("null_values", condition=Condition(operator="mustBeLessThan", values=(5,), unit="percent")),
            6.5,
            13,
            "6.5%",
            "< 5%",
        ),
        (
            rule("row_count", condition=Condition(operator="mustBeBetween", values=(1000, 2e6))),
            1234,
            0,
            "1,234",
            "1,000 to 2,000,000",
        ),
        (
            rule(
                "statistic",
                statistic="mean",
                condition=Condition(operator="mustBeGreaterOrEqualTo", values=(0.5,)),
            ),
            0.25,
            0,
            "0.25",
            "≥ 0.5",
        ),
        (
            rule("freshness", condition=Condition(operator="mustBeLessOrEqualTo", values=(86400 * 2,))),
            86400 * 3,
            0,
            "3 days",
            "≤ 2 days",
        ),
    ],
)
def test_what_was_measured_and_must_be_is_in_the_rules_own_unit(asked, value, failed, measured, must_be):
    assert words.measured(asked, value, failed) == measured
    assert words.must_be(asked) == must_be
