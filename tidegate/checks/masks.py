"""Which rows break a rule that looks at one row at a time.

Every test first tries to prove that no value of the batch breaks the rule, from bounds or counts, and looks
at single rows only where it cannot. Values in dictionaries are judged once each, whatever rows they stand in.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.columns.arrow_values import array_of, flags_of
from tidegate.readers.batch import Batch

Mask = NDArray[np.bool_]
Judge = Callable[[pa.Array], Mask | None]  # of a plain array; None: surely no value breaks the rule


class Broken:
    """Rows of a batch that break a rule: how many, and which once somebody asks."""

    def __init__(self, rows: int, find: Callable[[], Mask]) -> None:
        self.rows = rows
        self._find = find

    @cached_property
    def mask(self) -> Mask:
        return self._find()


Test = Callable[[Batch], Broken]

NONE = Broken(0, lambda: np.zeros(0, bool))


def of_mask(mask: Mask | None) -> Broken:
    if mask is None:
        return NONE
    rows = int(np.count_nonzero(mask))
    return Broken(rows, lambda: mask) if rows else NONE


def of_values(index: int, judge: Judge) -> Test:
    """The test of column `index` of the contract by a judgement of its values; nulls never break the rule."""

    def test(batch: Batch) -> Broken:
        values = batch.rows.column(index)
        if not len(values):
            return NONE
        if not pa.types.is_dictionary(values.type):
            return of_mask(judge(values))
        if not len(values.dictionary):
            return NONE
        entries = judge(values.dictionary)
        if entries is None or not entries.any():
            return NONE
        return of_mask(flags_of(array_of(entries).take(values.indices)))

    return test


def numbers(values: pa.Array) -> NDArray[Any]:
    """Integers, floats and moments as they lie in memory, days and microseconds as integers.

    What stands in place of a null is arbitrary.
    """
    width = values.type.bit_width
    dtype = np.dtype(f"f{width // 8}" if pa.types.is_floating(values.type) else f"i{width // 8}")
    return np.frombuffer(values.buffers()[1], dtype, len(values), values.offset * dtype.itemsize)
