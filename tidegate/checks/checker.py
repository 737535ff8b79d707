"""One pass of all rules over the batches of a shard.

The only state beside counts is the hashes of keys that must be unique (`keys`), which are spilled to disk.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.checks.bad_rows import SetAside, set_aside
from tidegate.checks.counts import FIRST_ROWS, Checks, RuleCount
from tidegate.checks.key_files import KeySpill
from tidegate.checks.masks import Broken
from tidegate.checks.row_rules import test_of
from tidegate.columns.arrow_values import array_of
from tidegate.contract.plan import ContractPlan, Rule
from tidegate.readers.batch import TEXT_LENGTH, Batch


class Checker:
    """Takes the batches of one shard in order."""

    def __init__(self, plan: ContractPlan) -> None:
        self.plan = plan
        self.rows = 0
        self.keys = KeySpill(plan)
        self._present: set[str] = set()
        self._extra: dict[str, None] = {}
        self._counts = [RuleCount() for _ in plan.rules]
        self._tests = [test_of(plan, rule) for rule in plan.rules]
        self._sets_aside = plan.bad_rows.action == "set-aside"
        self._bad_rows = 0

    def add(self, batch: Batch) -> SetAside | None:
        """Check a batch. Its bad rows, when the contract sets them aside and there are any."""
        self._present |= batch.present
        self._extra |= dict.fromkeys(batch.extra)
        bad: list[tuple[Rule, Broken]] = []
        for index, (rule, test) in enumerate(zip(self.plan.rules, self._tests, strict=True)):
            broken = test(batch) if test else None
            if broken is None or not broken.rows:
                continue
            self._count(index, broken, batch)
            if self._sets_aside and rule.names_bad_rows:
                bad.append((rule, broken))
        self.keys.add(batch.rows)
        self.rows += batch.rows.num_rows
        found = set_aside(batch, bad)
        self._bad_rows += len(found.positions) if found else 0
        return found

    def finish(self) -> Checks:
        return Checks(
            rows=self.rows,
            present=tuple(name for name in self.plan.names if name in self._present),
            extra=tuple(self._extra),
            counts=tuple(self._counts),
            bad_rows=self._bad_rows,
        )

    def _count(self, index: int, broken: Broken, batch: Batch) -> None:
        rule, count = self.plan.rules[index], self._counts[index]
        room = FIRST_ROWS - len(count.first_rows)
        positions = np.flatnonzero(broken.mask)[:room] if room else np.zeros(0, np.int64)
        found = RuleCount(
            failed=broken.rows,
            first_rows=tuple((positions + 1).tolist()),
            first_values=tuple(_shown(rule, batch, positions)),
        )
        self._counts[index] = count.merge(found, self.rows)


def _shown(rule: Rule, batch: Batch, positions: NDArray[np.int64]) -> Sequence[str]:
    """The values at these rows as text; of two columns both."""
    failed = batch.failed.get(rule.columns[0])
    texts = dict(zip(failed.positions.tolist(), failed.texts, strict=True)) if failed else {}
    columns = [batch.rows.column(name).take(array_of(positions)).to_pylist() for name in rule.columns]
    return [
        texts[position] if position in texts else ", ".join(_text(value) for value in values)[:TEXT_LENGTH]
        for position, *values in zip(positions.tolist(), *columns, strict=True)
    ]


def _text(value: object) -> str:
    return "" if value is None else str(value)
