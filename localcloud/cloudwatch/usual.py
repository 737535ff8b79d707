"""What a metric usually is at an hour: the stand-in for the models of CloudWatch's anomaly detection.

CloudWatch trains a model that it does not publish, on up to two weeks. Here points of the same hour of the
week are alike where two weeks are known, of the same hour of the day from three days on, and all of them from
one day on; less is no model, as while CloudWatch still trains. The centre is their median, the deviation
1.4826 times their median absolute deviation, which earlier anomalies do not widen.
"""

import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from localcloud.cloudwatch.time_series import TimeSeries

DAY, HOUR = 24 * 3600, 3600
LONGEST_SECONDS = 14 * DAY
ENOUGH_POINTS = 10  # of one hour; fewer are put together with those of other days
OF_NORMAL = 1.4826  # a normal distribution's standard deviation over its median absolute deviation
LEAST_SHARE = 0.05  # of the centre, or of that of all hours: a metric that never moved may move a little


def _hour_of_week(when: int) -> int:
    return when % (7 * DAY) // HOUR


def _hour_of_day(when: int) -> int:
    return when % DAY // HOUR


def _any_time(when: int) -> int:
    del when
    return 0


# known seconds from which on points are told apart so
_ALIKE: tuple[tuple[int, Callable[[int], int]], ...] = (
    (LONGEST_SECONDS, _hour_of_week),
    (3 * DAY, _hour_of_day),
    (DAY, _any_time),
)


@dataclass(frozen=True)
class Model:
    """Centre and deviation of each group of hours."""

    group: Callable[[int], int]
    levels: Mapping[int, tuple[float, float]]

    def band(self, times: Iterable[int], deviations: float) -> tuple[dict[int, float], dict[int, float]]:
        """Upper and lower ends by epoch second, of the hours that are known."""
        upper, lower = {}, {}
        for when in times:
            if (level := self.levels.get(self.group(when))) is not None:
                centre, deviation = level
                upper[when], lower[when] = centre + deviations * deviation, centre - deviations * deviation
        return upper, lower


def train(history: TimeSeries) -> Model | None:
    """The finest model that the points of `history` allow; none when they span less than a day."""
    if not history.points:
        return None
    known = history.end - min(history.points)
    overall = abs(statistics.median(history.points.values()))
    for needed, group in _ALIKE:
        if known < needed:
            continue
        alike: dict[int, list[float]] = {}
        for when, value in history.points.items():
            alike.setdefault(group(when), []).append(value)
        if min(map(len, alike.values())) >= ENOUGH_POINTS or group is _any_time:
            levels = {key: _level(values, overall) for key, values in alike.items()}
            return Model(group, levels)
    return None


def _level(values: list[float], overall: float) -> tuple[float, float]:
    centre = statistics.median(values)
    spread = OF_NORMAL * statistics.median(abs(value - centre) for value in values)
    return centre, max(spread, LEAST_SHARE * max(abs(centre), overall))
