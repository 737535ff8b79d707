"""Why an alarm changed its state, in CloudWatch's words and in its StateReasonData."""

import operator as comparison
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from localcloud.cloudwatch.alarm import MetricAlarm
from localcloud.cloudwatch.distribution import Distribution
from localcloud.cloudwatch.judgement import ALARM, INSUFFICIENT_DATA, Judgement

_COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "GreaterThanThreshold": (comparison.gt, "greater than"),
    "GreaterThanOrEqualToThreshold": (comparison.ge, "greater than or equal to"),
    "LessThanThreshold": (comparison.lt, "less than"),
    "LessThanOrEqualToThreshold": (comparison.le, "less than or equal to"),
}
# of anomaly detection: which ends of the band count, as (lower, upper)
OF_BANDS = {
    "LessThanLowerThreshold": (True, False),
    "GreaterThanUpperThreshold": (False, True),
    "LessThanLowerOrGreaterThanUpperThreshold": (True, True),
}


@dataclass(frozen=True)
class Point:
    """The alarm's value over the window that starts at `when` (epoch seconds), if it has one."""

    when: int
    value: float | None = None
    distribution: Distribution | None = None
    lower: float | None = None  # ends of the band, of an alarm on one
    upper: float | None = None


def breaches(point: Point, settings: Mapping[str, Any]) -> bool | None:
    """Whether a point is beyond the alarm's threshold or outside its band; None where either is missing."""
    operator = settings["ComparisonOperator"]
    if point.value is None:
        return None
    if operator not in OF_BANDS:
        return _COMPARISONS[operator][0](point.value, settings["Threshold"])
    if point.lower is None or point.upper is None:
        return None
    low, high = OF_BANDS[operator]
    return (low and point.value < point.lower) or (high and point.value > point.upper)


def timestamp(when: datetime) -> str:
    """As alarms write times: 2026-11-23T07:00:00.000+0000."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{when.microsecond // 1000:03d}+0000"


def text(alarm: MetricAlarm, verdict: Judgement, used: Sequence[Point]) -> str:
    """StateReason; `used` are the datapoints that decided, oldest first."""
    periods = alarm.rule.evaluation_periods
    if verdict.state == INSUFFICIENT_DATA:
        return f"Insufficient Data: {_datapoints(periods)} {_were(periods)} unknown."
    missing = alarm.rule.missing
    treated = ""
    if verdict.filled and missing in ("breaching", "notBreaching"):
        made = "Breaching" if missing == "breaching" else "NonBreaching"
        count = f"{verdict.filled} missing datapoint{'s' * (verdict.filled != 1)}"
        treated = f" and {count} {_were(verdict.filled)} treated as [{made}]"
    if not used:
        received = f"no datapoints were received for {periods} period{'s' * (periods != 1)}"
        return f"Threshold Crossed: {received}{treated}."
    thresholds = "Thresholds" if alarm.settings["ComparisonOperator"] in OF_BANDS else "Threshold"
    return f"{thresholds} Crossed: {_crossed(alarm, verdict, used)}{treated}{_minimum(alarm, verdict)}."


def _crossed(alarm: MetricAlarm, verdict: Judgement, used: Sequence[Point]) -> str:
    wanted = verdict.state == ALARM
    deciding = [p for p in used if breaches(p, alarm.settings) == wanted]
    shown = ", ".join(
        f"{p.value} ({datetime.fromtimestamp(p.when, UTC):%d/%m/%y %H:%M:%S})" for p in reversed(deciding)
    )
    number = len(deciding)
    of_the_last = f"{number} out of the last {_datapoints(len(used))}"
    count = of_the_last if _minimum(alarm, verdict) else _datapoints(number)
    verb = _were(number) if wanted else f"{_were(number)} not"
    return f"{count} [{shown}] {verb} {_beyond(alarm.settings, deciding)}"


def _beyond(settings: Mapping[str, Any], deciding: Sequence[Point]) -> str:
    operator = settings["ComparisonOperator"]
    if operator not in OF_BANDS:
        return f"{_COMPARISONS[operator][1]} the threshold ({settings['Threshold']})"
    low, high = OF_BANDS[operator]
    ends = []
    if low:
        ends.append(f"less than the lower thresholds [{', '.join(str(p.lower) for p in reversed(deciding))}]")
    if high:
        ends.append(
            f"greater than the upper thresholds [{', '.join(str(p.upper) for p in reversed(deciding))}]"
        )
    return " or ".join(ends)


def _minimum(alarm: MetricAlarm, verdict: Judgement) -> str:
    """Between OK and ALARM, on real datapoints only, the reason ends with how many it takes."""
    before = alarm.state.value
    if verdict.filled or before == INSUFFICIENT_DATA:
        return ""
    rule = alarm.rule
    to_ok = rule.evaluation_periods - rule.datapoints_to_alarm + 1
    needed = rule.datapoints_to_alarm if verdict.state == ALARM else to_ok
    return f" (minimum {_datapoints(needed)} for {before} -> {verdict.state} transition)"


def data(alarm: MetricAlarm, used: Sequence[Point], now: datetime) -> dict[str, Any]:
    """StateReasonData: the datapoints that decided, oldest first, then newest first with their samples."""
    found: dict[str, Any] = {"version": "1.0", "queryDate": timestamp(now)}
    if used:
        found["startDate"] = timestamp(datetime.fromtimestamp(used[0].when, UTC))
    if unit := alarm.settings.get("Unit"):
        found["unit"] = unit
    if alarm.stat:
        found["statistic"] = alarm.stat
    found |= {
        "period": alarm.period,
        "recentDatapoints": [point.value for point in used],
        **_thresholds(alarm.settings, used),
        "evaluatedDatapoints": [_evaluated(point) for point in reversed(used)],
    }
    return found


def _thresholds(settings: Mapping[str, Any], used: Sequence[Point]) -> dict[str, Any]:
    if settings["ComparisonOperator"] not in OF_BANDS:
        return {"threshold": settings["Threshold"]}
    return {
        "recentLowerThresholds": [point.lower for point in used],
        "recentUpperThresholds": [point.upper for point in used],
    }


def _evaluated(point: Point) -> dict[str, Any]:
    shown: dict[str, Any] = {"timestamp": timestamp(datetime.fromtimestamp(point.when, UTC))}
    if point.distribution is not None:
        shown["sampleCount"] = point.distribution.count
    return shown | {"value": point.value}


def _datapoints(number: int) -> str:
    return f"{number} datapoint{'s' * (number != 1)}"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"
