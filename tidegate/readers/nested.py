"""Objects, arrays and maps into a column's type, each value whole or not at all.

A value with one member that does not fit has failed: half of it would be another value. Members that the
contract does not name are dropped; those that the value lacks are null.
"""

import json
from collections.abc import Callable
from decimal import Decimal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.columns.arrow_types import arrow_type
from tidegate.columns.arrow_values import array_of, is_valid, without_nulls
from tidegate.contract.plan import NESTED, Column
from tidegate.readers.batch import TEXT_LENGTH, Typed, failed

Leaf = Callable[[Column, pa.Array], Typed]
Positions = NDArray[np.int64]

_NO_PYTHON = (ValueError, OverflowError)  # text that is not UTF-8, a date in year 0
_NONE: Positions = np.zeros(0, np.int64)


def from_nested(column: Column, values: pa.Array, leaf: Leaf) -> Typed:
    """Arrow's structs, lists and maps into the type of `column`; `leaf` converts what is not nested."""
    if not column.members:
        if pa.types.is_string(values.type):
            return Typed(values=values)
        return _as_text(values)
    typed, bad = _typed(column, values, leaf)
    if not len(bad):
        return Typed(values=typed)
    texts = [_shown(value)[:TEXT_LENGTH] for value in values.take(array_of(bad))]
    kept = np.arange(len(values))
    rest = values.take(array_of(kept, np.isin(kept, bad)))
    return Typed(values=_typed(column, rest, leaf)[0], failed=failed(bad, texts))


def _as_text(values: pa.Array) -> Typed:
    """Each value as JSON; one that Python cannot hold has failed."""
    texts, bad = [], []
    for position, value in enumerate(values):
        try:
            texts.append(as_json(value.as_py()) if value.is_valid else None)
        except _NO_PYTHON:
            texts.append(None)
            bad.append(position)
    told = failed(np.array(bad, np.int64), [_shown(values[position]) for position in bad])
    return Typed(values=pa.array(texts, pa.string()), failed=told)


def _shown(value: pa.Scalar) -> str:
    try:
        return as_json(value.as_py())
    except _NO_PYTHON:
        return f"a {value.type} that cannot be shown"


def as_json(value: object) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, default=str)


def _plain(value: object) -> object:
    """Maps, which Arrow gives as lists of pairs, as objects."""
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        if value and all(isinstance(item, tuple) for item in value):
            return {str(key): _plain(member) for key, member in value}
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, Decimal) else value


def _typed(column: Column, values: pa.Array, leaf: Leaf) -> tuple[pa.Array, Positions]:
    """The values in their type and where they did not fit; nothing but nulls when one did not."""
    if column.type not in NESTED or not column.members:
        found = from_nested(column, values, leaf) if column.type in NESTED else leaf(column, values)
        return found.values, found.failed.positions if found.failed else _NONE
    target = arrow_type(column)
    if pa.types.is_null(values.type):
        return pa.nulls(len(values), target), _NONE
    there = is_valid(values)
    type_ = values.type
    if column.type == "object" and pa.types.is_struct(type_):
        typed, bad = _struct(column, values, leaf)
    elif column.type == "array" and _is_list(type_):
        typed, bad = _list(column, values.cast(pa.list_(type_.value_type)), leaf)
    elif column.type == "map" and pa.types.is_map(type_):
        typed, bad = _map(column, values, leaf)
    else:
        typed, bad = None, np.arange(len(values))
    bad = bad[there[bad]]
    return (typed if typed is not None and not len(bad) else pa.nulls(len(values), target)), bad


def _is_list(type_: pa.DataType) -> bool:
    tests = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(test(type_) for test in tests)


def _struct(column: Column, values: pa.StructArray, leaf: Leaf) -> tuple[pa.Array, Positions]:
    children, bad = [], _NONE
    for member in column.members:
        index = values.type.get_field_index(member.name)
        source = pa.nulls(len(values)) if index < 0 else values.field(index)
        if values.null_count:  # what stands under a null is no value
            source = source.filter(values.is_valid()).take(_ranks(values))
        child, wrong = _typed(member, source, leaf)
        children.append(child)
        bad = np.union1d(bad, wrong)
    fields = list(arrow_type(column))
    return pa.StructArray.from_arrays(children, fields=fields, mask=values.is_null()), bad


def _ranks(values: pa.Array) -> pa.Array:
    """For each value its place among the valid ones, null for those that are not."""
    there = is_valid(values)
    return array_of(np.cumsum(there) - 1, ~there)


def _list(column: Column, values: pa.ListArray, leaf: Leaf) -> tuple[pa.Array | None, Positions]:
    values, offsets = _compact(values)
    items, wrong = _typed(column.members[0], values.values, leaf)
    bad = _owners(offsets, wrong)
    if len(bad):
        return None, bad
    made = pa.ListArray.from_arrays(offsets, items, type=arrow_type(column), mask=values.is_null())
    return made, bad


def _map(column: Column, values: pa.MapArray, leaf: Leaf) -> tuple[pa.Array | None, Positions]:
    values, offsets = _compact(values)
    keys, wrong_keys = _typed(column.members[0], values.keys, leaf)
    items, wrong_items = _typed(column.members[1], values.items, leaf)
    missing = np.flatnonzero(~is_valid(keys))
    bad = _owners(offsets, np.union1d(np.union1d(wrong_keys, wrong_items), missing))
    if len(bad):
        return None, bad
    made = pa.MapArray.from_arrays(offsets, keys, items, type=arrow_type(column), mask=values.is_null())
    return made, bad


def _compact(values: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The same lists with no items but their own, and the offsets of these from 0."""
    if values.null_count or values.offset or values.offsets[0].as_py():
        values = values.take(array_of(np.arange(len(values))))
    return values, values.offsets


def _owners(offsets: pa.Array, items: Positions) -> Positions:
    """Which lists the items at these places belong to."""
    return np.unique(np.searchsorted(without_nulls(offsets), items, side="right") - 1)
