"""Rules on a statistic of a column's values and on how old its newest is: read off the drop's profile."""

import math
from datetime import UTC, date, datetime
from typing import Any

import numpy as np

from tidegate.contract.plan import Column, Rule
from tidegate.moments import seconds
from tidegate.profile import ColumnProfile
from tidegate.profile.column import Value

_DAY_SECONDS = 86_400
_MICROSECONDS = 1_000_000
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


def statistic(rule: Rule, column: Column, profile: ColumnProfile | None) -> float:
    """The statistic that `rule` names.

    Raises:
        NotJudgedError: the column has no values, or more different ones than are remembered.
    """
    if rule.statistic == "values_missing":
        return float(len(missing_values(rule, column, profile)))
    if profile is None or not profile.count:
        raise NotJudgedError("it has no values")
    if rule.statistic == "distinct_count":
        return profile.distinct
    if rule.statistic == "distinct_share":
        return min(profile.distinct / profile.count, 1.0)
    if profile.kind != "number":
        raise NotJudgedError("its values are no numbers")
    found = _of_numbers(rule, profile)
    if not math.isfinite(found):
        raise NotJudgedError("it is too large a number")
    return found


def missing_values(rule: Rule, column: Column, profile: ColumnProfile | None) -> list[Any]:
    """The values of `rule` that occur in no row.

    Raises:
        NotJudgedError: there are more different values than are remembered.
    """
    if profile is None:
        return list(rule.values)
    known = profile.counts if profile.counts is not None else profile.heavy
    missing = [value for value in rule.values if _stored(value, column) not in known]
    if missing and profile.counts is None:
        raise NotJudgedError("it has too many different values to remember each")
    return missing


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
        return profile.maximum / _MICROSECONDS
    return profile.maximum * _DAY_SECONDS if profile.type.startswith("date") else None


def statistic_message(rule: Rule, column: Column, profile: ColumnProfile | None, measured: float) -> str:
    """What was found, as a sentence."""
    name = f"`{column.name}`"
    if rule.statistic == "values_missing":
        absent = ", ".join(str(value) for value in missing_values(rule, column, profile)[:10])
        found = f"{name} lacks {absent}" if measured else f"{name} has all values it must contain"
        is_usual = rule.condition.operator == "mustBe" and rule.condition.values == (0,)
        return found if is_usual else f"{found}; the number of values lacking must be {rule.condition}"
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


def statistic_subject(rule: Rule) -> str:
    if rule.kind == "freshness":
        return f"the age of the newest `{rule.columns[0]}`"
    if rule.statistic == "values_missing":
        return f"whether `{rule.columns[0]}` contains all its values"
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


def _of_numbers(rule: Rule, profile: ColumnProfile) -> float:
    if rule.statistic == "mean":
        return profile.mean
    if rule.statistic == "standard_deviation":
        return profile.standard_deviation
    if rule.statistic == "sum":
        return _sum(profile)
    if rule.statistic == "quantile":
        return float(profile.quantile(np.array([rule.share]))[0])
    bound = profile.minimum if rule.statistic == "minimum" else profile.maximum
    return bound if bound is not None else math.nan


def _sum(profile: ColumnProfile) -> float:
    if profile.counts:
        total = sum(value * count for value, count in profile.counts.items() if not isinstance(value, str))
        return float(total)
    return profile.mean * profile.count


def _is_estimate(rule: Rule, profile: ColumnProfile | None) -> bool:
    is_sketched = rule.statistic in ("quantile", "distinct_count", "distinct_share")
    return is_sketched and profile is not None and profile.counts is None


def _stored(value: Any, column: Column) -> Value:
    """A value of the contract as a profile counts it: times are numbers there, truth is 1."""
    if column.type == "boolean":
        return int(value)
    if column.type == "date" and isinstance(value, str):
        return (date.fromisoformat(value) - date(1970, 1, 1)).days
    if column.type == "timestamp" and isinstance(value, str):
        moment = datetime.fromisoformat(value)
        since = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * _DAY_SECONDS + since.seconds) * _MICROSECONDS + since.microseconds
    stored: Value = value
    return stored
