"""Numbers, sizes, times and rules of the contract as a person reads them. Pure text, nothing of HTML."""

import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tidegate.contract.plan import ContractPlan, Rule
from tidegate.ingestion.rule_results import TYPE_NAMES

_EXACT = 1e15  # a float below it shows its whole part without an exponent
_TINY = 1e-4
_LISTED = 8  # values of an enumeration
_STATISTICS = {
    "mean": "the mean",
    "standard_deviation": "the standard deviation",
    "minimum": "the smallest value",
    "maximum": "the largest value",
    "sum": "the sum",
    "distinct_count": "the number of distinct values",
    "distinct_share": "the share of distinct values",
}


def number(value: float | Decimal | None) -> str:
    """Thousands apart, four significant digits, integers in full."""
    if value is None:
        return ""
    if isinstance(value, Decimal):
        value = int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, int):
        return f"{value:,}"
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if value == 0 or _TINY <= size < 1000:  # noqa: PLR2004  # four digits reach the point
        text = f"{value:.4g}"
        return "1,000" if text == "1000" else "-1,000" if text == "-1000" else text
    return f"{value:,.0f}" if 1 <= size < _EXACT else f"{value:.3e}"


def percent(share: float) -> str:
    """Of a share in [0, 1]: two digits that tell 0 from nearly nothing, and all from nearly all."""
    value = 100 * share
    if value in (0, 100) or 1 <= value <= 99:  # noqa: PLR2004
        return f"{value:.3g}%"
    return f"{value:.2g}%" if value < 1 else f"{math.floor(value * 1000) / 1000:g}%"


def probability(p_value: float) -> str:
    return f"{p_value:.2g}" if p_value >= 1e-9 else "<1e-9"  # noqa: PLR2004  # smaller is no more certain


def size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024:  # noqa: PLR2004
            return f"{count:,.4g} {unit}"
        count /= 1024
    return f"{count:,.4g} TB"


def moment(text: str) -> str:
    """ISO 8601 as `2026-11-27 02:18:11 UTC`; what is no time stays as it is."""
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return text
    time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    return f"{time:%Y-%m-%d %H:%M:%S} UTC"


