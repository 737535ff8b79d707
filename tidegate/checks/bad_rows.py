"""Rows to set aside, each with what is wrong with it.

Row numbers and reasons travel as columns of the rows themselves, so that one Parquet file says all. The names
begin with an underscore, as no contract's columns need to.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.checks.masks import Broken, Mask
from tidegate.columns.arrow_values import array_of, text_array, without_nulls
from tidegate.contract.plan import Rule
from tidegate.readers.batch import Batch

ROW, REASONS = "_row", "_reasons"


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """The bad rows of a batch: where they stand in it, and their reasons, e.g. `age: range; id: pattern`."""

    positions: NDArray[np.int64]  # ascending
    reasons: tuple[str, ...]

    def split(self, rows: pa.RecordBatch, rows_before: int) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """The good rows, and the bad ones with their number (1-based, `rows_before` added) and reasons."""
        is_good = np.ones(rows.num_rows, bool)
        is_good[self.positions] = False
        bad = rows.take(array_of(self.positions))
        bad = bad.append_column(ROW, array_of(self.positions + rows_before + 1))
        bad = bad.append_column(REASONS, text_array(self.reasons))
        return rows.filter(array_of(is_good)), bad


def bad_rows_schema(schema: pa.Schema) -> pa.Schema:
    """Of the bad rows of a dataset with this schema."""
    return schema.append(pa.field(ROW, pa.int64())).append(pa.field(REASONS, pa.string()))


def set_aside(batch: Batch, broken: Sequence[tuple[Rule, Broken]]) -> SetAside | None:
    """The rows that break any of these rules; None when no row does."""
    if not broken:
        return None
    breaks = np.stack([found.mask for _, found in broken])
    positions = np.flatnonzero(breaks.any(axis=0))
    combinations, which = _combinations(breaks[:, positions])
    labels = [f"{', '.join(rule.columns)}: {rule.kind}" for rule, _ in broken]
    texts = [
        "; ".join(label for label, is_broken in zip(labels, combination, strict=True) if is_broken)
        for combination in combinations
    ]
    reasons = [texts[index] for index in which.tolist()]
    _quote_wrong_types(batch, broken, positions, reasons)
    return SetAside(positions=positions, reasons=tuple(reasons))


def _combinations(breaks: Mask) -> tuple[Mask, NDArray[np.int32]]:
    """Combinations of broken rules, and which of them each row has: they are few, so each is worded once."""
    rules, rows = breaks.shape
    packed = np.ascontiguousarray(np.packbits(breaks, axis=0).T)
    width = packed.shape[1]
    column = pa.Array.from_buffers(pa.binary(width), rows, [None, pa.py_buffer(packed)]).dictionary_encode()
    known = np.frombuffer(b"".join(column.dictionary.to_pylist()), np.uint8).reshape(-1, width)
    return np.unpackbits(known, axis=1, count=rules).astype(bool), without_nulls(column.indices)


def _quote_wrong_types(
    batch: Batch, broken: Sequence[tuple[Rule, Broken]], positions: NDArray[np.int64], reasons: list[str]
) -> None:
    """Say what stood where a value of the wrong type is null now: it is kept nowhere else."""
    for rule, found in broken:
        if rule.kind != "type":
            continue
        failed = batch.failed[rule.columns[0]]
        for position, text in zip(failed.positions.tolist(), failed.texts, strict=True):
            if found.mask[position]:
                reasons[int(np.searchsorted(positions, position))] += f"; {rule.columns[0]} was {text!r}"
