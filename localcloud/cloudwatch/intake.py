"""PutMetricData's request, checked as CloudWatch checks it and turned into samples."""

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, InvalidParameterValue

from localcloud.cloudwatch.distribution import Distribution
from localcloud.cloudwatch.store import MINUTE, Datum, Metric

MOST_DATA = 1000
MOST_VALUES = 150
MOST_DIMENSIONS = 30
PAST_SECONDS = 14 * 24 * 3600
FUTURE_SECONDS = 2 * 3600
LARGEST = 2.0**360
_STATISTIC_SET = ("SampleCount", "Sum", "Minimum", "Maximum")


def read(namespace: str, members: Sequence[Mapping[str, Any]], now: float) -> list[Datum]:
    """Every member of a request, or the error AWS answers: then none is stored.

    Raises:
        InvalidParameterValue, InvalidParameterCombination: in AWS's words.
    """
    if namespace.startswith("AWS/"):
        raise InvalidParameterValue(f"The value {namespace} for parameter Namespace is invalid.")
    if len(members) > MOST_DATA:
        raise InvalidParameterValue(
            f"The collection MetricData must not have a size greater than {MOST_DATA}."
        )
    return [_datum(namespace, member, number, now) for number, member in enumerate(members, 1)]


def epoch(when: datetime | float) -> float:
    """Seconds since the epoch; a time without a zone is UTC, as on the wire."""
    if isinstance(when, datetime):
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return float(when)


def _datum(namespace: str, member: Mapping[str, Any], number: int, now: float) -> Datum:
    name = f"MetricData.member.{number}"
    _check_exclusive(member, name)
    dimensions = member.get("Dimensions") or []
    if len(dimensions) > MOST_DIMENSIONS:
        raise InvalidParameterValue(
            f"The collection {name}.Dimensions must not have a size greater than {MOST_DIMENSIONS}."
        )
    return Datum(
        metric=Metric.of(namespace, member["MetricName"], {d["Name"]: d["Value"] for d in dimensions}),
        sample=_sample(member, name),
        unit=member.get("Unit") or "None",
        when=_when(member.get("Timestamp"), name, now),
        resolution=1 if member.get("StorageResolution") == 1 else MINUTE,
    )


def _check_exclusive(member: Mapping[str, Any], name: str) -> None:
    # AWS accepts Values beside StatisticValues (as recorded); the values win here: they say more
    for other in ("Values", "StatisticValues"):
        if member.get("Value") is not None and member.get(other):
            raise InvalidParameterCombination(
                f"The parameters {name}.Value and {name}.{other} are mutually exclusive "
                "and you have specified both."
            )
    if member.get("Value") is None and not member.get("Values") and not member.get("StatisticValues"):
        raise InvalidParameterCombination(
            f"At least one of the parameters {name}.Value, {name}.Values and {name}.StatisticValues "
            "must be specified."
        )


def _sample(member: Mapping[str, Any], name: str) -> Distribution:
    sample = Distribution()
    if values := member.get("Values"):
        counts = member.get("Counts") or [1.0] * len(values)
        if len(counts) != len(values):
            raise InvalidParameterValue(
                f"The parameters {name}.Values and {name}.Counts must be of the same size."
            )
        if len(values) > MOST_VALUES:
            raise InvalidParameterValue(
                f"The collection {name}.Values must not have a size greater than {MOST_VALUES}."
            )
        _check_numbers([*values, *counts], f"{name}.Values")
        for value, count in zip(values, counts, strict=True):
            if count > 0:
                sample.add(float(value), float(count))
    elif statistic_set := member.get("StatisticValues"):
        numbers = [float(statistic_set[key]) for key in _STATISTIC_SET]
        _check_numbers(numbers, f"{name}.StatisticValues")
        sample.add_statistic_set(*numbers)
    else:
        _check_numbers([member["Value"]], f"{name}.Value")
        sample.add(float(member["Value"]))
    return sample


def _check_numbers(numbers: Iterable[float], name: str) -> None:
    for number in numbers:
        if math.isnan(number):
            raise InvalidParameterValue(f"The value NaN for parameter {name} is invalid.")
        if abs(number) > LARGEST:
            raise InvalidParameterValue(f"The value {number} for parameter {name} is invalid.")


def _when(timestamp: datetime | None, name: str, now: float) -> float:
    if timestamp is None:
        return now
    when = epoch(timestamp)
    if when < now - PAST_SECONDS:
        raise InvalidParameterValue(
            f"The parameter {name}.Timestamp must specify a time within the past two weeks."
        )
    if when > now + FUTURE_SECONDS:
        raise InvalidParameterValue(
            f"The parameter {name}.Timestamp must specify a time no more than two hours in the future."
        )
    return when
