"""One pass over a column of numbers: a batch is sorted once, or tallied where its values lie close."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.profile import distinct, moments
from tidegate.profile.arrays import decoded, numbers_of
from tidegate.profile.column import ColumnProfile, Number
from tidegate.profile.frequencies import EXACT_VALUES, STRETCHES, FrequencyBuilder
from tidegate.profile.ranks import RankBuilder, Ranks, positions

_SPAN = 1 << 15  # from the least to the greatest integer of a batch, up to which a tally beats a sort
_TIES = 0.75  # of neighbours in a sorted batch, from which hashing its different values alone is cheaper
_SAMPLE = 16  # every 16th pair of neighbours says how many tie

Numbers = NDArray[Any]
Tally = tuple[Numbers, NDArray[np.int64]]  # different values, ascending, and how often each occurs


class NumberBuilder:
    """Takes arrays of one column; `finish` gives their profile.

    While values are counted one by one, the counts stand for ranks and registers, which are made of them when
    there get to be too many or at the end.
    """

    def __init__(self, name: str, type_: pa.DataType, keep: int) -> None:
        self.name = name
        self.type = type_
        self.keep = keep
        self.rows = self.nulls = self.nan = self.infinite = 0
        self.minimum: Number | None = None
        self.maximum: Number | None = None
        self.moments = moments.Moments()
        self.frequencies = FrequencyBuilder()
        self.registers = distinct.empty_registers()
        self.ranks = RankBuilder(keep)
        self.in_order: list[Numbers] = []  # every row, while they are at most `keep`

    def add(self, column: pa.Array) -> None:
        column = decoded(column)
        self.rows += len(column)
        self.nulls += column.null_count
        if pa.types.is_boolean(column.type) and self.moments.count > self.keep:
            self._add_flags(column)
            return
        numbers = numbers_of(column)
        if numbers.dtype.kind == "f":
            self._add_floats(column, numbers)
        elif len(numbers):
            low, high = numbers.min().item(), numbers.max().item()
            self._bound(low, high)
            self._keep_order(numbers, len(numbers))
            if high - low <= min(_SPAN, 4 * len(numbers)):
                self._add_tally(*_tally(numbers, low, high))
            else:
                self._add_ordered(_sorted(numbers))

    def finish(self) -> ColumnProfile:
        if self.frequencies.is_exact:
            self._hash_counted()
        known = self.frequencies.finish()
        if self.moments.count <= self.keep:
            ranks = Ranks.of_rows(self.in_order)
        else:
            ranks = self.ranks.finish() if known.counts is None else Ranks.of_counts(known.counts)
        return ColumnProfile(
            name=self.name,
            kind="number",
            type=str(self.type),
            rows=self.rows,
            nulls=self.nulls,
            nan=self.nan,
            infinite=self.infinite,
            minimum=self.minimum,
            maximum=self.maximum,
            mean=self.moments.mean,
            m2=self.moments.m2,
            ranks=ranks,
            registers=self.registers,
            counts=known.counts,
            heavy=known.heavy,
            heavy_error=known.error,
        )

    def _add_flags(self, column: pa.Array) -> None:
        """Booleans whose order is kept no longer: Arrow counts their bits."""
        true = column.true_count
        counts = np.array([len(column) - column.null_count - true, true])
        values = np.flatnonzero(counts)
        if len(values):
            self._bound(int(values[0]), int(values[-1]))
            self._add_tally(values, counts[values])

    def _add_floats(self, column: pa.Array, numbers: Numbers) -> None:
        ordered = np.sort(numbers)
        there = len(ordered)
        if there and np.isnan(ordered[-1]):  # NaN sorts last
            there = int(np.searchsorted(ordered, np.nan))
        self.nan += len(ordered) - there
        ordered = ordered[:there]
        if there and (np.isinf(ordered[0]) or np.isinf(ordered[-1])):
            low, high = np.searchsorted(ordered, -np.inf, "right"), np.searchsorted(ordered, np.inf)
            ordered = ordered[low:high]
            self.infinite += there - len(ordered)
        if not len(ordered):
            return
        if pa.types.is_decimal(self.type):
            bounds = pc.min_max(column).as_py()
            self._bound(bounds["min"], bounds["max"])
        else:
            self._bound(ordered[0].item() + 0.0, ordered[-1].item() + 0.0)  # -0.0 is 0.0
        self._keep_order(numbers, len(ordered))
        self._add_ordered(ordered)

    def _bound(self, low: Any, high: Any) -> None:
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)

    def _keep_order(self, numbers: Numbers, finite: int) -> None:
        if self.moments.count + finite > self.keep:
            self.in_order = []
        else:
            self.in_order.append(numbers if finite == len(numbers) else numbers[np.isfinite(numbers)])

    def _add_ordered(self, ordered: Numbers) -> None:
        """Ascending finite numbers, at least one."""
        if self._is_worth_counting(ordered):
            self._add_tally(*_runs(ordered))
            return
        self._leave_exact_counts()
        self.moments.add(moments.of_values(ordered))
        distinct.fold_numbers(self.registers, ordered)
        self.frequencies.add(*_frequent(ordered))
        if len(ordered) <= self.keep:
            self.ranks.add(ordered.astype(np.float64), 1.0)
        else:
            points = ordered[positions(len(ordered), self.keep)].astype(np.float64)
            self.ranks.add(points, len(ordered) / self.keep)

    def _is_worth_counting(self, ordered: Numbers) -> bool:
        if self.frequencies.is_exact or len(ordered) <= STRETCHES:
            points = ordered[:: len(ordered) // STRETCHES + 1]
            if np.count_nonzero(points[1:] != points[:-1]) < EXACT_VALUES:
                return True  # there may be few enough values to go on counting each
        ties = np.count_nonzero(ordered[1::_SAMPLE] == ordered[:-1:_SAMPLE])
        return bool(ties >= _TIES * (len(ordered) // _SAMPLE))

    def _add_tally(self, values: Numbers, counts: NDArray[np.int64]) -> None:
        self.moments.add(moments.of_counted(values, counts))
        if self.frequencies.is_exact and len(values) <= EXACT_VALUES:
            self.frequencies.add(values.tolist(), counts.tolist())
            if not self.frequencies.is_exact:
                self._spill()
            return
        self._leave_exact_counts()
        rows = int(counts.sum())
        rare = rows // STRETCHES
        often = counts > rare
        self.frequencies.add(values[often].tolist(), counts[often].tolist(), unseen=rare)
        distinct.fold_numbers(self.registers, values)
        if len(values) <= self.keep:
            self.ranks.add_ranks(Ranks(values.astype(np.float64), counts.astype(np.float64)))
        else:
            chosen = np.searchsorted(np.cumsum(counts), positions(rows, self.keep), "right")
            self.ranks.add(values[chosen].astype(np.float64), rows / self.keep)

    def _leave_exact_counts(self) -> None:
        if self.frequencies.is_exact:
            self._spill()
            self.frequencies.is_exact = False

    def _spill(self) -> None:
        """What was counted one by one, and only so, into registers and ranks."""
        if self.frequencies.values:
            self._hash_counted()
            self.ranks.add_ranks(Ranks.of_counts(self.frequencies.values))

    def _hash_counted(self) -> None:
        is_float = pa.types.is_floating(self.type) or pa.types.is_decimal(self.type)
        dtype = np.float64 if is_float else np.uint64 if pa.types.is_uint64(self.type) else np.int64
        distinct.fold_numbers(self.registers, np.array(list(self.frequencies.values), dtype))


def _tally(numbers: Numbers, low: int, high: int) -> Tally:
    if high - low == 1:  # as flags and labels are: counting into two bins would wait for itself
        count = np.count_nonzero(numbers == high)
        return np.array([low, high]), np.array([len(numbers) - count, count])
    wide = numbers if numbers.dtype.itemsize == 8 else numbers.astype(np.int64)  # noqa: PLR2004  # bytes
    counts = np.bincount((wide - wide.dtype.type(low)).view(np.int64))
    offsets = np.flatnonzero(counts)
    return offsets.astype(wide.dtype) + wide.dtype.type(low), counts[offsets]


def _sorted(numbers: Numbers) -> Numbers:
    """Ascending; times and row numbers often are already."""
    if (numbers[1:] >= numbers[:-1]).all():
        return numbers
    return np.sort(numbers)


def _runs(ordered: Numbers) -> Tally:
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
    values = ordered[ends]
    if values.dtype.kind == "f":
        values = np.add(values, 0.0, dtype=np.float64)  # -0.0 is 0.0
    return values, np.diff(ends, prepend=-1)


def _frequent(ordered: Numbers) -> tuple[list[Any], list[int], int]:
    """Values that fill two stretches of ascending numbers, their counts, and what others occur at most."""
    stretch = len(ordered) // STRETCHES + 1
    points = ordered[stretch - 1 :: stretch]
    values = points[1:][points[1:] == points[:-1]]
    if len(values):
        values, _ = _runs(values)
    counts = np.searchsorted(ordered, values, "right") - np.searchsorted(ordered, values)
    return values.tolist(), counts.tolist(), 2 * stretch - 1
