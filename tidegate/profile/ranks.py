"""An equal-rank sample: the values at K evenly spaced ranks, from which any quantile or share can be read.

After L compactions (batch, squash, shard, drop) a rank is off by at most L / (2 K). Nothing is random: the
same rows in the same batches give the same sample.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

DROP_RANKS = 1024
BASELINE_RANKS = 4096  # a reference is compared with often, so its error is worth 24 KB more a column


@dataclass(frozen=True)
class Ranks:
    """Ascending values and how many rows each stands for."""

    values: Values
    weights: Values

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros(0), np.zeros(0))

    @classmethod
    def of_sorted(cls, values: NDArray[np.generic], keep: int) -> Self:
        """Of ascending values without NaN; all of them when they are at most `keep`."""
        count = len(values)
        if count <= keep:
            return cls(values.astype(np.float64), np.ones(count))
        step = count / keep
        chosen = ((np.arange(keep) + 0.5) * step).astype(np.int64)
        return cls(values[chosen].astype(np.float64), np.full(keep, step))

    @classmethod
    def merge(cls, parts: list["Ranks"], keep: int) -> Self:
        values = np.concatenate([part.values for part in parts]) if parts else np.zeros(0)
        weights = np.concatenate([part.weights for part in parts]) if parts else np.zeros(0)
        order = np.argsort(values, kind="stable")
        values, weights = values[order], weights[order]
        if len(values) <= keep:
            return cls(values, weights)
        cumulative = np.cumsum(weights)
        total = cumulative[-1]
        chosen = np.searchsorted(cumulative, (np.arange(keep) + 0.5) * total / keep)
        return cls(values[chosen], np.full(keep, total / keep))

    def share_at_or_below(self, points: Values) -> Values:
        """Share of the rows that are <= each point; in [0, 1]."""
        cumulative = np.concatenate([[0.0], np.cumsum(self.weights)])
        shares: Values = cumulative[np.searchsorted(self.values, points, side="right")] / cumulative[-1]
        return shares

    def quantile(self, shares: Values) -> Values:
        """Values at these shares in [0, 1], interpolated between the middles of neighbours."""
        middles = (np.cumsum(self.weights) - self.weights / 2) / self.weights.sum()
        quantiles: Values = np.interp(shares, middles, self.values)
        return quantiles
