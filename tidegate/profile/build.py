"""One pass over the record batches of one column, into a `ColumnProfile`."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.profile import distinct
from tidegate.profile.column import EXACT_VALUES, ColumnProfile, Kind, Value, merge_columns
from tidegate.profile.ranks import Ranks

_SQUASH_ABOVE = 1 << 18  # buffered rank points of a column, 4 MB
_SQUASH_TO = 8192


class ColumnBuilder:
    """Takes arrays of one column and type; `finish` gives their profile."""

    def __init__(self, name: str, type_: pa.DataType, ranks: int) -> None:
        self.keep = ranks
        plain = type_.value_type if pa.types.is_dictionary(type_) else type_
        self.whole = ColumnProfile(name=name, kind=kind_of(plain), type=str(plain))
        self.buffer: list[Ranks] = []
        self.buffered = 0

    def add(self, column: pa.Array) -> None:
        part = replace(
            self.whole,
            rows=len(column),
            nulls=column.null_count,
            nan=0,
            infinite=0,
            minimum=None,
            maximum=None,
            mean=0.0,
            m2=0.0,
            ranks=Ranks.empty(),
            registers=self.whole.registers,  # folded in place: registers only grow
            counts={},
        )
        values = column.drop_null() if column.null_count else column
        if part.kind == "number":
            part = self._with_numbers(part, _numbers(values))
        elif part.kind == "text":
            part = self._with_text(part, values)
        self.whole = merge_columns([self.whole, part], self.keep)

    def finish(self) -> ColumnProfile:
        return replace(self.whole, ranks=Ranks.merge(self.buffer, self.keep))

    def _with_numbers(self, part: ColumnProfile, values: NDArray[np.generic]) -> ColumnProfile:
        ordered = np.sort(values)
        exact_bounds = ordered.dtype.kind == "i"
        nan = infinite = 0
        if not exact_bounds:
            # NaN sorts last; -inf first and inf before NaN.
            nan = len(ordered) - int(np.searchsorted(ordered, np.nan))
            ordered = ordered[: len(ordered) - nan]
            low, high = np.searchsorted(ordered, -np.inf, "right"), np.searchsorted(ordered, np.inf)
            infinite = len(ordered) - int(high - low)
            ordered = ordered[low:high]
        part = replace(part, nan=nan, infinite=infinite)
        if not len(ordered):
            return part
        mean = float(ordered.mean(dtype=np.float64))
        deviations = ordered - mean
        self._buffer(Ranks.of_sorted(ordered, self.keep))
        return replace(
            part,
            minimum=ordered[0].item(),
            maximum=ordered[-1].item(),
            mean=mean,
            m2=float(np.square(deviations, out=deviations).sum()),
            counts=self._fold_runs(ordered),
        )

    def _fold_runs(self, ordered: NDArray[np.generic]) -> dict[Value, int] | None:
        """Fold ascending values into the registers; their counts while these are few."""
        ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(ordered) - 1)
        values = ordered[ends]
        distinct.fold(self.whole.registers, distinct.hash_numbers(values))
        if self.whole.counts is None or len(values) > EXACT_VALUES:
            return None
        return dict(zip(values.tolist(), np.diff(ends, prepend=-1).tolist(), strict=True))

    def _with_text(self, part: ColumnProfile, values: pa.Array) -> ColumnProfile:
        if pa.types.is_dictionary(values.type):
            counts = np.bincount(values.indices.to_numpy(), minlength=len(values.dictionary))
            used = np.flatnonzero(counts)
            entries = _plain_text(values.dictionary.take(pa.array(used)))
            distinct.fold(self.whole.registers, distinct.hash_text(entries))
            return replace(part, counts=_counts(entries, counts[used]))
        values = _plain_text(values)
        hashes = distinct.hash_text(values)
        distinct.fold(self.whole.registers, hashes)
        if self.whole.counts is None:
            return replace(part, counts=None)
        hashes = np.sort(hashes)
        if np.count_nonzero(hashes[1:] != hashes[:-1]) >= EXACT_VALUES:
            return replace(part, counts=None)
        encoded = values.dictionary_encode()
        counts = np.bincount(encoded.indices.to_numpy(), minlength=len(encoded.dictionary))
        return replace(part, counts=_counts(encoded.dictionary, counts))

    def _buffer(self, ranks: Ranks) -> None:
        self.buffer.append(ranks)
        self.buffered += len(ranks.values)
        if self.buffered > _SQUASH_ABOVE:
            self.buffer = [Ranks.merge(self.buffer, max(_SQUASH_TO, self.keep))]
            self.buffered = len(self.buffer[0].values)


def kind_of(type_: pa.DataType) -> Kind:
    is_text = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    is_number = (
        pa.types.is_integer,
        pa.types.is_floating,
        pa.types.is_boolean,
        pa.types.is_timestamp,
        pa.types.is_date,
        pa.types.is_time,
        pa.types.is_duration,
        pa.types.is_decimal,
    )
    if any(test(type_) for test in is_text):
        return "text"
    return "number" if any(test(type_) for test in is_number) else "other"


def _numbers(values: pa.Array) -> NDArray[np.generic]:
    """int64 (exact) or float64 values; unsigned beyond int64 and decimals become floats."""
    type_ = values.type
    if pa.types.is_dictionary(type_):
        values, type_ = values.dictionary_decode(), type_.value_type
    if pa.types.is_timestamp(type_):
        values = values.cast(pa.timestamp("us", tz=type_.tz), safe=False).view(pa.int64())
    elif pa.types.is_time(type_):
        values = values.cast(pa.time64("us"), safe=False).view(pa.int64())
    elif pa.types.is_date(type_):
        values = values.cast(pa.date32()).view(pa.int32())
    elif pa.types.is_duration(type_):
        values = values.cast(pa.duration("us"), safe=False).view(pa.int64())
    elif pa.types.is_boolean(type_):
        values = values.cast(pa.int8())
    is_exact = pa.types.is_signed_integer(values.type) or values.type in (
        pa.uint8(),
        pa.uint16(),
        pa.uint32(),
    )
    array: NDArray[np.generic] = values.cast(pa.int64() if is_exact else pa.float64(), safe=False).to_numpy(
        zero_copy_only=False
    )
    return array


def _plain_text(values: pa.Array) -> pa.Array:
    return values.cast(pa.large_string()) if pa.types.is_string_view(values.type) else values


def _counts(values: pa.Array, counts: NDArray[np.int64]) -> dict[Value, int] | None:
    if len(values) > EXACT_VALUES:
        return None
    found: dict[Value, int] = {}
    for value, count in zip(values.to_pylist(), counts.tolist(), strict=True):
        found[value] = found.get(value, 0) + count
    return found
