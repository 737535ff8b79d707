"""What is remembered of one column: enough for anomalies, drift and baselines, in a few kilobytes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np

from tidegate.profile import distinct, frequencies
from tidegate.profile.arrays import Kind
from tidegate.profile.distinct import Registers
from tidegate.profile.frequencies import EXACT_VALUES, Frequencies, Value
from tidegate.profile.moments import Moments
from tidegate.profile.ranks import Ranks
from tidegate.profile.samples import Values

__all__ = ["EXACT_VALUES", "ColumnProfile", "Kind", "Number", "Value", "merge_columns"]

Number = int | float | Decimal


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """Mergeable statistics of one column.

    Times are numbers here: timestamps microseconds since the epoch, dates days, times of day microseconds;
    booleans are 0 and 1. Moments, bounds and ranks are of the finite numbers. Decimals are floats but for
    their bounds. Columns of kind `other` (nested, binary) are counted and measured only.
    """

    name: str
    kind: Kind
    type: str  # Arrow's name of the column's type
    rows: int = 0
    nulls: int = 0
    nan: int = 0
    infinite: int = 0
    minimum: Number | None = None  # exact for integers and times, beyond 2**53 too, and for decimals
    maximum: Number | None = None
    mean: float = 0.0
    m2: float = 0.0  # sum of squared deviations from the mean
    ranks: Ranks = field(default_factory=Ranks.empty)
    registers: Registers = field(default_factory=distinct.empty_registers)
    counts: dict[Value, int] | None = field(default_factory=dict)  # None above EXACT_VALUES values
    heavy: dict[Value, int] = field(
        default_factory=dict
    )  # then the most frequent values, most frequent first
    heavy_error: int = 0  # occurrences that a count of `heavy` may lack; no value left out has more
    min_length: int | None = None  # characters of texts, bytes of binaries, items of lists and maps
    max_length: int | None = None
    total_length: int = 0

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
    def mean_length(self) -> float:
        return self.total_length / self.count if self.count else 0.0

    @property
    def distinct(self) -> float:
        """Different values: exact while they are counted one by one, else within 1.6 % (standard error)."""
        return len(self.counts) if self.counts is not None else distinct.estimate(self.registers)

    def top(self, values: int) -> list[tuple[Value, int]]:
        """The most frequent values with their counts, which may lack up to `heavy_error` each."""
        known = self.heavy if self.counts is None else self.counts
        return sorted(known.items(), key=lambda pair: (-pair[1], str(pair[0])))[:values]

    def share_at_or_below(self, points: Values) -> Values:
        """Share of the finite numbers <= each point; exact while the values are counted one by one."""
        return self.ranks.share_at_or_below(points)

    def quantile(self, shares: Values) -> Values:
        return self.ranks.quantile(shares)


def merge_columns(parts: Sequence[ColumnProfile], keep: int) -> ColumnProfile:
    """Profiles of one column as one.

    The order of the parts is that of the rows while all are kept, and matters for the last bits of floating
    point and, within their error, for heavy hitters and ranks; for nothing else.

    Raises:
        ValueError: it is text in one and a number in another.
    """
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        raise ValueError(
            f"column `{parts[0].name}` is {' and '.join(sorted(kinds))} in the profiles to merge"
        )
    moments = Moments()
    for part in parts:
        moments.add(Moments(part.count, part.mean, part.m2))
    known = frequencies.merge(
        [Frequencies(counts=part.counts, heavy=part.heavy, error=part.heavy_error) for part in parts]
    )
    return replace(
        parts[0],
        rows=sum(part.rows for part in parts),
        nulls=sum(part.nulls for part in parts),
        nan=sum(part.nan for part in parts),
        infinite=sum(part.infinite for part in parts),
        minimum=min((part.minimum for part in parts if part.minimum is not None), default=None),
        maximum=max((part.maximum for part in parts if part.maximum is not None), default=None),
        mean=moments.mean,
        m2=moments.m2,
        ranks=_merge_ranks(parts, moments.count, known, keep),
        registers=np.maximum.reduce([part.registers for part in parts]),
        counts=known.counts,
        heavy=known.heavy,
        heavy_error=known.error,
        min_length=min((part.min_length for part in parts if part.min_length is not None), default=None),
        max_length=max((part.max_length for part in parts if part.max_length is not None), default=None),
        total_length=sum(part.total_length for part in parts),
    )


def _merge_ranks(parts: Sequence[ColumnProfile], count: int, known: Frequencies, keep: int) -> Ranks:
    if parts[0].kind != "number":
        return Ranks.empty()
    if count <= keep and all(part.ranks.are_all(part.count) for part in parts):
        return Ranks.of_rows([part.ranks.values for part in parts])
    if known.counts is not None:
        return Ranks.of_counts(known.counts)
    return Ranks.merge([part.ranks for part in parts], keep)
