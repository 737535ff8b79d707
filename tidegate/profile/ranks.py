"""An equal-rank sample: the values at K evenly spaced ranks, from which any quantile or share can be read.

Up to K rows are kept as they came, in their order. Beyond, after L compactions (batch, squash, shard, drop) a
rank is off by at most L / (2 K). Nothing is random: the same rows in the same batches give the same sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tidegate.profile.samples import Values, at_even_ranks, weight_of_each

DROP_RANKS = 2048  # with 1,024 a PSI of 0.25 was off by up to 9e-4, with 2,048 by half of that
BASELINE_RANKS = 4096  # a reference is compared with often, so its error is worth 16 KB more a column
_SQUASH_ABOVE = 1 << 15  # points of a level, a quarter of a megabyte
_SQUASH_TO = 8192
_MANY_POINTS = 1 << 17  # from which samples of several weights are worth two sorts


@dataclass(frozen=True)
class Ranks:
    """Values and how many rows each stands for: ascending, but in the rows' order when all rows are kept."""

    values: Values
    weights: Values
    are_counts: bool = False  # the weights are rows of exactly these values, not stretches of ranks

    @classmethod
    def empty(cls) -> Self:
        return cls(np.zeros(0), np.zeros(0))

    @classmethod
    def of_rows(cls, parts: Sequence[NDArray[Any]]) -> Self:
        """Every row, in its order."""
        values = np.concatenate([np.zeros(0), *parts])
        return cls(values, np.ones(len(values)))

    @classmethod
    def of_counts(cls, counts: Mapping[Any, int]) -> Self:
        """Of numbers and how often each occurs: nothing is lost."""
        values = np.array([float(value) for value in counts])
        order = np.argsort(values)
        return cls(values[order], np.array(list(counts.values()), np.float64)[order], are_counts=True)

    @classmethod
    def merge(cls, parts: Sequence["Ranks"], keep: int) -> Self:
        """At most `keep` points of all parts together, one compaction more than the parts have seen."""
        if not parts:
            return cls.empty()
        samples = [part.values for part in parts if len(part.values)]
        points = sum(map(len, samples))
        weight = weight_of_each([part.weights for part in parts]) if points > keep else None
        if weight is not None and (weight == weight[0]).all():  # as shards' are: a third of the time
            values = np.concatenate(samples)
            values.sort()
            places = np.ceil((np.arange(keep) + 0.5) * (points / keep)).astype(np.int64) - 1
            return cls(values[places], _constant(weight[0] * points / keep, keep))
        if weight is not None and points >= _MANY_POINTS:
            found = at_even_ranks(samples, weight, keep)
            if found is not None:
                return cls(found[0], _constant(found[1] / keep, keep))
        return cls._followed(parts, keep)

    @classmethod
    def _followed(cls, parts: Sequence["Ranks"], keep: int) -> Self:
        """`merge` where weights must follow their values one by one."""
        values = np.concatenate([part.values for part in parts])
        weights = np.concatenate([part.weights for part in parts])
        order = np.argsort(values)
        if len(values) <= keep:
            return cls(values[order], weights[order])
        cumulative = weights[order]
        np.cumsum(cumulative, out=cumulative)
        total = cumulative[-1]
        chosen = np.searchsorted(cumulative, (np.arange(keep) + 0.5) * total / keep)
        return cls(values[order[chosen]], _constant(total / keep, keep))

    @property
    def rows(self) -> float:
        return float(self.weights.sum())

    def are_all(self, rows: int) -> bool:
        """Whether each of the `rows` is here by itself."""
        return len(self.values) == rows and bool((self.weights == 1).all())

    def share_at_or_below(self, points: Values) -> Values:
        """Share of the rows that are <= each point; in [0, 1]."""
        values, weights = self._ascending
        cumulative = np.concatenate([[0.0], np.cumsum(weights)])
        shares: Values = cumulative[np.searchsorted(values, points, side="right")] / cumulative[-1]
        return shares

    def quantile(self, shares: Values) -> Values:
        """Values at these shares in [0, 1].

        A value holds the ranks of all rows it stands for; between neighbours it is interpolated over one row,
        or over as many as the lightest point of a sample has.
        """
        values, weights = self._ascending
        ends = np.cumsum(weights)
        margin = 0.5 if self.are_counts else weights.min() / 2
        # Floating point must not put the end of a stretch before its beginning.
        knots = np.maximum.accumulate(np.column_stack([ends - weights + margin, ends - margin]).ravel())
        quantiles: Values = np.interp(np.asarray(shares) * ends[-1], knots, np.repeat(values, 2))
        return quantiles

    @cached_property
    def _ascending(self) -> tuple[Values, Values]:
        order = np.argsort(self.values, kind="stable")
        return self.values[order], self.weights[order]


def positions(count: int, keep: int) -> NDArray[np.int64]:
    """The middles of `keep` equal stretches of `count` > `keep` ascending values."""
    chosen: NDArray[np.int64] = ((np.arange(keep) + 0.5) * (count / keep)).astype(np.int64)
    return chosen


def _constant(weight: float, count: int) -> Values:
    """Read-only, in the memory of one number."""
    return np.broadcast_to(np.float64(weight), (count,))


class RankBuilder:
    """Collects the samples of batches.

    Memory and error stay flat however many there are: 32,768 points of one level become a sample of 8,192 on
    the next, so L grows with the logarithm of the rows.
    """

    def __init__(self, keep: int) -> None:
        self.keep = keep
        self.levels: list[list[Ranks]] = []
        self.points: list[int] = []  # of each level

    def add(self, values: Values, weight: float) -> None:
        """Ascending points of one batch that stand for `weight` rows each."""
        self.add_ranks(Ranks(values, _constant(weight, len(values))))

    def add_ranks(self, ranks: Ranks, level: int = 0) -> None:
        if level == len(self.levels):
            self.levels.append([])
            self.points.append(0)
        self.levels[level].append(ranks)
        self.points[level] += len(ranks.values)
        if self.points[level] >= max(_SQUASH_ABOVE, 4 * self.keep):
            full, self.levels[level], self.points[level] = self.levels[level], [], 0
            self.add_ranks(Ranks.merge(full, max(_SQUASH_TO, self.keep)), level + 1)

    def finish(self) -> Ranks:
        return Ranks.merge([part for level in self.levels for part in level], self.keep)
