"""What a contract says to a file, on this machine: the rules that rows alone decide.

Statistics and freshness are judged when the file is dropped: they need the drop's arrival, or its history.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tidegate import uniqueness
from tidegate.checks import Checker, Checks, RuleCount, repeated_rows
from tidegate.contract.local_file import read_file
from tidegate.contract.plan import ContractPlan, Rule

_LATER = ("statistic", "freshness")


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
    """Count the rows of a file that break each rule.

    Raises:
        DropUnreadableError: the file cannot be parsed; the text says where and why.
    """
    checker = Checker(plan)
    for batch in read_file(path, plan):
        checker.add(batch)
    checks = checker.finish()
    missing = tuple(name for name in plan.names if name not in checks.present)
    keys = checker.keys_table()
    return FileCheck(
        rows=checks.rows,
        missing=missing,
        extra=checks.extra,
        rules=tuple(_rule_checks(plan, checks, keys, missing)),
    )


def _rule_checks(
    plan: ContractPlan, checks: Checks, keys: pa.Table | None, missing: tuple[str, ...]
) -> Iterator[RuleCheck]:
    for index, rule in enumerate(plan.rules):
        if rule.kind == "columns" or set(rule.columns) & set(missing):
            continue  # told by `missing`
        count = checks.counts[index]
        if rule.kind == "unique" and keys is not None:
            count = _repeats(keys, index)
        failed = checks.rows if rule.kind == "row_count" else count.failed
        holds = None if rule.kind in _LATER else rule.condition.holds(failed, checks.rows)
        yield RuleCheck(rule=rule, count=count, holds=holds)


def _repeats(keys: pa.Table, rule: int) -> RuleCount:
    own = keys.filter(pa.compute.equal(keys["rule"], rule))
    suspicious = uniqueness.suspicious_hashes([own["hash"].to_numpy()])
    return repeated_rows(own.filter(pa.compute.is_in(own["hash"], pa.array(suspicious, pa.uint64()))))
