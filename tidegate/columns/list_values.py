"""Lists of Python's values as Arrow arrays, straight by their buffers, as `tidegate.columns.arrow_values`.

Null stands where a list has None. The caller sees to it that the other values are of the named kind.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike

from tidegate.columns.arrow_values import Flags, array_of, text_array

_Values = Sequence[Any]


def array_of_list(values: _Values, type_: pa.DataType, *, complete: bool = False) -> pa.Array:
    """An array of 64 bit numbers, booleans or texts; `complete`: none of them is None, as the caller knows.

    Raises:
        OverflowError: an integer is beyond 64 bits, or beyond what a float holds.
        UnicodeEncodeError: a text has half of a character.
    """
    nulls = None if complete else _nulls(values)
    return _MAKERS[type_](values, nulls)


def _nulls(values: _Values) -> Flags | None:
    if None not in values:
        return None
    return np.fromiter((value is None for value in values), bool, len(values))


def _numbers(dtype: DTypeLike) -> Callable[[_Values, Flags | None], pa.Array]:
    def made(values: _Values, nulls: Flags | None) -> pa.Array:
        there = values if nulls is None else [0 if value is None else value for value in values]
        return array_of(np.fromiter(there, dtype, len(values)), nulls)

    return made


def _texts(values: _Values, nulls: Flags | None) -> pa.Array:
    there = values if nulls is None else [value or "" for value in values]
    joined = "".join(there)
    if not joined.isascii():  # a character may be of several bytes
        return text_array(there, nulls)
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, there), np.int32, len(values)), out=offsets[1:])
    validity = None if nulls is None else pa.py_buffer(np.packbits(~nulls, bitorder="little"))
    buffers = [validity, pa.py_buffer(offsets), pa.py_buffer(joined.encode())]
    return pa.Array.from_buffers(pa.string(), len(values), buffers)


_MAKERS: dict[pa.DataType, Callable[[_Values, Flags | None], pa.Array]] = {
    pa.string(): _texts,
    pa.int64(): _numbers(np.int64),
    pa.float64(): _numbers(np.float64),
    pa.bool_(): _numbers(np.bool_),
}
