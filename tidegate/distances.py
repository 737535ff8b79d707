"""Distances between two distributions: PSI, Kolmogorov-Smirnov, Wasserstein and Jensen-Shannon.

Pure numpy, from what a profile keeps. Each distance of a shift in the mean of a normal distribution is known,
so the levels at which they speak of the same effect are known too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from tidegate.profile import ColumnProfile
from tidegate.significance import chi2_sf, kolmogorov_sf

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
_NORMAL_IQR = 1.349
_ROUNDING = 1e-12  # of a sum of shares


@dataclass(frozen=True)
class Cumulative:
    """Finite numbers of a column: ascending values and each one's share of the rows that have one."""

    values: Values
    weights: Values
    cumulative: Values  # 0 first
    rank_error: float  # by which a share may be off

    @classmethod
    def of(cls, column: ColumnProfile) -> Self:
        """Of a number with at least one value; exact while its values are counted one by one."""
        if column.counts:
            values = np.array(list(column.counts), np.float64)
            counts = np.array(list(column.counts.values()), np.float64)
        else:
            values, counts = column.ranks.values, column.ranks.weights
        order = np.argsort(values, kind="stable")
        values, weights = values[order], counts[order] / counts.sum()
        has_all = bool(column.counts) or len(values) >= column.count
        error = 0.0 if has_all else _LEVELS / (2 * len(values))
        return cls(values, weights, np.concatenate([[0.0], np.cumsum(weights)]), error)

    def at_or_below(self, points: Values) -> Values:
        shares: Values = self.cumulative[np.searchsorted(self.values, points, side="right")]
        return shares

    def quantile(self, shares: Values) -> Values:
        """Interpolated between the middles of neighbours, as by `ColumnProfile.quantile`."""
        quantiles: Values = np.interp(shares, self.cumulative[1:] - self.weights / 2, self.values)
        return quantiles

    def reached(self, shares: Values) -> Values:
        """The first value at which each share is reached: one that occurs, which matters among ties."""
        places = np.searchsorted(self.cumulative[1:], shares - _ROUNDING)
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
    apart = np.abs(reference.at_or_below(points) - current.at_or_below(points))
    largest = float(apart.max())
    effect = max(0.0, largest - reference.rank_error - current.rank_error)
    rows = reference_rows * current_rows / (reference_rows + current_rows)
    low, high = reference.reached(np.array([0.25, 0.75])).tolist()
    unit = (high - low) / _NORMAL_IQR
    area = float(np.sum(apart[:-1] * np.diff(points)))
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
