"""Columns of requests that come in pieces, put together in the contract's types."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pyarrow as pa

from tidegate.columns.list_values import array_of_list
from tidegate.contract.plan import NESTED, Column
from tidegate.readers.batch import Failed, Typed, joined
from tidegate.readers.json_values import from_json_arrow, from_json_values, json_type

# kinds of Python's values that are of JSON's own type for a column, by that type
_PLAIN: dict[pa.DataType, frozenset[type]] = {
    pa.string(): frozenset({str, type(None)}),
    pa.int64(): frozenset({int, type(None)}),
    pa.float64(): frozenset({int, float, type(None)}),
    pa.bool_(): frozenset({bool, type(None)}),
}


class Pieces:
    """Values as JSON has them, some rows at a time.

    They are made arrays as they come, since Python's objects of many rows cost more memory than all else; a
    piece with a value that is of another type is tried value by value.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self._columns = columns
        self._types = [None if column.type in NESTED else json_type(column) for column in columns]
        self._held: dict[str, list[pa.Array | Typed]] = {column.name: [] for column in columns}
        self.rows = 0  # that were added since they were last taken

    def add(self, values: Mapping[str, list[Any]], rows: int) -> None:
        for column, type_ in zip(self._columns, self._types, strict=True):
            self._held[column.name].append(_piece(column, type_, values[column.name]))
        self.rows += rows

    def take(self) -> tuple[dict[str, Typed], int]:
        """The columns of all rows that were added since they were last taken, and how many these are."""
        taken = {column.name: _together(column, self._held[column.name]) for column in self._columns}
        rows, self.rows = self.rows, 0
        self._held = {column.name: [] for column in self._columns}
        return taken, rows


def _piece(column: Column, type_: pa.DataType | None, values: list[Any]) -> pa.Array | Typed:
    """As `type_`, JSON's own for the column, where every value is of it, else each value tried alone."""
    kinds = set(map(type, values))
    if kinds <= _PLAIN.get(type_, frozenset()):
        try:
            return array_of_list(values, type_, complete=type(None) not in kinds)
        except (OverflowError, UnicodeEncodeError):  # beyond 64 bits, half of a character
            pass
    return from_json_values(column, values)


def _together(column: Column, pieces: Sequence[pa.Array | Typed]) -> Typed:
    arrays = [piece for piece in pieces if not isinstance(piece, Typed)]
    if len(arrays) == len(pieces):
        return from_json_arrow(column, pa.concat_arrays(arrays))
    values, failed, before = [], None, 0
    for piece in pieces:
        typed = piece if isinstance(piece, Typed) else from_json_arrow(column, piece)
        failed = joined(failed, _after(before, typed.failed))
        values.append(typed.values)
        before += len(typed.values)
    return Typed(values=pa.concat_arrays(values), failed=failed)


def _after(rows: int, failed: Failed | None) -> Failed | None:
    return replace(failed, positions=failed.positions + rows) if failed else None
