"""What pyarrow's CSV parser is asked to make of each column, learnt while a file is read.

A column starts in the first form that its type may take. Where a piece does not parse, the column at fault
goes on to its next form, the last of which is text, and stays there for the rest of the file. Whatever the
form, a value comes out the same: the forms are fast ways, not other meanings.
"""

import re
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.columns.arrow_types import arrow_type
from tidegate.contract.plan import NESTED, Column
from tidegate.readers.batch import DICTIONARY, Typed
from tidegate.readers.bounds import MICROSECONDS, in_bounds, localised
from tidegate.readers.convert import from_text
from tidegate.readers.json_values import from_json_text

_COLUMN = re.compile(r"^In CSV column #(\d+):")
_ATTEMPTS = 8
_NAIVE = pa.timestamp("us")
_DICTIONARY_SHARE = (
    8  # a text column is a dictionary while it has at most one distinct value per so many rows
)


class Forms:
    """The form of each column of the file that the contract knows."""

    def __init__(self, header: tuple[str, ...], columns: Mapping[str, Column]) -> None:
        self.header = header
        self.columns = [columns[name] for name in header if name in columns]
        self.left = {column.name: _forms(column) for column in self.columns}
        self.undecided = {column.name for column in self.columns if column.type == "string"}

    @property
    def types(self) -> dict[str, pa.DataType]:
        return {name: forms[0] for name, forms in self.left.items()}

    def give_way(self, error: pa.ArrowInvalid, attempt: int) -> bool:
        """Take the column that pyarrow complains of to its next form; False when there is none to take.

        After a few attempts at one piece, all take their last: a file with many bad columns is not to be
        parsed once for each.
        """
        found = _COLUMN.match(str(error))
        names = [self.header[int(found[1])]] if found and attempt < _ATTEMPTS else list(self.left)
        moved = [name for name in names if len(self.left[name]) > 1]
        for name in moved:
            self.left[name] = self.left[name][1 if attempt < _ATTEMPTS else -1 :]
        return bool(moved)

    def typed(self, column: Column, values: pa.Array) -> Typed:
        """Parsed values, whatever their form, in the column's type.

        Raises:
            pa.ArrowInvalid: a time out of bounds, as pyarrow would have said it.
        """
        if column.type in NESTED:
            return from_json_text(column, values)
        if column.type == "string":
            self._look_at(column.name, values)
            return Typed(values=values)
        if pa.types.is_string(values.type):
            return from_text(column, values)
        values, beyond = in_bounds(values)
        if values.type == _NAIVE and not len(beyond):
            values, beyond = in_bounds(localised(values, column.timezone))
        if len(beyond):
            raise pa.ArrowInvalid(f"In CSV column #{self.header.index(column.name)}: out of bounds")
        return Typed(values=values)

    def _look_at(self, name: str, values: pa.Array) -> None:
        """Once, of the first rows; and again a dictionary that has grown out of its use."""
        if name in self.undecided and len(values):
            self.undecided.discard(name)
            if pc.count_distinct(values).as_py() * _DICTIONARY_SHARE <= len(values):
                self.left[name] = (DICTIONARY,)
        elif values.type == DICTIONARY and len(values.dictionary) * 2 > len(values):
            self.left[name] = (pa.string(),)


def _forms(column: Column) -> tuple[pa.DataType, ...]:
    if column.type == "timestamp":
        return (MICROSECONDS, _NAIVE, pa.string())
    if column.type == "string" or column.type in NESTED:
        return (pa.string(),)
    return (arrow_type(column), pa.string())
