"""One pass over a column of nested or binary values: they are counted and measured, not looked into."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.columns.arrow_values import is_valid, without_nulls
from tidegate.profile.arrays import decoded
from tidegate.profile.column import ColumnProfile
from tidegate.profile.lengths import Lengths

_BINARIES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_binary_view,
    pa.types.is_fixed_size_binary,
)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_map)


class OtherBuilder:
    """Takes arrays of one column; `finish` gives their profile."""

    def __init__(self, name: str, type_: pa.DataType) -> None:
        self.name = name
        self.type = type_
        self.rows = self.nulls = 0
        self.lengths = Lengths()

    def add(self, column: pa.Array) -> None:
        column = decoded(column)
        self.rows += len(column)
        self.nulls += column.null_count
        if (lengths := _lengths_of(column)) is not None:
            self.lengths.add(lengths)

    def finish(self) -> ColumnProfile:
        return ColumnProfile(
            name=self.name,
            kind="other",
            type=str(self.type),
            rows=self.rows,
            nulls=self.nulls,
            min_length=self.lengths.minimum,
            max_length=self.lengths.maximum,
            total_length=self.lengths.total,
        )


def _lengths_of(column: pa.Array) -> NDArray[Any] | None:
    """Bytes of each binary, items of each list or map that is there; None for what has no length."""
    if any(test(column.type) for test in _BINARIES):
        if pa.types.is_binary_view(column.type):
            column = column.cast(pa.large_binary())
        lengths = pc.binary_length(column)
    elif any(test(column.type) for test in _LISTS):
        if pa.types.is_map(column.type):
            # Arrow does not measure maps.
            sizes: NDArray[Any] = np.diff(without_nulls(column.offsets))
            return sizes.compress(is_valid(column))
        lengths = pc.list_value_length(column)
    else:
        return None
    return without_nulls(lengths)
