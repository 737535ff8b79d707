"""What is remembered of one column: enough for anomalies, drift and baselines, in a few kilobytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from tidegate.profile import distinct
from tidegate.profile.distinct import Registers
from tidegate.profile.ranks import Ranks, Values

EXACT_VALUES = 1000  # so many different values of a column are counted one by one

Kind = Literal["number", "text", "other"]
Value = int | float | str


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """Mergeable statistics of one column.

    Times are numbers here: timestamps microseconds since the epoch, dates days, times of day microseconds;
    booleans are 0 and 1. Moments, bounds and ranks are of the finite numbers. Columns of kind `other`
    (nested, binary) are counted only.
    """

    name: str
    kind: Kind
    type: str  # Arrow's name of the column's type
    rows: int = 0
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    minimum: int | float | None = None  # exact for integers and times, beyond 2**53 too
    maximum: int | float | None = None
    mean: float = 0.0
    m2: float = 0.0  # sum of squared deviations from the mean
    ranks: Ranks = field(default_factory=Ranks.empty)
    registers: Registers = field(default_factory=distinct.empty_registers)
    counts: dict[Value, int] | None = field(default_factory=dict)  # None above EXACT_VALUES values

    @property
    def missing(self) -> int:
        return self.nulls + self.nan

    @property
    def count(self) -> int:
        """Rows with a value: neither null nor NaN; for numbers, finite."""
        return self.rows - self.missing - self.infinite

    @property
    def standard_deviation(self) -> float:
        """Of the population (divided by n), 0 for no rows."""
        return float(np.sqrt(self.m2 / self.count)) if self.count else 0.0

    @property
    def distinct(self) -> float:
        """Different values: exact while they are counted one by one, else within 1.6 % (standard error)."""
        return len(self.counts) if self.counts is not None else distinct.estimate(self.registers)

    def share_at_or_below(self, points: Values) -> Values:
        """Share of the finite numbers <= each point; exact while the values are counted one by one."""
        return self._exact_ranks().share_at_or_below(points)

    def quantile(self, shares: Values) -> Values:
        return self._exact_ranks().quantile(shares)

    def _exact_ranks(self) -> Ranks:
        if not self.counts or self.kind != "number":
            return self.ranks
        pairs = sorted((float(value), count) for value, count in self.counts.items())
        return Ranks(np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs], np.float64))


def merge_columns(parts: Sequence[ColumnProfile], ranks: int) -> ColumnProfile:
    """Profiles of one column as one. Order matters only for the last bits of floating point.

    Raises:
        ValueError: it is text in one and a number in another.
    """
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise ValueError(
            f"column `{parts[0].name}` is {' and '.join(sorted(kinds))} in the profiles to merge"
        )
    mean, m2 = _merge_moments(parts)
    counts: dict[Value, int] | None = {}
    for part in parts:
        counts = add_counts(counts, part.counts)
    return replace(
        parts[0],
        rows=sum(part.rows for part in parts),
        nulls=sum(part.nulls for part in parts),
        nan=sum(part.nan for part in parts),
        infinite=sum(part.infinite for part in parts),
        minimum=min((part.minimum for part in parts if part.minimum is not None), default=None),
        maximum=max((part.maximum for part in parts if part.maximum is not None), default=None),
        mean=mean,
        m2=m2,
        ranks=Ranks.merge([part.ranks for part in parts], ranks),
        registers=np.maximum.reduce([part.registers for part in parts]),
        counts=counts,
    )


def _merge_moments(parts: Sequence[ColumnProfile]) -> tuple[float, float]:
    """Mean and squared deviations of all parts, by Chan, Golub and LeVeque (1979)."""
    count, mean, m2 = 0, 0.0, 0.0
    for part in parts:
        if not part.count:
            continue
        total = count + part.count
        delta = part.mean - mean
        mean += delta * part.count / total
        m2 += part.m2 + delta * delta * count * part.count / total
        count = total
    return mean, m2


def add_counts(one: dict[Value, int] | None, other: dict[Value, int] | None) -> dict[Value, int] | None:
    """The sum, or None once there are too many values: the same whatever the order and the split."""
    if one is None or other is None:
        return None
    total = dict(one)
    for value, count in other.items():
        total[value] = total.get(value, 0) + count
    return total if len(total) <= EXACT_VALUES else None
