"""Some rows of a drop, in the contract's types."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.arrow_types import arrow_schema
from tidegate.contract.plan import Column, ContractPlan

BATCH_ROWS = 65_536  # beyond this the profile gains nothing and memory grows
TEXT_LENGTH = 80  # of a value shown to a person


@dataclass(frozen=True, kw_only=True)
class Failed:
    """Values that are not of their column's type: where they stand in the batch, and their text."""

    positions: NDArray[np.int64]
    texts: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Typed:
    """A column in its type; failed values are null in it."""

    values: pa.Array
    failed: Failed | None = None


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The contract's columns in its order; null where the drop lacks the column or the type is wrong."""

    rows: pa.RecordBatch
    failed: Mapping[str, Failed] = field(default_factory=dict)
    present: frozenset[str]  # columns of the contract that the drop has
    extra: tuple[str, ...]  # columns of the drop that the contract lacks

    @classmethod
    def of(cls, plan: ContractPlan, typed: Mapping[str, Typed], rows: int, extra: tuple[str, ...]) -> "Batch":
        """A batch of `rows` rows from the columns that were found."""
        schema = arrow_schema(plan.columns)
        arrays = [
            typed[field.name].values if field.name in typed else pa.nulls(rows, field.type)
            for field in schema
        ]
        return cls(
            rows=pa.RecordBatch.from_arrays(arrays, schema=schema),
            failed={name: column.failed for name, column in typed.items() if column.failed},
            present=frozenset(typed),
            extra=extra,
        )


def failed(positions: NDArray[np.int64], texts: pa.Array | list[str]) -> Failed | None:
    """None when no value failed. `texts` are the values at `positions`."""
    if not len(positions):
        return None
    values = texts if isinstance(texts, list) else texts.to_pylist()
    return Failed(positions=positions, texts=tuple(str(value)[:TEXT_LENGTH] for value in values))


def columns_by_name(plan: ContractPlan) -> dict[str, Column]:
    return {column.name: column for column in plan.columns}
