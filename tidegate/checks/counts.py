"""How many rows break each rule, and the first of them; counts of shards merge to those of one pass."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidegate.messages.message import Message

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
    bad_rows: int = 0  # set aside; 0 when the contract does not set rows aside


def merge_checks(shards: Sequence[Checks]) -> Checks:
    """All shards, given in their order, as one."""
    rows, counts = 0, list(shards[0].counts) if shards else []
    for position, shard in enumerate(shards):
        if position:
            counts = [one.merge(later, rows) for one, later in zip(counts, shard.counts, strict=True)]
        rows += shard.rows
    present = dict.fromkeys(name for shard in shards for name in shard.present)
    extra = dict.fromkeys(name for shard in shards for name in shard.extra)
    return Checks(
        rows=rows,
        present=tuple(present),
        extra=tuple(extra),
        counts=tuple(counts),
        bad_rows=sum(shard.bad_rows for shard in shards),
    )


def with_count(checks: Checks, rule: int, found: RuleCount) -> Checks:
    """With the count of a rule that only all shards together could tell."""
    counts = (*checks.counts[:rule], found, *checks.counts[rule + 1 :])
    return replace(checks, counts=counts)
