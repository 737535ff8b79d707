"""The value of a statistic that a rule asks for, read off a profile."""

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np

from tidegate.contract.plan import Rule
from tidegate.moments import seconds
from tidegate.profile import ColumnProfile
from tidegate.profile.column import Value
from tidegate.profile.frequencies import HEAVY_CHARACTERS

_MICROSECONDS = 1_000_000
_EPOCH = dt.date(1970, 1, 1)


def measure(rule: Rule, column: ColumnProfile | None) -> float | None:
    """What a rule of kind `statistic` measures; None where these rows do not tell.

    Of the finite numbers; moments in time are numbers as in the profile (timestamps and times of day in
    microseconds, dates in days). Exact to the last bits of floating point, with two exceptions. Of a column
    with more than 1,000 different values these are counted to within 1.6 % (standard error), and whether a
    listed value occurs, or is the most common, is known of frequent values only: else None. Of more than
    2,048 such numbers, a quantile lies within the rank error of the profile.
    """
    if rule.statistic == "values_missing":
        missing = missing_values(rule, column)
        return None if missing is None else float(len(missing))
    if column is None:
        return None
    if rule.statistic == "distinct_count":
        return min(column.distinct, column.count)
    if not column.count:
        return None
    if rule.statistic == "distinct_share":
        return min(column.distinct / column.count, 1.0)
    if rule.statistic == "most_common_unlisted":
        return _most_common_unlisted({_profiled(value, column) for value in rule.values}, column)
    return _of_numbers(column, rule) if column.kind == "number" else None


def missing_values(rule: Rule, column: ColumnProfile | None) -> list[Any] | None:
    """The values of a rule that occur in no row; None where too many are remembered to tell."""
    if column is None:
        return list(rule.values)
    known = column.counts if column.counts is not None else column.heavy
    missing = [value for value in dict.fromkeys(rule.values) if _profiled(value, column) not in known]
    return None if missing and column.counts is None else missing


def _most_common_unlisted(listed: set[Value], column: ColumnProfile) -> float | None:
    """0 where a listed value is the most common or as common as any, else 1; None where neither is sure."""
    known, error = column.counts, 0
    if known is None:
        known, error = column.heavy, column.heavy_error
    rare = _most_of_a_rare_value(column)
    least, most = (
        max(known.get(v, 0) for v in listed),
        max(known[v] + error if v in known else rare for v in listed),
    )
    others = [count for value, count in known.items() if value not in listed]
    if least >= max([rare, *(count + error for count in others)]):
        return 0.0
    return 1.0 if max(others, default=0) > most else None


def _most_of_a_rare_value(column: ColumnProfile) -> int:
    """How often a value that is not remembered can occur: very long texts are not, however frequent."""
    if column.counts is not None:
        return 0
    has_long = column.kind == "text" and (column.max_length or 0) > HEAVY_CHARACTERS
    unseen = column.count - sum(column.heavy.values()) if has_long else 0
    return max(column.heavy_error, unseen)


def _of_numbers(column: ColumnProfile, rule: Rule) -> float | None:
    if rule.statistic == "quantile":
        return _quantile(column, 0.5 if rule.share is None else rule.share)
    if rule.statistic == "sum":
        return _sum(column)
    figures = {
        "mean": column.mean,
        "standard_deviation": column.standard_deviation,
        "minimum": column.minimum,
        "maximum": column.maximum,
    }
    found = figures[rule.statistic] if rule.statistic else None
    return float(found) if isinstance(found, Decimal) else found


def _sum(column: ColumnProfile) -> float:
    if column.counts:
        return float(sum(v * count for v, count in column.counts.items() if not isinstance(v, str)))
    return column.mean * column.count


def _profiled(value: Value, column: ColumnProfile) -> Value:
    """A value as a profile writes it."""
    if not isinstance(value, str) or column.kind != "number":
        return value
    if column.type.startswith("timestamp"):
        return round(seconds(value) * _MICROSECONDS)
    if column.type.startswith("decimal"):
        return float(value)
    if column.type.startswith("date"):
        return (dt.date.fromisoformat(value) - _EPOCH).days
    time = dt.time.fromisoformat(value)
    whole_seconds = (time.hour * 60 + time.minute) * 60 + time.second
    return whole_seconds * _MICROSECONDS + time.microsecond


def _quantile(column: ColumnProfile, share: float) -> float:
    """Interpolated between the two neighbouring rows, as the median of an even number of rows is."""
    if column.counts:
        pairs = sorted((float(value), count) for value, count in column.counts.items())
        values, weights = np.array(pairs).T
    else:
        values, weights = column.ranks.values, column.ranks.weights
    cumulative = np.cumsum(weights)
    place = share * (cumulative[-1] - 1)  # counted from 0
    below, above = values[
        np.minimum(
            np.searchsorted(cumulative, [np.floor(place), np.ceil(place)], side="right"), len(values) - 1
        )
    ]
    return float(below + (above - below) * (place - np.floor(place)))
