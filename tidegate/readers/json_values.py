"""JSON values, one by one, into a column's type; and the Arrow type that JSON itself has for a column."""

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pyarrow as pa

from tidegate.columns.arrow_types import arrow_type
from tidegate.contract.plan import NESTED, Column
from tidegate.readers.batch import Typed, failed, joined
from tidegate.readers.convert import from_arrow, from_text
from tidegate.readers.nested import as_json, from_nested

MAXIMUM_DEPTH = 200  # of nested values; beyond some ten thousand pyarrow's parser ends the process

_TEXTUAL = ("date", "time", "timestamp")  # JSON has no such values: ISO 8601 text
_INT64 = range(-(2**63), 2**63)
_LONGEST_INTEGER = 1000  # digits; Python refuses to read above 4,300
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_STEPS = np.zeros(256, np.int8)
_STEPS[list(b"[{")] = 1
_STEPS[list(b"]}")] = -1


class _UnfitError(Exception):
    """The value is not of its column's type."""


def loads(text: bytes | str) -> Any:
    """The value of a JSON text, its fractions exact.

    Raises:
        ValueError: it is no JSON, or nested too deep.
    """
    body = text.encode("utf-8", "backslashreplace") if isinstance(text, str) else text
    if body.count(b"[") + body.count(b"{") > MAXIMUM_DEPTH and depth_of(body) > MAXIMUM_DEPTH:
        raise ValueError(f"it is nested more than {MAXIMUM_DEPTH} deep")
    return json.loads(text, parse_float=_fraction, parse_int=_integer)


def depth_of(text: bytes) -> int:
    """How deep brackets nest outside of strings."""
    outside = np.frombuffer(_STRING.sub(b"", text), np.uint8)
    return int(np.cumsum(_STEPS[outside], dtype=np.int64).max(initial=0))


def readable(text: str) -> str:
    """Without halves of surrogate pairs, which JSON can escape and UTF-8 cannot write."""
    return text.encode("utf-8", "backslashreplace").decode()


def json_type(column: Column, *, decimal_text: bool = False) -> pa.DataType:
    """What pyarrow's JSON parser is asked for. Dates, times and the keys of maps are text in JSON.

    `decimal_text`: decimals are text, too, as `_fit` leaves them.
    """
    target = arrow_type(column)
    members = [json_type(member, decimal_text=decimal_text) for member in column.members]
    if column.type in _TEXTUAL or (decimal_text and pa.types.is_decimal(target)):
        return pa.string()
    if column.type == "object" and members:
        names = [member.name for member in column.members]
        return pa.struct(list(zip(names, members, strict=True)))
    if column.type == "array" and members:
        return pa.list_(members[0])
    if column.type == "map" and members:
        return pa.map_(pa.string(), members[1])
    if column.type in ("integer", "number") and not pa.types.is_decimal(target):
        return pa.int64() if column.type == "integer" else pa.float64()
    return target


def is_parsed_natively(column: Column) -> bool:
    """Whether pyarrow's JSON parser can make the column: it knows no maps and no values left as they are."""
    if column.type not in NESTED:
        return True
    is_known = column.type != "map" and bool(column.members)
    return is_known and all(is_parsed_natively(member) for member in column.members)


def from_json_arrow(column: Column, values: pa.Array) -> Typed:
    """Values of `json_type` in the column's type."""
    return from_nested(column, values, _leaf) if column.type in NESTED else _leaf(column, values)


def from_json_text(column: Column, texts: pa.Array) -> Typed:
    """Cells of a CSV file that hold JSON."""
    values: list[Any] = []
    positions: list[int] = []
    for position, text in enumerate(texts.to_pylist()):
        try:
            values.append(loads(text) if text and text.strip() else None)
        except ValueError:
            values.append(None)
            positions.append(position)
    typed = from_json_values(column, values)
    unparsed = np.array(positions, np.int64)
    told = failed(unparsed, texts.take(pa.array(unparsed)))
    return Typed(values=typed.values, failed=joined(told, typed.failed))


def from_json_values(column: Column, values: list[Any]) -> Typed:
    """Values as `loads` gives them, each tried alone."""
    kept: list[Any] = []
    positions: list[int] = []
    for position, value in enumerate(values):
        try:
            kept.append(None if value is None else _fit(column, value))
        except _UnfitError:
            kept.append(None)
            positions.append(position)
    typed = from_json_arrow(column, pa.array(kept, json_type(column, decimal_text=True)))
    told = failed(np.array(positions, np.int64), [text_of(values[position]) for position in positions])
    return Typed(values=typed.values, failed=joined(told, typed.failed))


def text_of(value: Any) -> str:
    return readable(value if isinstance(value, str) else as_json(value))


def _leaf(column: Column, values: pa.Array) -> Typed:
    return from_text(column, values) if pa.types.is_string(values.type) else from_arrow(column, values)


def _fit(column: Column, value: Any) -> Any:
    """`value` as pa.array takes it for `json_type`."""
    if column.type in NESTED:
        return _fit_nested(column, value)
    if column.type == "boolean" and isinstance(value, bool):
        return value
    if column.type in ("string", *_TEXTUAL) and isinstance(value, str) and readable(value) == value:
        return value
    if column.type in ("integer", "number") and not isinstance(value, bool):
        return _fit_number(column, value)
    raise _UnfitError


def _fit_number(column: Column, value: Any) -> Any:
    is_number = isinstance(value, int | float | Decimal)
    if pa.types.is_decimal(arrow_type(column)):
        if is_number or isinstance(value, str):  # text keeps all the digits of money
            return str(value)
        raise _UnfitError
    if not is_number:
        raise _UnfitError
    if column.type == "number":
        try:
            return float(value)
        except OverflowError:
            return float("inf") if value > 0 else float("-inf")
    is_whole = isinstance(value, int) or (abs(value) < 1 << 64 and value == int(value))
    if not is_whole or int(value) not in _INT64:
        raise _UnfitError
    return int(value)


def _fit_nested(column: Column, value: Any) -> Any:
    if not column.members:
        if readable(text := as_json(value)) != text:
            raise _UnfitError
        return text
    if column.type == "array" and isinstance(value, list):
        return [None if item is None else _fit(column.members[0], item) for item in value]
    if column.type == "object" and isinstance(value, dict):
        return {
            member.name: None if value.get(member.name) is None else _fit(member, value[member.name])
            for member in column.members
        }
    if column.type == "map" and isinstance(value, dict):
        if any(readable(key) != key for key in value):
            raise _UnfitError
        return [(key, None if item is None else _fit(column.members[1], item)) for key, item in value.items()]
    raise _UnfitError


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else float(digits)


def _fraction(digits: str) -> Decimal | float:
    try:
        return Decimal(digits)
    except InvalidOperation:  # an exponent of twenty digits
        return float(digits)
