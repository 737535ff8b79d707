"""The one table of types: what a column of a contract is in Arrow, and so in Parquet and Iceberg.

Timestamps are microseconds in UTC. Iceberg has neither integers below 32 bits nor unsigned ones: they widen.
"""

import re
from collections.abc import Iterable

import pyarrow as pa

from tidegate.contract.plan import Column

_INTEGERS = {
    "i8": pa.int32(),
    "i16": pa.int32(),
    "i32": pa.int32(),
    "i64": pa.int64(),
    "u8": pa.int32(),
    "u16": pa.int32(),
    "u32": pa.int64(),
    "u64": pa.decimal128(20, 0),
}
_PLAIN = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "time": pa.time64("us"),
}


def arrow_type(column: Column) -> pa.DataType:
    if column.format is None:
        return _PLAIN[column.type]
    if decimal := re.fullmatch(r"decimal\((\d+),(\d+)\)", column.format):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return pa.float32() if column.format == "f32" else _INTEGERS.get(column.format, _PLAIN[column.type])


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """All fields nullable: whether nulls are allowed is a rule, and its breach a result."""
    return pa.schema([(column.name, arrow_type(column)) for column in columns])
