"""A metric alarm looks at its datapoints: the windows it sees at a moment, and the state they come to.

Windows slide: they end at the last full minute (ten seconds for periods under a minute), not at a multiple of
the period. CloudWatch looks at full windows only. So does this, except that a window still running counts as
soon as nothing that can still happen in it would change its side of the threshold (a Sum already above it):
the alarm then comes as it would at the window's end, without the wait.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.cloudwatch.exceptions import ValidationError

from localcloud.cloudwatch import bands, queries, reasons
from localcloud.cloudwatch.alarm import MetricAlarm, State
from localcloud.cloudwatch.distribution import Distribution
from localcloud.cloudwatch.judgement import judge
from localcloud.cloudwatch.math_values import Value
from localcloud.cloudwatch.reasons import Point, breaches
from localcloud.cloudwatch.statistics import is_percentile, statistic
from localcloud.cloudwatch.store import Metric, MetricStore
from localcloud.cloudwatch.time_series import TimeSeries

PERCENTILE_SAMPLES = 10  # a percentile is trusted with so many values beyond it
SETTLE = ("SampleCount", "Sum", "Maximum", "Minimum")  # statistics that go one way as values come


@dataclass(frozen=True)
class Finding:
    """The state an alarm should be in, and what it was judged on."""

    state: State
    until: int


def evaluate(alarm: MetricAlarm, store: MetricStore, now: float) -> Finding:
    """Judge an alarm at `now` (epoch seconds)."""
    until = int(now) // alarm.step * alarm.step
    may_settle = alarm.stat in SETTLE and alarm.band is None
    points = _points(alarm, store, until + alarm.step) if may_settle else []
    if not points or not _is_settled(alarm, points[-1]):
        points = _points(alarm, store, until)
    return Finding(_judge(alarm, points, now), until)


def missed(alarm: MetricAlarm, store: MetricStore, now: float) -> list[int]:
    """Moments before `now` at which the alarm would have been judged, had the clock not jumped over them.

    Only those that can tell something: from the end of its last datapoint on a period each, until that has
    left the evaluation range.
    """
    until = int(now) // alarm.step * alarm.step
    if not alarm.evaluated_until or until - alarm.evaluated_until <= alarm.step:
        return []
    known = [newest for metric in alarm.metrics if (newest := store.newest(metric)) is not None]
    if not known:
        return []
    first = (max(known) // alarm.step + 1) * alarm.step
    ends = range(first, first + alarm.rule.range * alarm.period, alarm.period)
    return [end for end in ends if alarm.evaluated_until < end < until]


def _judge(alarm: MetricAlarm, points: Sequence[Point], now: float) -> State:
    sides = [breaches(point, alarm.settings) for point in points]
    verdict = judge(sides, alarm.rule, alarm.state.value)
    used = [points[position] for position in verdict.used]
    if verdict.state == alarm.state.value or (used and _too_few_samples(alarm, used[-1])):
        return alarm.state
    when = datetime.fromtimestamp(now, UTC)
    return State(
        value=verdict.state,
        reason=reasons.text(alarm, verdict, used),
        data=reasons.data(alarm, used, when),
        since=when,
    )


def _points(alarm: MetricAlarm, store: MetricStore, end: int) -> list[Point]:
    """A point for each window of the evaluation range up to `end`, oldest first."""
    period = alarm.period
    start = end - alarm.rule.range * period
    watched = alarm.watched
    if "MetricStat" in watched and alarm.band is None:
        found = _distributions(watched["MetricStat"], store, start, end)
        compute = statistic(watched["MetricStat"]["Stat"])
        return [
            Point(when, compute(found[when]), found[when]) if when in found else Point(when)
            for when in range(start, end, period)
        ]

    def read(query: queries.Query) -> TimeSeries:
        return queries.read_series(store, query["MetricStat"], start=start, end=end)[0]

    try:
        values = queries.resolve(alarm.queries, read, bands.of_store(store, alarm.queries))
    except ValidationError:  # an array of another length than when it was put: no datapoints, as in AWS
        return [Point(when) for when in range(start, end, period)]
    series = _points_of(values[watched["Id"]])
    upper, lower = map(_points_of, values[alarm.band]) if alarm.band else ({}, {})  # type: ignore[arg-type]
    return [
        Point(when, series.get(when), lower=lower.get(when), upper=upper.get(when))
        for when in range(start, end, period)
    ]


def _points_of(value: Value) -> Mapping[int, float]:
    return value.points if isinstance(value, TimeSeries) else {}


def _distributions(
    metric_stat: dict[str, Any], store: MetricStore, start: int, end: int
) -> dict[int, Distribution]:
    metric = Metric.from_request(metric_stat["Metric"])
    units = [metric_stat["Unit"]] if metric_stat.get("Unit") else store.units(metric)
    if not units:
        return {}
    return store.read(metric, units[0], start=start, end=end, period=metric_stat["Period"])


def _is_settled(alarm: MetricAlarm, point: Point) -> bool:
    """Whether values yet to come in the window cannot move the point over the threshold, or back.

    A sum of what was never negative, a count and a maximum only rise; a minimum only falls.
    """
    if point.value is None or point.distribution is None:
        return False
    operator: str = alarm.settings["ComparisonOperator"]
    above = breaches(point, alarm.settings) == operator.startswith("GreaterThan")
    rises = alarm.stat in ("SampleCount", "Maximum") or (
        alarm.stat == "Sum" and point.distribution.minimum >= 0
    )
    return (rises and above) or (alarm.stat == "Minimum" and not above)


def _too_few_samples(alarm: MetricAlarm, newest: Point) -> bool:
    """EvaluateLowSampleCountPercentile=ignore: a percentile of too few values changes nothing."""
    stat = alarm.stat or ""
    if alarm.settings.get("EvaluateLowSampleCountPercentile") != "ignore" or not is_percentile(stat):
        return False
    rarer_percent = min(float(stat[1:]), 100 - float(stat[1:]))
    samples = newest.distribution.count if newest.distribution else 0
    return rarer_percent > 0 and samples < round(100 * PERCENTILE_SAMPLES / rarer_percent)
