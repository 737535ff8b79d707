"""Numpy's and Python's values as Arrow arrays and back, straight by their buffers.

`pa.array`, `pa.scalar` and `to_numpy` do the same but import pandas wherever it is installed, which costs a
function that has no use for it a third of a second and some 40 MB. What every drop passes through is here.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Flags = NDArray[np.bool_]

_BINARY = pa.binary()


def array_of(values: NDArray[Any], nulls: Flags | None = None) -> pa.Array:
    """An array of plain numbers or booleans; null where `nulls` says so."""
    if values.dtype == np.bool_:
        type_, data = pa.bool_(), np.packbits(values, bitorder="little")
    else:
        type_, data = _TYPES[values.dtype.str[1:]], np.ascontiguousarray(values)
    return pa.Array.from_buffers(type_, len(values), [_validity(nulls), pa.py_buffer(data)])


def text_array(texts: Sequence[str], nulls: Flags | None = None) -> pa.Array:
    return bytes_array([text.encode() for text in texts], nulls, pa.string())


def bytes_array(
    values: Sequence[bytes], nulls: Flags | None = None, type_: pa.DataType = _BINARY
) -> pa.Array:
    offsets = np.cumsum([0, *map(len, values)], dtype=np.int32)
    buffers = [_validity(nulls), pa.py_buffer(offsets), pa.py_buffer(b"".join(values))]
    return pa.Array.from_buffers(type_, len(values), buffers)


def null_of(type_: pa.DataType) -> pa.Scalar:
    return pa.nulls(1, type_)[0]


def flags_of(mask: pa.Array) -> Flags:
    """An array of booleans in numpy, false where it is null."""
    validity, data = mask.buffers()
    found = _bits(data, mask)
    return found & _bits(validity, mask) if mask.null_count else found


def is_valid(values: pa.Array) -> Flags:
    """Which values are there."""
    validity = values.buffers()[0]
    if not values.null_count:
        return np.ones(len(values), bool)
    return np.zeros(len(values), bool) if validity is None else _bits(validity, values)


def without_nulls(values: pa.Array) -> NDArray[Any]:
    """The values of an array of plain numbers that are there; `drop_null` costs several times as much."""
    kind = "f" if pa.types.is_floating(values.type) else "u" if _is_unsigned(values.type) else "i"
    dtype = np.dtype(f"{kind}{values.type.bit_width // 8}")
    if not len(values):
        return np.zeros(0, dtype)
    found: NDArray[Any] = np.frombuffer(
        values.buffers()[1], dtype, len(values), values.offset * dtype.itemsize
    )
    return found[is_valid(values)] if values.null_count else found


_TYPES = {
    **{f"i{size}": getattr(pa, f"int{8 * size}")() for size in (1, 2, 4, 8)},
    **{f"u{size}": getattr(pa, f"uint{8 * size}")() for size in (1, 2, 4, 8)},
    **{f"f{size}": getattr(pa, f"float{8 * size}")() for size in (2, 4, 8)},
}


def _validity(nulls: Flags | None) -> pa.Buffer | None:
    if nulls is None or not nulls.any():
        return None
    return pa.py_buffer(np.packbits(~nulls, bitorder="little"))


def _is_unsigned(type_: pa.DataType) -> bool:
    return bool(pa.types.is_unsigned_integer(type_))


def _bits(buffer: pa.Buffer, values: pa.Array) -> Flags:
    start, end = values.offset, values.offset + len(values)
    first = start // 8
    packed = np.frombuffer(buffer, np.uint8, -(-end // 8) - first, first) if end > first * 8 else _NOTHING
    bits = np.unpackbits(packed, count=end - 8 * first, bitorder="little")
    return bits.view(np.bool_)[start - 8 * first :]


_NOTHING = np.zeros(0, np.uint8)
