"""Where a figure usually lies, judged by how it wandered over earlier drops, with or without a weekly season.

Pure standard library. Robust: one mad drop among twelve moves neither the middle nor the width by much.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from statistics import fmean, median

from tidegate.statistics.significance import t_quantile, t_two_sided

MINIMUM_HISTORY = 5  # drops; below it a figure is not judged
SEASON_HISTORY = 28  # drops from which a weekly season is looked for
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
SEASONS = 4  # values of every weekday that a season needs
_ALPHA = 0.0026  # chance of a usual figure outside the interval shown: both tails of three sigma
_NORMAL_MAD = 1.4826  # standard deviation of a normal distribution over its median absolute deviation
_GATE = 0.7  # a season must remove so much of the spread that no more than this is left
_FLOOR = 1e-3  # of the middle: nothing is known more exactly
_MEDIAN_VARIANCE = 1.57  # of a median, times n, of a normal distribution
_FAR = 5  # robust standard deviations beyond which a past value may be an outlier
_DROPS_AN_OUTLIER = 7  # one in so many past values may be one
_OUTLIERS_FROM = 10  # values; of fewer, leaving any out makes the rest look too much alike


@dataclass(frozen=True, kw_only=True)
class Usual:
    """Middle and scale of a t distribution with `degrees` of freedom, from which a new value should come."""

    middle: float
    scale: float
    degrees: int
    weekday: int | None = None  # 0 is Monday; None when there is no season

    def p_value(self, value: float) -> float:
        """Two-sided chance of a value so far out."""
        distance = abs(value - self.middle)
        if not self.scale:
            return 1.0 if not distance else 0.0
        return t_two_sided(distance / self.scale, self.degrees)

    @property
    def interval(self) -> tuple[float, float]:
        """What all but 0.26 percent of usual values lie in."""
        reach = t_quantile(_ALPHA, self.degrees) * self.scale
        return self.middle - reach, self.middle + reach


def weekday(moment: str) -> int | None:
    """0 for a Monday; None when the ISO 8601 text tells none."""
    try:
        return date.fromisoformat(moment[:10]).weekday()
    except ValueError:
        return None


def usual(values: Sequence[float], weekdays: Sequence[int | None] = (), today: int | None = None) -> Usual:
    """What `values` of earlier drops predict.

    Args:
        values: at least two, on a scale where they are about normal.
        weekdays: of the values' drops; without them no season is looked for.
        today: weekday of the new drop.

    Source:
        A robust t interval: median, and 1.4826 MAD (1 + 2 / n) sqrt(1 + 1 / n) with n - 1 degrees of freedom.
        The MAD of few values is often far too small, which after a correction for 250 figures alarmed for one
        ordinary drop in six (simulated): the standard deviation without gross outliers is its floor.
    """
    season = _season(values, weekdays, today)
    if season is not None:
        return season
    n = len(values)
    middle = median(values)
    deviations = [value - middle for value in values]
    spread = max(_mad(deviations) * (1 + 2 / n), _without_outliers(deviations), _FLOOR * abs(middle))
    return Usual(middle=middle, scale=spread * math.sqrt(1 + 1 / n), degrees=n - 1)


def _season(values: Sequence[float], weekdays: Sequence[int | None], today: int | None) -> Usual | None:
    """Medians of weekdays, when there are enough of each and they explain enough of the spread."""
    if len(values) < SEASON_HISTORY or today is None:
        return None
    days: dict[int | None, list[float]] = defaultdict(list)
    for day, value in zip(weekdays, values, strict=True):
        days[day].append(value)
    fewest = min((len(days[day]) for day in range(len(WEEKDAYS))), default=0)
    if fewest < SEASONS or None in days:
        return None
    middles = {day: median(of_day) for day, of_day in days.items()}
    residuals = [value - middles[day] for day, value in zip(weekdays, values, strict=True)]
    inflation = math.sqrt(1 + _MEDIAN_VARIANCE / fewest) * math.sqrt(fewest / (fewest - 1))
    middle = median(values)
    left = _mad(residuals) * inflation
    if left > _GATE * _mad([value - middle for value in values]):
        return None
    spread = max(left, _without_outliers(residuals) * inflation, _FLOOR * abs(middles[today]))
    return Usual(middle=middles[today], scale=spread, degrees=len(values) - len(WEEKDAYS), weekday=today)


def _mad(deviations: Sequence[float]) -> float:
    """Standard deviation by the median of absolute deviations from a median."""
    return _NORMAL_MAD * median(abs(deviation) for deviation in deviations)


def _without_outliers(deviations: Sequence[float]) -> float:
    """Standard deviation of all but the few values that lie far out, if any do."""
    n = len(deviations)
    limit = _FAR * _mad(deviations)
    ordered = sorted(deviations, key=abs)
    kept, fewest = n, n - n // _DROPS_AN_OUTLIER if n >= _OUTLIERS_FROM else n
    while kept > fewest and abs(ordered[kept - 1]) > limit:
        kept -= 1
    mean = fmean(ordered[:kept])
    deviation = math.sqrt(sum((value - mean) ** 2 for value in ordered[:kept]) / (kept - 1))
    return deviation if kept == n else deviation * (1 + 2 / n)
