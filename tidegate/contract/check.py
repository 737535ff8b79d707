"""What a contract says to a file, on this machine. Freshness is judged when the file is dropped."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tidegate.checks import Checker, Checks, KeyFile, RuleCount, repeated, with_count
from tidegate.checks.keys import Key, keys_of
from tidegate.columns.arrow_types import arrow_schema
from tidegate.contract.local_file import read_file
from tidegate.contract.plan import ContractPlan, Rule
from tidegate.ingestion.measured import measure
from tidegate.profile import Profile, ProfileBuilder


@dataclass(frozen=True, kw_only=True)
class RuleCheck:
    """One rule and what the file says to it; `holds` is None when only a drop can tell."""

    rule: Rule
    count: RuleCount
    holds: bool | None

    @property
    def is_broken(self) -> bool:
        return self.holds is False


@dataclass(frozen=True, kw_only=True)
class FileCheck:
    """All rules of a contract against one file."""

    rows: int
    missing: tuple[str, ...]  # columns of the contract that the file lacks
    extra: tuple[str, ...]  # columns of the file that the contract lacks
    rules: tuple[RuleCheck, ...]

    @property
    def passes(self) -> bool:
        """Whether nothing of severity error is broken."""
        broken = any(check.is_broken and check.rule.severity == "error" for check in self.rules)
        return not self.missing and not broken


def check_file(plan: ContractPlan, path: Path) -> FileCheck:
    """Count the rows of a file that break each rule, and measure its statistics.

    Raises:
        DropUnreadableError: the file cannot be parsed; the text says where and why.
    """
    checker, profile = Checker(plan), ProfileBuilder(arrow_schema(plan.columns))
    for batch in read_file(path, plan):
        checker.add(batch)
        profile.add(batch.rows)
    checks = _with_repeats(plan, path, checker)
    missing = tuple(name for name in plan.names if name not in checks.present)
    return FileCheck(
        rows=checks.rows,
        missing=missing,
        extra=checks.extra,
        rules=tuple(_rule_checks(plan, checks, profile.finish(), missing)),
    )


def _with_repeats(plan: ContractPlan, path: Path, checker: Checker) -> Checks:
    checks = checker.finish()
    with tempfile.TemporaryFile() as file:
        checker.keys.write(file)
        file.seek(0)
        keys = KeyFile(file)
        for index in checker.keys.rules:
            columns = plan.rules[index].columns

            def fetch(_: int, rows: NDArray[np.int64], columns: Sequence[str] = columns) -> list[Key]:
                return _keys(plan, path, columns, rows)

            checks = with_count(checks, index, repeated(index, [keys], rows_before=[0], fetch=fetch))
    return checks


def _keys(plan: ContractPlan, path: Path, columns: Sequence[str], rows: NDArray[np.int64]) -> list[Key]:
    """Keys of these rows, 1-based and ascending, by reading the file once more."""
    found: list[Key] = []
    before = 0
    for batch in read_file(path, plan):
        after = before + batch.rows.num_rows
        places = rows[(rows > before) & (rows <= after)] - before - 1
        found += keys_of(batch.rows.select(list(columns)).take(pa.array(places)))
        before = after
    return found


def _rule_checks(
    plan: ContractPlan, checks: Checks, profile: Profile, missing: tuple[str, ...]
) -> Iterator[RuleCheck]:
    for index, rule in enumerate(plan.rules):
        if rule.kind == "columns" or set(rule.columns) & set(missing):
            continue  # told by `missing`
        count = checks.counts[index]
        holds = None
        if rule.kind == "statistic":
            measured = measure(rule, profile.columns.get(rule.columns[0]))
            holds = None if measured is None else rule.condition.allows(measured)
        elif rule.kind != "freshness":
            failed = checks.rows if rule.kind == "row_count" else count.failed
            holds = rule.condition.holds(failed, checks.rows)
        yield RuleCheck(rule=rule, count=count, holds=holds)