def duration(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if abs(seconds) >= 2 * length:
            return f"{number(seconds / length)} {unit}"
    return f"{number(float(seconds))} s"


def type_name(arrow_type: str) -> str:
    """A column's type without what is the same for all of them: times are microseconds in UTC."""
    return "timestamp" if arrow_type.startswith("timestamp[") else arrow_type


def is_whole(arrow_type: str) -> bool:
    return arrow_type == "bool" or "int" in arrow_type


def of_type(value: float | Decimal | None, arrow_type: str, *, exact: bool = True) -> str:
    """A value of a column: a date for a date, for times are numbers in a profile; else rounded to minutes."""
    if value is None:
        return ""
    try:
        if arrow_type.startswith("timestamp"):
            time = datetime(1970, 1, 1) + timedelta(microseconds=int(value))  # noqa: DTZ001
            return f"{time:%Y-%m-%d %H:%M:%S}" if exact else f"{time:%Y-%m-%d %H:%M}"
        if arrow_type.startswith("date"):
            return f"{datetime(1970, 1, 1) + timedelta(days=int(value)):%Y-%m-%d}"  # noqa: DTZ001
        if arrow_type.startswith("time"):
            return f"{datetime(1970, 1, 1) + timedelta(microseconds=int(value)):%H:%M:%S}"  # noqa: DTZ001
    except (OverflowError, ValueError):
        return number(value)  # before the year 1 or after 9999
    return number(value)


def spread_of_type(value: float, arrow_type: str) -> str:
    if arrow_type.startswith("date"):
        return duration(value * 86400)
    return duration(value / 1e6) if arrow_type.startswith("time") else number(value)


def rule_words(plan: ContractPlan, rule: Rule) -> str:
    """What the rule asks for, as the end of "Each value ..." or "The drop ..."."""
    if rule.kind == "type":
        return f"is {TYPE_NAMES[plan.column(rule.columns[0]).type]}"
    if rule.kind == "statistic":
        return _statistic(rule)
    if rule.kind == "compare":
        return f"{rule.columns[0]} {rule.comparison} {rule.columns[1]}"
    if rule.kind == "sum":
        parts, total = (
            (rule.columns[:-1], rule.columns[-1]) if rule.total is None else (rule.columns, rule.total)
        )
        return f"{' + '.join(parts)} {rule.comparison} {_bound(total)}"
    return {
        "required": "has a value",
        "null_values": "has a value",
        "missing_values": f"has a value{_none_of(rule)}",
        "range": f"is {_bounds(rule)}",
        "multiple_of": f"is a multiple of {number(rule.multiple_of)}",
        "length": f"has a length {_bounds(rule)}",
        "pattern": f"matches {rule.pattern}",
        "not_pattern": f"does not match {rule.pattern}",
        "enum": f"is one of {_listed(rule)}",
        "not_enum": f"is none of {_listed(rule)}",
        "pairs": f"{' and '.join(rule.columns)} are one of {_pairs(rule)}",
        "columns": "the columns are those of the contract",
        "unique": "is unique" if len(rule.columns) < 2 else f"unique: {', '.join(rule.columns)}",  # noqa: PLR2004
        "row_count": "the number of rows",
        "freshness": "the age of the newest value on arrival",
    }[rule.kind]


def measured(rule: Rule, value: float, failed_rows: int) -> str:
    """What a rule measured: rows with their percentage where that counts, a statistic as it is."""
    if rule.kind == "freshness":
        return duration(value)
    if rule.kind in ("statistic", "row_count", "columns"):
        return number(int(value) if float(value).is_integer() and abs(value) < _EXACT else float(value))
    if rule.condition.unit == "percent":
        return percent(value / 100)
    return f"{failed_rows:,} {'row' if failed_rows == 1 else 'rows'}"


def must_be(rule: Rule) -> str:
    """The condition; of rows that break the rule where the rule counts rows."""
    condition = rule.condition
    values = [duration(v) if rule.kind == "freshness" else number(float(v)) for v in condition.values]
    if condition.operator == "mustBe" and condition.values == (0,) and rule.kind != "statistic":
        return "no row" if rule.kind not in ("row_count", "columns", "freshness") else "0"
    sign = {
        "mustBe": "{0}",
        "mustNotBe": "not {0}",
        "mustBeGreaterThan": "> {0}",
        "mustBeGreaterOrEqualTo": "≥ {0}",
        "mustBeLessThan": "< {0}",
        "mustBeLessOrEqualTo": "≤ {0}",
        "mustBeBetween": "{0} to {1}",
        "mustNotBeBetween": "not {0} to {1}",
    }[condition.operator]
    return sign.format(*values) + ("%" if condition.unit == "percent" else "")


def _statistic(rule: Rule) -> str:
    if rule.statistic == "quantile":
        return f"the {percent(rule.share or 0)} quantile"
    if rule.statistic == "values_missing":
        return f"how many never occur of {_listed(rule)}"
    if rule.statistic == "most_common_unlisted":
        return f"1 when the most common value is none of {_listed(rule)}, else 0"
    return _STATISTICS[rule.statistic or "mean"]


def _bounds(rule: Rule) -> str:
    parts = []
    if rule.minimum is not None:
        parts.append(f"{'above' if rule.exclusive_minimum else 'at least'} {_bound(rule.minimum)}")
    if rule.maximum is not None:
        parts.append(f"{'below' if rule.exclusive_maximum else 'at most'} {_bound(rule.maximum)}")
    return " and ".join(parts)


def _bound(value: float | str) -> str:
    return value if isinstance(value, str) else number(value)


def _listed(rule: Rule) -> str:
    shown = ", ".join(str(value) for value in rule.values[:_LISTED])
    more = len(rule.values) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _pairs(rule: Rule) -> str:
    shown = ", ".join(f"({', '.join(map(str, pair))})" for pair in rule.pairs[:_LISTED])
    more = len(rule.pairs) - _LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _none_of(rule: Rule) -> str:
    return f" and none of {_listed(rule)}" if rule.values else ""
