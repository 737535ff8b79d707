"""Entities as small integers: a code for each that a table of labels names, the same for other rows of it.

Pure: Arrow in, NumPy out.
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Codes = NDArray[np.int64]

NOBODY = -1
_DENSE = 4  # integers this sparse, in places for each row, still are their own codes


class EntityCodes:
    """Codes 0 ... `size` - 1 of the entities in `columns`, one column for each part of the key."""

    def __init__(self, columns: Sequence[pa.ChunkedArray]) -> None:
        self._parts = [_PartCodes(column) for column in columns]
        codes = [part.of(column) for part, column in zip(self._parts, columns, strict=True)]
        # codes of (a, b) are those of the pairs that occur, of (a, b, c) those of (code of (a, b), c)
        self._pairs: list[_PartCodes] = []
        found = codes[0]
        for part, more in zip(self._parts[1:], codes[1:], strict=True):
            pairs = _paired(found, more, part.size)
            self._pairs.append(_PartCodes(pairs))
            found = self._pairs[-1].of(pairs)
        self.labels: Codes = found

    @property
    def size(self) -> int:
        return (self._pairs or self._parts)[-1].size

    @property
    def looked_through(self) -> int:
        """How many values are hashed anew for each call of `of`; it wants as many rows at a time."""
        return max((part.hashed for part in (*self._parts, *self._pairs)), default=0)

    def of(self, columns: Sequence[pa.ChunkedArray]) -> Codes:
        """The code of each row; NOBODY where a part of the key is null or no label has it.

        Raises:
            pa.ArrowInvalid: a column cannot become the type that it has beside the labels.
        """
        codes = [part.of(column) for part, column in zip(self._parts, columns, strict=True)]
        joints = zip(self._pairs, self._parts[1:], codes[1:], strict=True)
        return reduce(
            lambda found, joint: joint[0].of(_paired(found, joint[2], joint[1].size)), joints, codes[0]
        )


class _PartCodes:
    """Codes of the values of one column: an offset where they are dense integers, else by hash."""

    def __init__(self, column: pa.ChunkedArray) -> None:
        self._type = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        self._base, self.hashed = 0, 0
        column = column.cast(self._type)
        bounds = _bounds(column)
        if bounds is not None and bounds[1] - bounds[0] < _DENSE * max(len(column), 1):
            self._base = bounds[0]
            self.size = bounds[1] - bounds[0] + 1
            self._values = None
        else:
            self._values = pc.unique(column).drop_null()
            self.size = self.hashed = len(self._values)

    def of(self, column: pa.ChunkedArray) -> Codes:
        if column.type != self._type:
            column = column.cast(self._type)
        if self._values is not None:
            places = pc.index_in(column, value_set=self._values, skip_nulls=True)
            return _numbers(places.cast(pa.int64()), NOBODY)
        values = _numbers(column.cast(pa.int64()), self._base - 1)
        with np.errstate(over="ignore"):
            codes = values - self._base
        # one comparison for both ends: what wrapped around is beyond the size too
        outside = codes.view(np.uint64) >= self.size
        if outside.any():
            codes[outside] = NOBODY
        return codes


def _bounds(column: pa.ChunkedArray) -> tuple[int, int] | None:
    """Smallest and greatest of integers that fit 64 bits, one to spare below."""
    if not pa.types.is_signed_integer(column.type) or column.null_count == len(column):
        return None
    found: dict[str, Any] = pc.min_max(column).as_py()
    return None if found["min"] == np.iinfo(np.int64).min else (found["min"], found["max"])


def _paired(left: Codes, right: Codes, size: int) -> pa.ChunkedArray:
    nobody = (left == NOBODY) | (right == NOBODY)
    return pa.chunked_array([pa.array(left * size + right, mask=nobody if nobody.any() else None)])


def _numbers(column: pa.ChunkedArray, null: int) -> Codes:
    if column.null_count:
        column = column.fill_null(null)
    found: Codes = column.to_numpy()
    return found
