"""Rules on a statistic of a column's values and on how old its newest is: read off the drop's profile."""

import math

from tidegate.contract.plan import Column, Rule
from tidegate.ingestion.measured import measure, missing_values
from tidegate.moments import seconds
from tidegate.profile import ColumnProfile

_DAY_SECONDS = 86_400
_MICROSECONDS = 1_000_000
_LISTED = 10  # values that a message names
_SHOWN = 80  # characters of a value
_UNITS = (("days", _DAY_SECONDS), ("hours", 3_600), ("minutes", 60))
_NAMES = {
    "mean": "mean",
    "standard_deviation": "standard deviation",
    "minimum": "minimum",
    "maximum": "maximum",
    "sum": "sum",
    "distinct_count": "number of different values",
    "distinct_share": "share of different values",
}


class NotJudgedError(Exception):
    """The rule cannot be decided; `str()` says why."""


def statistic(rule: Rule, profile: ColumnProfile | None) -> float:
    """The statistic that `rule` names.

    Raises:
        NotJudgedError: the column has no values, or more different ones than are remembered.
    """
    found = measure(rule, profile)
    if found is None:
        raise NotJudgedError(_why_unknown(rule, profile))
    if not math.isfinite(found):
        raise NotJudgedError("it is too large a number")
    return found


def _why_unknown(rule: Rule, profile: ColumnProfile | None) -> str:
    if rule.statistic == "values_missing":
        return "it has too many different values to remember each"
    if profile is None or not profile.count:
        return "it has no values"
    if rule.statistic == "most_common_unlisted":
        return "it has too many different values to tell which is the most common"
    return "its values are no numbers"


def age_seconds(rule: Rule, profile: ColumnProfile | None, arrived_at: str) -> float:
    """Seconds from the newest value to the drop's arrival; negative when it lies in the future.

    Raises:
        NotJudgedError: the column has no values, or the arrival is not known.
    """
    newest = newest_seconds(profile)
    if newest is None:
        raise NotJudgedError("it has no values")
    try:
        return seconds(arrived_at) - newest
    except ValueError as cause:
        raise NotJudgedError("the time of arrival is not known") from cause


def newest_seconds(profile: ColumnProfile | None) -> float | None:
    """The newest moment of a column of timestamps or dates, in seconds since the epoch."""
    if profile is None or profile.maximum is None:
        return None
    if profile.type.startswith("timestamp"):
        return float(profile.maximum) / _MICROSECONDS
    return float(profile.maximum) * _DAY_SECONDS if profile.type.startswith("date") else None


def statistic_message(rule: Rule, column: Column, profile: ColumnProfile | None, measured: float) -> str:
    """What was found, as a sentence."""
    name = f"`{column.name}`"
    if rule.statistic == "values_missing":
        absent = ", ".join(str(value) for value in (missing_values(rule, profile) or ())[:_LISTED])
        found = f"{name} lacks {absent}" if measured else f"{name} has all values it must contain"
        is_usual = rule.condition.operator == "mustBe" and rule.condition.values == (0,)
        return found if is_usual else f"{found}; the number of values lacking must be {rule.condition}"
    if rule.statistic == "most_common_unlisted":
        return f"the most common value of {name} is {_among(rule, column, profile, measured)}"
    about = "about " if _is_estimate(rule, profile) else ""
    return f"the {_name(rule)} of {name} is {about}{number(measured)}; must be {rule.condition}"


def age_message(rule: Rule, measured: float) -> str:
    bound = str(rule.condition)
    for value in rule.condition.values:
        bound = bound.replace(f"{value:g}", duration(value), 1)
    newest = f"the newest `{rule.columns[0]}`"
    if measured < 0:
        return f"{newest} lies {duration(-measured)} after the drop's arrival; its age must be {bound}"
    return f"{newest} was {duration(measured)} old when the drop arrived; must be {bound}"


def _among(rule: Rule, column: Column, profile: ColumnProfile | None, measured: float) -> str:
    """Whether it is one of those listed; which it is, where the profile writes values as people do."""
    listed = ", ".join(str(value) for value in rule.values[:_LISTED])
    listed += ", ..." if len(rule.values) > _LISTED else ""
    if not measured or profile is None or column.type not in ("string", "integer", "number"):
        return f"{'none' if measured else 'one'} of {listed}"
    [(value, count)] = profile.top(1)
    at_least = "" if profile.counts is not None else "at least "
    return f"{str(value)[:_SHOWN]} (in {at_least}{count} of {profile.rows} rows), none of {listed}"


def statistic_subject(rule: Rule) -> str:
    if rule.kind == "freshness":
        return f"the age of the newest `{rule.columns[0]}`"
    if rule.statistic == "values_missing":
        return f"whether `{rule.columns[0]}` contains all its values"
    if rule.statistic == "most_common_unlisted":
        return f"the most common value of `{rule.columns[0]}`"
    return f"the {_name(rule)} of `{rule.columns[0]}`"


def number(value: float) -> str:
    """Six significant digits, integers in full."""
    return f"{value:d}" if isinstance(value, int) else f"{value:.6g}"


def duration(length: float) -> str:
    for unit, size in _UNITS:
        if abs(length) >= 2 * size:
            return f"{length / size:.3g} {unit}"
    return f"{length:.3g} seconds"


def _name(rule: Rule) -> str:
    if rule.statistic == "quantile":
        return f"quantile at {rule.share:g}"
    return _NAMES[str(rule.statistic)]


def _is_estimate(rule: Rule, profile: ColumnProfile | None) -> bool:
    is_sketched = rule.statistic in ("quantile", "distinct_count", "distinct_share")
    return is_sketched and profile is not None and profile.counts is None
