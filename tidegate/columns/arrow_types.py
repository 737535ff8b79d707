"""The one table of types: what a column of a contract is in Arrow and so in Iceberg, in Glue and in DuckDB.

Timestamps are microseconds in UTC. Iceberg has neither integers below 32 bits nor unsigned ones: they widen.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa

from tidegate.contract.plan import NESTED, Column

DECIMAL_DIGITS = 38  # that a decimal can have at most
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_U64 = pa.decimal128(20, 0)
_INTEGERS = {
    "i8": pa.int32(),
    "i16": pa.int32(),
    "i32": pa.int32(),
    "i64": pa.int64(),
    "u8": pa.int32(),
    "u16": pa.int32(),
    "u32": pa.int64(),
    "u64": _U64,
}
_PLAIN = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": _TIMESTAMP,
    "time": pa.time64("us"),
}
_FORMATS = {  # of Arrow's numbers, those we never write included
    pa.int8(): "i8",
    pa.int16(): "i16",
    pa.int32(): "i32",
    pa.uint8(): "u8",
    pa.uint16(): "u16",
    pa.uint32(): "u32",
    pa.uint64(): "u64",
    pa.float16(): "f32",
    pa.float32(): "f32",
}
_GLUE_NAMES = {
    pa.string(): "string",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.bool_(): "boolean",
    pa.date32(): "date",
    _TIMESTAMP: "timestamp",
    pa.time64("us"): "string",  # Hive's types, which Glue's are, have no time of day
}
_FROM_GLUE = {text: type_ for type_, text in _GLUE_NAMES.items() if text != "string"} | {
    "string": pa.string()
}
_DUCKDB_NAMES = {
    pa.string(): "VARCHAR",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.bool_(): "BOOLEAN",
    pa.date32(): "DATE",
    _TIMESTAMP: "TIMESTAMP WITH TIME ZONE",
    pa.time64("us"): "TIME",
}


@dataclass(frozen=True, kw_only=True)
class _Dialect:
    """How a database writes the types that `arrow_type` gives."""

    names: Mapping[pa.DataType, str]
    struct: str
    member: Callable[[str, str], str]
    between_members: str
    map: str
    array: str
    decimal: str

    def name(self, type_: pa.DataType) -> str:
        if pa.types.is_struct(type_):
            members = (self.member(field.name, self.name(field.type)) for field in type_)
            return self.struct.format(self.between_members.join(members))
        if pa.types.is_map(type_):
            return self.map.format(self.name(type_.key_type), self.name(type_.item_type))
        if pa.types.is_list(type_):
            return self.array.format(self.name(type_.value_type))
        if pa.types.is_decimal(type_):
            return self.decimal.format(type_.precision, type_.scale)
        return self.names[type_]


def _quoted(name: str) -> str:
    doubled = name.replace('"', '""')
    return f'"{doubled}"'


_GLUE = _Dialect(
    names=_GLUE_NAMES,
    struct="struct<{}>",
    member=lambda name, type_: f"{name}:{type_}",
    between_members=",",
    map="map<{},{}>",
    array="array<{}>",
    decimal="decimal({},{})",
)
_DUCKDB = _Dialect(
    names=_DUCKDB_NAMES,
    struct="STRUCT({})",
    member=lambda name, type_: f"{_quoted(name)} {type_}",
    between_members=", ",
    map="MAP({}, {})",
    array="{}[]",
    decimal="DECIMAL({},{})",
)


def arrow_type(column: Column) -> pa.DataType:
    """The type of a column's values; all that nests is nullable inside too.

    A nested column that declares no members is text: its values as JSON.
    """
    if column.type in NESTED and not column.members:
        return pa.string()
    if column.type == "object":
        return pa.struct([(member.name, arrow_type(member)) for member in column.members])
    if column.type == "array":
        return pa.list_(arrow_type(column.members[0]))
    if column.type == "map":
        key, value = column.members
        return pa.map_(arrow_type(key), arrow_type(value))
    if column.format is None:
        return _PLAIN[column.type]
    if decimal := _DECIMAL.fullmatch(column.format):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    return pa.float32() if column.format == "f32" else _INTEGERS.get(column.format, _PLAIN[column.type])


def arrow_schema(columns: Iterable[Column]) -> pa.Schema:
    """All fields nullable: whether nulls are allowed is a rule, and its breach a result."""
    return pa.schema([(column.name, arrow_type(column)) for column in columns])


def column_of(name: str, type_: pa.DataType) -> Column | None:
    """The column that holds values of an Arrow type, whoever wrote it; None when no contract has such a type.

    Without a contract type are binary values, durations, intervals, decimals of more than 38 digits and
    objects without members. A column of nothing but nulls is taken for text.
    """
    if pa.types.is_dictionary(type_):
        return column_of(name, type_.value_type)
    if pa.types.is_struct(type_):
        members = [column_of(field.name, field.type) for field in type_]
        found = tuple(member for member in members if member is not None)
        return Column(name=name, type="object", members=found) if len(found) == len(members) > 0 else None
    if pa.types.is_map(type_):
        key, value = column_of("key", type_.key_type), column_of("value", type_.item_type)
        return Column(name=name, type="map", members=(key, value)) if key and value else None
    if _is_list(type_):
        item = column_of("item", type_.value_type)
        return Column(name=name, type="array", members=(item,)) if item else None
    return _plain_column(name, type_)


def _plain_column(name: str, type_: pa.DataType) -> Column | None:
    is_a = pa.types
    if is_a.is_string(type_) or is_a.is_large_string(type_) or is_a.is_string_view(type_):
        return Column(name=name, type="string")
    if is_a.is_null(type_):
        return Column(name=name, type="string")
    if is_a.is_integer(type_):
        return Column(name=name, type="integer", format=_FORMATS.get(type_))
    if is_a.is_floating(type_):
        return Column(name=name, type="number", format=_FORMATS.get(type_))
    if is_a.is_decimal(type_):
        sound = 0 <= type_.scale <= type_.precision <= DECIMAL_DIGITS
        form = f"decimal({type_.precision},{type_.scale})"
        return Column(name=name, type="number", format=form) if sound else None
    if is_a.is_boolean(type_):
        return Column(name=name, type="boolean")
    if is_a.is_date(type_):
        return Column(name=name, type="date")
    if is_a.is_timestamp(type_):
        return Column(name=name, type="timestamp")
    return Column(name=name, type="time") if is_a.is_time(type_) else None


def _is_list(type_: pa.DataType) -> bool:
    is_a = pa.types
    return bool(is_a.is_list(type_) or is_a.is_large_list(type_) or is_a.is_fixed_size_list(type_))


def glue_type(type_: pa.DataType) -> str:
    """Glue's and Athena's name of a type that `arrow_type` gives."""
    return _GLUE.name(type_)


def arrow_type_of_glue(text: str) -> pa.DataType:
    """The Arrow type of a type in Glue's words; a time of day has become text on the way.

    Raises:
        ValueError: the text is no type that `glue_type` writes.
    """
    words = iter(re.findall(r"decimal\(\d+,\d+\)|[^<>,:]+|[<>,:]", text))
    type_ = _parsed(next(words, ""), words)
    if (rest := next(words, None)) is not None:
        raise ValueError(f"`{text}` goes on with {rest!r} behind the type")
    return type_


def _parsed(word: str, words: Iterator[str]) -> pa.DataType:
    if decimal := _DECIMAL.fullmatch(word):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    if word == "array":
        _expect("<", words)
        item = _parsed(next(words, ""), words)
        _expect(">", words)
        return pa.list_(item)
    if word == "map":
        _expect("<", words)
        key = _parsed(next(words, ""), words)
        _expect(",", words)
        value = _parsed(next(words, ""), words)
        _expect(">", words)
        return pa.map_(key, value)
    if word == "struct":
        return _parsed_struct(words)
    if word not in _FROM_GLUE:
        raise ValueError(f"Glue type `{word}` is unknown")
    return _FROM_GLUE[word]


def _parsed_struct(words: Iterator[str]) -> pa.DataType:
    _expect("<", words)
    fields, separator = [], ","
    while separator == ",":
        name = next(words, "")
        _expect(":", words)
        fields.append((name, _parsed(next(words, ""), words)))
        separator = next(words, "")
    if separator != ">":
        raise ValueError(f"expected `>` behind the members of a struct, found {separator!r}")
    return pa.struct(fields)


def _expect(mark: str, words: Iterator[str]) -> None:
    if (found := next(words, "")) != mark:
        raise ValueError(f"expected `{mark}` in a Glue type, found {found!r}")


def duckdb_type(column: Column) -> str:
    """DuckDB's name of the column's type."""
    return _DUCKDB.name(arrow_type(column))
