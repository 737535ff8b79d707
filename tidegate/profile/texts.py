"""One pass over a column of text: dictionaries are looked at once, and their codes only counted."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.columns.arrow_values import array_of, text_array, without_nulls
from tidegate.profile import distinct
from tidegate.profile.arrays import decoded, texts_of
from tidegate.profile.column import ColumnProfile
from tidegate.profile.distinct import Hashes
from tidegate.profile.frequencies import EXACT_VALUES, STRETCHES, FrequencyBuilder
from tidegate.profile.lengths import Lengths

_PROBE = 2048  # rows in which more than EXACT_VALUES different texts may show without encoding all
_ASCII = 127
_FEW = 8  # entries of a dictionary


class TextBuilder:
    """Takes plain or dictionary arrays of one column; `finish` gives their profile."""

    def __init__(self, name: str, type_: pa.DataType) -> None:
        self.name = name
        self.type = type_
        self.rows = self.nulls = 0
        self.lengths = Lengths()
        self.frequencies = FrequencyBuilder()
        self.registers = distinct.empty_registers()
        self.dictionary: pa.Array | None = None  # of the last batch
        self.uses = np.zeros(0, np.int64)  # of its entries since it was first seen

    def add(self, column: pa.Array, hashes: Hashes | None = None) -> None:
        """`hashes` of all its texts, where they are known: of a plain array without nulls."""
        if pa.types.is_dictionary(column.type) and column.dictionary.null_count:
            column = decoded(column)
        self.rows += len(column)
        self.nulls += column.null_count
        if pa.types.is_dictionary(column.type):
            self._add_codes(column)
            return
        values = texts_of(column)
        values = values.drop_null() if values.null_count else values
        if not len(values):
            return
        if self.frequencies.is_exact and _may_be_few(values):
            self._add_codes(values.dictionary_encode())
        else:
            self._add_plain(values, hashes)

    def finish(self) -> ColumnProfile:
        self._use_up_dictionary()
        if self.frequencies.is_exact:
            self._hash_counted()
        known = self.frequencies.finish()
        return ColumnProfile(
            name=self.name,
            kind="text",
            type=str(self.type),
            rows=self.rows,
            nulls=self.nulls,
            registers=self.registers,
            counts=known.counts,
            heavy=known.heavy,
            heavy_error=known.error,
            min_length=self.lengths.minimum,
            max_length=self.lengths.maximum,
            total_length=self.lengths.total,
        )

    def _add_codes(self, column: pa.Array) -> None:
        dictionary, codes = column.dictionary, column.indices
        if not _is_same(dictionary, self.dictionary):
            self._use_up_dictionary()
            self.dictionary, self.uses = dictionary, np.zeros(len(dictionary), np.int64)
        self.uses += _uses(without_nulls(codes), len(dictionary))

    def _use_up_dictionary(self) -> None:
        """Take over what was counted of the dictionary."""
        used = np.flatnonzero(self.uses)
        if self.dictionary is None or not len(used):
            return
        counts, values = self.uses[used], texts_of(self.dictionary)
        if len(used) < len(values):
            values = values.take(array_of(used))
        self.dictionary, self.uses = None, np.zeros(0, np.int64)
        self.lengths.add(lengths_of(values), counts)
        if self.frequencies.is_exact and _are_few(values):
            self.frequencies.add(values.to_pylist(), counts.tolist())
            if not self.frequencies.is_exact:
                self._hash_counted()
            return
        self._leave_exact_counts()
        distinct.fold_texts(self.registers, values)
        self._add_frequent(values, counts)

    def _add_plain(self, values: pa.Array, hashes: Hashes | None) -> None:
        """Many different texts: they are hashed, and encoded only where one may be frequent."""
        self._leave_exact_counts()
        self.lengths.add(lengths_of(values))
        fullest = distinct.fold_texts(self.registers, values, hashes)
        if fullest <= 2 * len(values) // STRETCHES:
            self.frequencies.add((), (), unseen=fullest)
            return
        encoded = values.dictionary_encode()
        counts = np.bincount(without_nulls(encoded.indices), minlength=len(encoded.dictionary))
        self._add_frequent(encoded.dictionary, counts)

    def _add_frequent(self, values: pa.Array, counts: NDArray[np.int64]) -> None:
        rare = int(counts.sum()) // STRETCHES
        often = np.flatnonzero(counts > rare)
        self.frequencies.add(values.take(array_of(often)).to_pylist(), counts[often].tolist(), unseen=rare)

    def _leave_exact_counts(self) -> None:
        if self.frequencies.is_exact:
            self._hash_counted()
            self.frequencies.is_exact = False

    def _hash_counted(self) -> None:
        values = text_array([str(value) for value in self.frequencies.values])
        distinct.fold_texts(self.registers, values)


def _uses(codes: NDArray[np.int32], entries: int) -> NDArray[np.int64]:
    """How often each code occurs; of a few, a look for each is faster than bins that wait for themselves."""
    if entries > _FEW:
        return np.bincount(codes, minlength=entries)
    return np.array([np.count_nonzero(codes == code) for code in range(entries)], np.int64)


def lengths_of(values: pa.Array) -> NDArray[np.int64]:
    """Characters of each text; bytes where all are ASCII, which is the same and cheaper."""
    offsets, data = distinct.text_bytes(values)
    used = data[offsets[0] : offsets[-1]]
    if len(used) and int(used.max()) > _ASCII:
        return without_nulls(pc.utf8_length(values))
    return np.diff(offsets)


def _may_be_few(values: pa.Array) -> bool:
    return _are_few(values.slice(0, _PROBE))


def _are_few(values: pa.Array) -> bool:
    """Whether at most EXACT_VALUES differ; the entries of a dictionary need not all differ."""
    return len(values) <= EXACT_VALUES or pc.count_distinct(values).as_py() <= EXACT_VALUES


def _is_same(one: pa.Array, other: pa.Array | None) -> bool:
    """Whether both are views of the same memory; the buffers of `other` are held, so no address is reused."""
    if other is None or (len(one), one.offset) != (len(other), other.offset) or one.type != other.type:
        return False
    return all(
        (a.address if a else 0) == (b.address if b else 0)
        for a, b in zip(one.buffers(), other.buffers(), strict=True)
    )
