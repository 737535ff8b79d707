"""Whole days drawn again and again: how far a figure moves when other days of the same kind had been tested.

Rows of one day share their weather, so days are resampled, not rows: a row bootstrap of such scores raises
false alarms more often than not. Every model is scored on the same draws, so that differences are paired.
"""

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tidegate.statistics.significance import t_quantile, t_two_sided

DAY_SECONDS = 86400
CONFIDENCE = 0.95
ONE_SIDED = 0.90  # the low end of this interval is a lower bound at 95 %
_FEW = 2  # days, without which nothing is known of how days differ

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A point estimate with its 95 % bootstrap interval; NaN where it is not known."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


@dataclass(frozen=True)
class Days:
    """The UTC day of each row: `codes`, shape (n,), in 0..count-1."""

    codes: NDArray[np.intp]
    count: int

    @classmethod
    def of(cls, moments: Floats) -> Self:
        """Args: moments: shape (n,), seconds since the epoch."""
        found, codes = np.unique(np.floor(moments / DAY_SECONDS), return_inverse=True)
        return cls(codes.astype(np.intp), found.size)

    def sums(self, values: Floats) -> Floats:
        """The total of each day, shape (count,)."""
        found: Floats = np.bincount(self.codes, weights=values, minlength=self.count).astype(np.float64)
        return found


@dataclass(frozen=True)
class Draws:
    """How often each day is drawn in each replicate: `counts`, shape (replicates, days.count)."""

    days: Days
    counts: Floats

    @classmethod
    def of(cls, days: Days, replicates: int, seed: int) -> Self:
        """As many days as there are, with repetition; the same for the same seed."""
        share = np.full(days.count, 1 / days.count)
        drawn = np.random.default_rng(seed).multinomial(days.count, share, size=replicates)
        return cls(days, drawn.astype(np.float64))

    def take(self, rows: NDArray[np.bool_]) -> Self:
        """The same draws of some rows; days without any are forgotten."""
        found, codes = np.unique(self.days.codes[rows], return_inverse=True)
        return type(self)(Days(codes.astype(np.intp), found.size), self.counts[:, found])

    def totals(self, values: Floats) -> Floats:
        """The sum of `values`, shape (n,), in each draw."""
        found: Floats = self.counts @ self.days.sums(values)
        return found

    def means(self, values: Floats) -> Floats:
        """The mean of `values`, shape (n,), in each draw; NaN where a draw holds no rows."""
        with np.errstate(invalid="ignore"):
            return self.totals(values) / self.totals(np.ones(values.size))


def widening(days: int, confidence: float = CONFIDENCE) -> float:
    """What a percentile interval of few days must be stretched by, about its point.

    The bootstrap takes the variance of `days` values as if it were known and divides by n, not n - 1. As
    Student's t does for a mean: t / z * sqrt(n / (n - 1)). 1.35 of 7 days, 1.15 of 14, 1.06 of 30.

    Source:
        Hesterberg (2015), What Teachers Should Know About the Bootstrap, 3.3 and 5.3.
    """
    if days < _FEW:
        return math.inf
    normal = NormalDist().inv_cdf((1 + confidence) / 2)
    return t_quantile(1 - confidence, days - 1) / normal * math.sqrt(days / (days - 1))


def interval(value: float, drawn: Floats, days: int, confidence: float = CONFIDENCE) -> Interval:
    """The percentile interval of `drawn`, widened for the number of days.

    Args:
        drawn: the figure in each replicate; those that are not numbers (a single class) are left out.
    """
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size == 0 or days < _FEW or not math.isfinite(value):
        return Interval(value, math.nan, math.nan)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    wider = widening(days, confidence)
    return Interval(value, value - wider * (value - float(low)), value + wider * (float(high) - value))


def standard_error(drawn: Floats, days: int) -> float:
    """Of the figure that was drawn; NaN where fewer than two days or replicates tell."""
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size < _FEW or days < _FEW:
        return math.nan
    return float(np.std(drawn, ddof=1)) * math.sqrt(days / (days - 1))


def p_below(value: float, error: float, days: int) -> float:
    """P(a figure this low or lower) if the truth were 0, by Student's t over days; 1 if nothing is known."""
    if not (math.isfinite(value) and math.isfinite(error)) or days < _FEW:
        return 1.0
    if error == 0:
        return 0.0 if value < 0 else 1.0
    half = t_two_sided(value / error, days - 1) / 2
    return half if value < 0 else 1 - half


def holm(p_values: list[float]) -> list[float]:
    """Holm's step-down correction: the chance of one false alarm among all, in the given order.

    Source:
        Holm (1979), A Simple Sequentially Rejective Multiple Test Procedure.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, largest = [1.0] * len(p_values), 0.0
    for position, index in enumerate(order):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - position)))
        adjusted[index] = largest
    return adjusted
