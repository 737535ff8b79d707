"""Keys of rows that must be unique: their 64-bit hashes, and the keys themselves where it matters.

A key that is null or NaN, even in part, is like no other: its row is left out.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tidegate.checks.bad_rows import ROW
from tidegate.checks.masks import numbers
from tidegate.columns.arrow_values import array_of, flags_of, without_nulls
from tidegate.profile.distinct import Hashes, hash_numbers, hash_text

Key = tuple[str, ...]  # one text for each column

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def hashes_of(columns: Sequence[pa.Array]) -> tuple[Hashes, NDArray[np.int64]]:
    """Hashes of the keys of some rows, and where these rows stand; equal keys have equal hashes."""
    known = [_known(values) for values in columns]
    partial = [mask for mask in known if mask is not None]
    if not partial:
        return _combined(columns), np.arange(len(columns[0]))
    mask = partial[0]
    for other in partial[1:]:
        mask = pc.and_(mask, other)
    positions = np.flatnonzero(flags_of(mask))
    return _combined([values.filter(mask) for values in columns]), positions


def read_keys(
    file: pq.ParquetFile, columns: Sequence[str], rows: NDArray[np.int64], bad: pq.ParquetFile | None = None
) -> list[Key]:
    """Keys of some rows of a shard, from the rows it has left; only row groups that hold one are read.

    Args:
        file: the shard's rows in order, without those set aside.
        columns: of the key.
        rows: 1-based, ascending.
        bad: the rows set aside, when there are any.
    """
    numbers_of_bad = (
        bad.read(columns=[ROW]).column(ROW).to_numpy() if bad is not None else np.zeros(0, np.int64)
    )
    is_bad = np.isin(rows, numbers_of_bad)
    keys: list[Key] = [()] * len(rows)
    good = rows[~is_bad] - 1 - np.searchsorted(numbers_of_bad, rows[~is_bad])
    _fill(keys, np.flatnonzero(~is_bad), _keys_at(file, columns, good))
    if bad is not None:
        places = np.searchsorted(numbers_of_bad, rows[is_bad])
        _fill(keys, np.flatnonzero(is_bad), _keys_at(bad, columns, places))
    return keys


def _known(values: pa.Array) -> pa.Array | None:
    """Which values are there; None when all are."""
    is_float = pa.types.is_floating(values.type)
    is_partial = values.null_count or (is_float and len(values) and np.isnan(numbers(values)).any())
    if pa.types.is_dictionary(values.type) and values.dictionary.null_count:
        values = values.dictionary_decode()
        is_partial = True
    return pc.invert(pc.is_null(values, nan_is_null=is_float)) if is_partial else None


def _combined(columns: Sequence[pa.Array]) -> Hashes:
    hashes = _hashes(columns[0])
    for values in columns[1:]:
        hashes = hash_numbers((hashes * _MULTIPLIER ^ _hashes(values)).view(np.int64))
    return hashes


def _hashes(values: pa.Array) -> Hashes:
    type_ = values.type
    if pa.types.is_dictionary(type_):
        entries = values.dictionary
        known = _hashes(entries.fill_null(_filler(entries.type)) if entries.null_count else entries)
        hashes: Hashes = known[without_nulls(values.indices)]
        return hashes
    if not len(values):
        return np.zeros(0, np.uint64)
    if is_plain_text(values):
        return hash_text(values)
    if pa.types.is_boolean(type_):
        values = values.cast(pa.int8())
    if pa.types.is_decimal(type_):
        words = np.frombuffer(values.buffers()[1], np.int64, 2 * len(values), 16 * values.offset)
        low, high = (np.ascontiguousarray(words[start::2]) for start in (0, 1))
        return hash_numbers((hash_numbers(high) * _MULTIPLIER ^ hash_numbers(low)).view(np.int64))
    found = numbers(values)
    return hash_numbers(found.astype(np.float64 if found.dtype.kind == "f" else np.int64))


def is_plain_text(values: pa.Array) -> bool:
    return bool(pa.types.is_string(values.type) or pa.types.is_large_string(values.type))


def _filler(type_: pa.DataType) -> str | int:
    return "" if pa.types.is_string(type_) or pa.types.is_large_string(type_) else 0


def _keys_at(file: pq.ParquetFile, columns: Sequence[str], positions: NDArray[np.int64]) -> list[Key]:
    metadata = file.metadata
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    starts = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    groups = np.searchsorted(starts, positions, side="right") - 1
    keys: list[Key] = []
    for group in np.unique(groups).tolist():
        table = file.read_row_group(group, columns=list(columns), use_threads=False)
        keys += keys_of(table.take(array_of(positions[groups == group] - starts[group])))
    return keys


def keys_of(rows: pa.Table | pa.RecordBatch) -> list[Key]:
    """The key of each row; the columns are those of the key."""
    return list(zip(*(_texts(column) for column in rows.columns), strict=True))


def _texts(values: pa.Array | pa.ChunkedArray) -> list[str]:
    """A text for each value that only equal values share."""
    if pa.types.is_floating(values.type):
        values = pc.add(values, pa.scalar(0.0, values.type))  # -0.0 equals 0.0
    texts: list[str] = values.cast(pa.string()).to_pylist()
    return texts


def _fill(keys: list[Key], places: NDArray[np.int64], found: list[Key]) -> None:
    for place, key in zip(places.tolist(), found, strict=True):
        keys[place] = key
