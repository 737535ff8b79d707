"""Arrow columns as the numbers and texts that are profiled."""

from typing import Any, Literal

import pyarrow as pa
from numpy.typing import NDArray

from tidegate.columns.arrow_values import without_nulls

Kind = Literal["number", "text", "other"]

_TEXTS = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_NUMBERS = (
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_boolean,
    pa.types.is_timestamp,
    pa.types.is_date,
    pa.types.is_time,
    pa.types.is_duration,
    pa.types.is_decimal,
)


def plain_type(type_: pa.DataType) -> pa.DataType:
    """Of a dictionary the type of its values."""
    return type_.value_type if pa.types.is_dictionary(type_) else type_


def kind_of(type_: pa.DataType) -> Kind:
    if any(test(type_) for test in _TEXTS):
        return "text"
    return "number" if any(test(type_) for test in _NUMBERS) else "other"


def decoded(column: pa.Array) -> pa.Array:
    """Without a dictionary; nulls may have stood in the dictionary, so they are counted after this."""
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def numbers_of(column: pa.Array) -> NDArray[Any]:
    """The values that are there as integers of their own width or as floats, in the rows' order.

    Timestamps and times are microseconds, dates days. Decimals are rounded to floats.
    """
    type_ = column.type
    if pa.types.is_decimal(type_):
        column = column.cast(pa.float64(), safe=False)
    elif pa.types.is_timestamp(type_):
        column = _in_microseconds(column, pa.timestamp("us", tz=type_.tz))
    elif pa.types.is_time(type_):
        column = _in_microseconds(column, pa.time64("us"))
    elif pa.types.is_duration(type_):
        column = _in_microseconds(column, pa.duration("us"))
    elif pa.types.is_date(type_):
        column = (column if pa.types.is_date32(type_) else column.cast(pa.date32())).view(pa.int32())
    elif pa.types.is_boolean(type_):
        column = column.cast(pa.int8())
    return without_nulls(column)


def texts_of(column: pa.Array) -> pa.Array:
    """In a layout with one buffer of bytes."""
    return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column


def _in_microseconds(column: pa.Array, type_: pa.DataType) -> pa.Array:
    return (column if column.type == type_ else column.cast(type_, safe=False)).view(pa.int64())
