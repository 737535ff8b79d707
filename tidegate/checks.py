"""The contract's rules against streamed rows: how many rows break each, and which were the first.

Pure. Counts of shards merge to what one pass over all rows would give, to the last digit, whatever the split.
Keys that must be unique leave each shard as they are and are compared in `tidegate.uniqueness`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate import uniqueness
from tidegate.contract.plan import ContractPlan
from tidegate.masks import mask_of
from tidegate.messages import Message
from tidegate.readers.batch import TEXT_LENGTH, Batch

FIRST_ROWS = 20  # kept of each rule


@dataclass(frozen=True, kw_only=True)
class RuleCount(Message):
    """Rows that break one rule, and the first of them with their values."""

    failed: int = 0
    first_rows: tuple[int, ...] = ()  # 1-based data rows
    first_values: tuple[str, ...] = ()

    def merge(self, later: "RuleCount", rows_before: int) -> "RuleCount":
        rows = (*self.first_rows, *(row + rows_before for row in later.first_rows))
        return RuleCount(
            failed=self.failed + later.failed,
            first_rows=rows[:FIRST_ROWS],
            first_values=(*self.first_values, *later.first_values)[:FIRST_ROWS],
        )


@dataclass(frozen=True, kw_only=True)
class Checks(Message):
    """What the rules found in some rows; `counts` are aligned with the plan's rules."""

    rows: int
    present: tuple[str, ...]  # columns of the contract that were there, in its order
    extra: tuple[str, ...]  # columns that the contract lacks
    counts: tuple[RuleCount, ...]


class Checker:
    """Takes the batches of one shard in order."""

    def __init__(self, plan: ContractPlan) -> None:
        self.plan = plan
        self.rows = 0
        self.present: set[str] = set()
        self.extra: dict[str, None] = {}
        self.counts = [RuleCount() for _ in plan.rules]
        self.tests = [mask_of(plan, rule) for rule in plan.rules]
        self.keys: list[pa.RecordBatch] = []

    def add(self, batch: Batch) -> None:
        self.present |= batch.present
        self.extra |= dict.fromkeys(batch.extra)
        for index, rule in enumerate(self.plan.rules):
            test = self.tests[index]
            if rule.kind == "unique":
                self.keys.append(uniqueness.keys_of(index, rule, batch, self.rows))
            elif rule.kind == "type":
                self._count_type(index, rule.columns[0], batch)
            elif test is not None:
                values = batch.rows.column(rule.columns[0])
                self._count_mask(index, test(values, batch), values)
        self.rows += batch.rows.num_rows

    def finish(self) -> Checks:
        return Checks(
            rows=self.rows,
            present=tuple(name for name in self.plan.names if name in self.present),
            extra=tuple(self.extra),
            counts=tuple(self.counts),
        )

    def keys_table(self) -> pa.Table | None:
        """The keys of this shard; None when the contract asks for no uniqueness."""
        if not any(rule.kind == "unique" for rule in self.plan.rules):
            return None
        return pa.Table.from_batches(self.keys, uniqueness.KEYS_SCHEMA)

    def _count_mask(self, index: int, mask: pa.Array, values: pa.Array) -> None:
        failing = pc.sum(mask).as_py() or 0
        if not failing:
            return
        room = FIRST_ROWS - len(self.counts[index].first_rows)
        positions = np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False))[:room]
        texts = [_shown(value) for value in values.take(pa.array(positions, pa.int64())).to_pylist()]
        self._count(index, failing, positions, texts)

    def _count_type(self, index: int, column: str, batch: Batch) -> None:
        if found := batch.failed.get(column):
            self._count(
                index, len(found.positions), found.positions[:FIRST_ROWS], list(found.texts[:FIRST_ROWS])
            )

    def _count(self, index: int, failing: int, positions: NDArray[np.int64], texts: list[str]) -> None:
        found = RuleCount(
            failed=failing,
            first_rows=tuple(int(position) + 1 for position in positions),
            first_values=tuple(texts),
        )
        self.counts[index] = self.counts[index].merge(found, self.rows)


def merge_checks(shards: Sequence[Checks]) -> Checks:
    """All shards, given in their order, as one."""
    rows, counts = 0, list(shards[0].counts) if shards else []
    for position, shard in enumerate(shards):
        if position:
            counts = [one.merge(later, rows) for one, later in zip(counts, shard.counts, strict=True)]
        rows += shard.rows
    present = dict.fromkeys(name for shard in shards for name in shard.present)
    extra = dict.fromkeys(name for shard in shards for name in shard.extra)
    return Checks(rows=rows, present=tuple(present), extra=tuple(extra), counts=tuple(counts))


def with_count(checks: Checks, rule: int, found: RuleCount) -> Checks:
    """With the count of a rule that only all shards together could tell."""
    counts = (*checks.counts[:rule], found, *checks.counts[rule + 1 :])
    return replace(checks, counts=counts)


def repeated_rows(keys: pa.Table) -> RuleCount:
    """Rows that repeat a key, from the suspicious keys of all shards with row numbers of the drop."""
    later = uniqueness.later_duplicates(keys)
    first = later.slice(0, FIRST_ROWS)
    return RuleCount(
        failed=later.num_rows,
        first_rows=tuple(first.column("row").to_pylist()),
        first_values=tuple(uniqueness.shown(key)[:TEXT_LENGTH] for key in first.column("key").to_pylist()),
    )


def _shown(value: object) -> str:
    return "" if value is None else str(value)[:TEXT_LENGTH]
