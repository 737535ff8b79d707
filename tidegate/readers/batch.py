"""Some rows of a drop, in the contract's types."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.columns.arrow_types import arrow_schema
from tidegate.contract.plan import Column, ContractPlan

BATCH_ROWS = 131_072  # half of them cost an eighth more CPU; more, and memory grows
DICTIONARY = pa.dictionary(pa.int32(), pa.string())  # the other form a text column may come in
TEXT_LENGTH = 80  # of a value shown to a person


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Values that are not of their column's type: where they stand in the batch, and their text."""

    positions: NDArray[np.int64]
    texts: tuple[str, ...]

    def between(self, start: int, stop: int) -> "Failed | None":
        """Those in rows [start, stop), counted from `start`; None when there are none."""
        first, last = np.searchsorted(self.positions, [start, stop])
        if first == last:
            return None
        return Failed(positions=self.positions[first:last] - start, texts=self.texts[first:last])


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A column in its type; failed values are null in it."""

    values: pa.Array
    failed: Failed | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The contract's columns in its order; null where the drop lacks the column or the type is wrong.

    A text column with few values may be a dictionary<int32, string>: what looks at its values need look at
    each only once. `plain` gives the contract's schema.
    """

    rows: pa.RecordBatch
    failed: Mapping[str, Failed] = field(default_factory=dict)
    present: frozenset[str]  # columns of the contract that the drop has
    extra: tuple[str, ...]  # columns of the drop that the contract lacks

    @classmethod
    def of(cls, plan: ContractPlan, typed: Mapping[str, Typed], rows: int, extra: tuple[str, ...]) -> "Batch":
        """A batch of `rows` rows from the columns that were found."""
        arrays, fields = [], []
        for declared in arrow_schema(plan.columns):
            found = typed.get(declared.name)
            arrays.append(pa.nulls(rows, declared.type) if found is None else found.values)
            fields.append(declared.with_type(arrays[-1].type))
        return cls(
            rows=pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)),
            failed={name: column.failed for name, column in typed.items() if column.failed},
            present=frozenset(typed),
            extra=extra,
        )

    def cut(self) -> "Iterator[Batch]":
        """The same rows, at most BATCH_ROWS at a time."""
        for start in range(0, max(1, len(self.rows)), BATCH_ROWS):
            rows = self.rows.slice(start, BATCH_ROWS)
            kept = {name: found.between(start, start + len(rows)) for name, found in self.failed.items()}
            yield replace(self, rows=rows, failed={name: found for name, found in kept.items() if found})

    def plain(self) -> pa.RecordBatch:
        """The rows with every dictionary written out: their schema is the contract's."""
        arrays = [
            column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
            for column in self.rows.columns
        ]
        return pa.RecordBatch.from_arrays(arrays, names=self.rows.schema.names)


def failed(positions: NDArray[np.int64], texts: pa.Array | list[str]) -> Failed | None:
    """None when no value failed. `texts` are the values at `positions`."""
    if not len(positions):
        return None
    values = texts if isinstance(texts, list) else texts.to_pylist()
    return Failed(positions=positions, texts=tuple(str(value)[:TEXT_LENGTH] for value in values))


def joined(one: Failed | None, other: Failed | None) -> Failed | None:
    """The failed values of both, in the order of their rows."""
    if one is None or other is None:
        return one or other
    positions = np.concatenate([one.positions, other.positions])
    order = np.argsort(positions, kind="stable")
    texts = (*one.texts, *other.texts)
    return Failed(positions=positions[order], texts=tuple(texts[index] for index in order))


def columns_by_name(plan: ContractPlan) -> dict[str, Column]:
    return {column.name: column for column in plan.columns}
