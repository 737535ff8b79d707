"""Distances between two distributions: PSI, Kolmogorov-Smirnov, Wasserstein and Jensen-Shannon.

Pure numpy, from what a profile keeps. Each distance of a shift in the mean of a normal distribution is known,
so the levels at which they speak of the same effect are known too.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tidegate.profile import ColumnProfile
from tidegate.statistics.significance import chi2_sf, kolmogorov_sf

Counts = NDArray[np.float64]
Values = NDArray[np.float64]

# (warning, alarm): where a shift of a normal distribution has a PSI of 0.1 and of 0.2.
EQUAL_EFFECTS = {
    "psi": (0.1, 0.2),
    "ks": (0.12, 0.18),
    "wasserstein": (0.32, 0.46),
    "jensen_shannon": (0.13, 0.19),
}
_LEVELS = 4  # compactions of a sample on its longest way: batch, squash, shard, drop
_HEAVY = 1.5  # times the weight of a point, or of a row, from which a value is one of many rows
_NORMAL_IQR = 1.349
_ROUNDING = 1e-12  # of a sum of shares


@dataclass(frozen=True)
class Cumulative:
    """Finite numbers of a column: different values, ascending, and the shares of the rows up to each.

    A point of a sample is the middle of a stretch of ranks, so between the middles of neighbours the share
    grows evenly. At a value that is counted, or that several points have, it jumps.
    """

    values: Values
    weights: Values  # share of each; they add up to 1
    below: Values  # share of the rows < each value; of the middle of a stretch the same as `upto`
    upto: Values  # share of the rows <= each value
    rows: int
    rank_error: float  # by which a share may be off

    @classmethod
    def of(cls, column: ColumnProfile) -> Self:
        """Of a number with at least one value; exact while its values are counted one by one."""
        if column.counts:
            points = np.array(list(column.counts), np.float64)
            counts = np.array(list(column.counts.values()), np.float64)
        else:
            points, counts = column.ranks.values, column.ranks.weights
        order = np.argsort(points, kind="stable")
        points = points[order]
        lasts = np.append(np.flatnonzero(points[1:] != points[:-1]), len(points) - 1)
        values = points[lasts]
        ends = np.cumsum(counts[order])[lasts]
        upto = ends / ends[-1]
        below = np.append(0.0, upto[:-1])
        weights = upto - below
        if column.counts or len(points) >= column.count:
            return cls(values, weights, below, upto, column.count, rank_error=0.0)
        jumps = (np.diff(lasts, prepend=-1) > 1) | (weights > _HEAVY / len(points))
        middles = (below + upto) / 2
        below, upto = np.where(jumps, below, middles), np.where(jumps, upto, middles)
        below[0], upto[-1] = 0.0, 1.0  # nothing is known of what lies beyond the outermost points
        error = _LEVELS / (2 * len(points))
        return cls(values, weights, below, upto, column.count, rank_error=error)

    def at_or_below(self, points: Values) -> Values:
        shares: Values = np.interp(points, *self._growth, left=0.0)
        return shares

    @cached_property
    def _growth(self) -> tuple[Values, Values]:
        """Values, the float before each among them, and the shares at or below."""
        values = np.column_stack([np.nextafter(self.values, -np.inf), self.values])
        return values.ravel(), np.column_stack([self.below, self.upto]).ravel()

    def steps(self, points: Values) -> Values:
        """Share at or below, were each stretch all in its middle."""
        after = np.searchsorted(self.values, points, "right")
        shares: Values = np.append(0.0, np.cumsum(self.weights))[after]
        return shares

    def cuts(self, shares: Values) -> Values:
        """Ascending values that part the rows at these shares: numpy's quantiles, but for ties.

        A value of many rows is not parted: the cut lies on the nearer side of it, so that a rare value below
        a frequent one has a bin too. It is half way to the next value, where a sample that has both as
        middles of stretches is parted rightly. Cuts that fall together are one.
        """
        asked = (shares * (self.rows - 1) + 0.5) / self.rows  # from the middle of the first row to the last's
        cuts: Values = np.interp(asked, *self._knots)
        return cuts[np.diff(cuts, prepend=-np.inf) > 0]  # np.unique would load masked arrays

    @cached_property
    def _knots(self) -> tuple[Values, Values]:
        """Shares and the cuts there: of each value four, between the inner two of which a jump is halved."""
        before = np.nextafter(self.values, -np.inf)
        gaps = np.clip(self.values[:-1] / 2 + self.values[1:] / 2, self.values[:-1], before[1:])
        left, right = np.append(before[0], gaps), np.append(gaps, self.values[-1])
        middles = (self.below + self.upto) / 2
        shares = np.column_stack([middles] * 4)
        cuts = np.column_stack([self.values] * 4)
        many = np.flatnonzero((self.upto - self.below) * self.rows > _HEAVY)
        shares[many, 0], shares[many, 3] = self.below[many], self.upto[many]
        cuts[many, :2], cuts[many, 2:] = left[many, None], right[many, None]
        return shares.ravel(), cuts.ravel()

    def reached(self, shares: Values) -> Values:
        """The first value at which each share is reached: one that occurs, which matters among ties."""
        places = np.searchsorted(np.cumsum(self.weights), shares - _ROUNDING)
        first: Values = self.values[np.minimum(places, len(self.values) - 1)]
        return first


@dataclass(frozen=True, kw_only=True)
class NumberDistances:
    """Of two numeric columns."""

    ks: float  # largest difference of the cumulative shares, in [0, 1]
    ks_effect: float  # what of it the samples' rank errors cannot explain
    ks_p_value: float
    wasserstein: float | None  # in units of the reference's IQR / 1.349; None when that is 0


def number_distances(
    reference: Cumulative, current: Cumulative, reference_rows: int, current_rows: int
) -> NumberDistances:
    """The distances of finite numbers; rows are those that have one, at least one on each side.

    Source:
        Smirnov (1948) for the p-value, of the difference beyond both rank errors.
    """
    points = np.concatenate([reference.values, current.values])
    points.sort(kind="stable")
    largest = float(np.abs(reference.at_or_below(points) - current.at_or_below(points)).max())
    effect = max(0.0, largest - reference.rank_error - current.rank_error)
    rows = reference_rows * current_rows / (reference_rows + current_rows)
    low, high = reference.reached(np.array([0.25, 0.75])).tolist()
    unit = (high - low) / _NORMAL_IQR
    steps = np.abs(reference.steps(points) - current.steps(points))
    area = float(np.sum(steps[:-1] * np.diff(points)))
    return NumberDistances(
        ks=largest,
        ks_effect=effect,
        ks_p_value=kolmogorov_sf(float(np.sqrt(rows)) * effect),
        wasserstein=area / unit if unit > 0 else None,
    )


def psi(reference: Counts, current: Counts) -> tuple[float, float, float]:
    """Population stability index of two histograms over the same bins: (psi, effect, p-value).

    Half an observation is added to each bin, so that an empty one yields a large, finite term. Bins that are
    empty on both sides count for nothing.

    Source:
        Under no drift PSI / (1/n + 1/m) is chi-square with bins - 1 degrees of freedom (Yurdakul, 2018).
    """
    used = (reference > 0) | (current > 0)
    reference, current = reference[used], current[used]
    bins = len(reference)
    n, m = float(reference.sum()), float(current.sum())
    if bins < 2 or not n or not m:  # noqa: PLR2004  # one bin holds all: nothing can move
        return 0.0, 0.0, 1.0
    p = (reference + 0.5) / (n + 0.5 * bins)
    q = (current + 0.5) / (m + 0.5 * bins)
    index = float(np.sum((p - q) * np.log(p / q)))
    noise = 1 / n + 1 / m
    return index, max(0.0, index - noise * (bins - 1)), chi2_sf(index / noise, bins - 1)


def jensen_shannon(reference: Counts, current: Counts) -> float:
    """Jensen-Shannon distance (the root of the divergence in bits) of two histograms, in [0, 1]."""
    if not reference.sum() or not current.sum():
        return 0.0
    p, q = reference / reference.sum(), current / current.sum()
    middle = (p + q) / 2
    divergence = (_bits(p, middle) + _bits(q, middle)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def _bits(p: Counts, q: Counts) -> float:
    used = p > 0
    return float(np.sum(p[used] * np.log2(p[used] / q[used])))
