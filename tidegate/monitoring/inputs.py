"""What callers sent, against the contract of the data the model learned from.

Pure. `POST /predict` refuses what breaks a rule; who asks the endpoint itself is not refused, and rules that
tolerate some rows, or only warn, refuse nobody. The contract's own compiled checks run over the columns that
a request has; rules of whole drops, such as row counts and unique keys, do not concern requests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, get_args

import pyarrow as pa

from tidegate.checks import Checker
from tidegate.contract.plan import BadRows, Column, ContractPlan, RowRuleKind
from tidegate.ingestion.rule_results import RuleResult, rule_results
from tidegate.monitoring.request_columns import Pieces
from tidegate.profile import ColumnProfile, Profile
from tidegate.readers.batch import Batch, Typed
from tidegate.statistics.drift import ColumnDrift

SHOWN = 5  # values that the contract or the baseline does not know


class Inputs:
    """Takes requests in chunks; keeps counts, never rows."""

    def __init__(self, contract: ContractPlan, request: Sequence[str]) -> None:
        """`request`: columns that a request has."""
        self._plan = replace(
            contract,
            columns=tuple(column for column in contract.columns if column.name in request),
            rules=tuple(
                rule
                for rule in contract.rules
                if rule.kind in get_args(RowRuleKind) and set(rule.columns) <= set(request)
            ),
            bad_rows=BadRows(action="set-aside"),  # which is what makes the checker count bad rows
        )
        self._checker = Checker(self._plan)

    def add(self, instances: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
        """Check some instances. Their columns in the contract's types, null where a value is of another."""
        pieces = Pieces(self.columns)
        names = [column.name for column in self.columns]
        pieces.add({name: [i.get(name) for i in instances] for name in names}, len(instances))
        return self.add_columns(*pieces.take())

    @property
    def columns(self) -> Sequence[Column]:
        """Those of the contract that a request has."""
        return self._plan.columns

    def add_columns(self, typed: Mapping[str, Typed], rows: int) -> pa.RecordBatch:
        """The same of rows that come as these columns."""
        batch = Batch.of(self._plan, typed, rows, ())
        self._checker.add(batch)
        return batch.rows

    def told(self, current: Profile, baseline: Profile, columns: Sequence[ColumnDrift]) -> dict[str, Any]:
        """The document `inputs` of a measurement.

        Args:
            current: of all batches that `add` gave.
            columns: what drift says of the columns both profiles have.
        """
        checks = self._checker.finish()
        results = [each for each in rule_results(self._plan, checks, current) if each.failed_rows]
        results.sort(key=lambda each: -each.failed_rows)
        return {
            "rows": checks.rows,
            "out_of_contract": {
                "rows": checks.bad_rows,
                "share": checks.bad_rows / checks.rows if checks.rows else None,
                "rules": [_rule(each, checks.rows) for each in results],
            },
            "columns": [_column(each, current, baseline) for each in columns],
        }


def _rule(result: RuleResult, rows: int) -> dict[str, Any]:
    """`is_bad` tells whether a row that breaks it is out of contract by itself."""
    return {
        "rule": result.rule.kind,
        "columns": list(result.rule.columns),
        "severity": result.rule.severity,
        "is_bad": result.rule.names_bad_rows,
        "rows": result.failed_rows,
        "share": result.failed_rows / rows,
        "holds": result.holds,
        "message": result.message,
        "first_values": list(dict.fromkeys(result.first_values))[:SHOWN],
    }


def _column(found: ColumnDrift, current: Profile, baseline: Profile) -> dict[str, Any]:
    now, before = current.columns.get(found.column), baseline.columns.get(found.column)
    unknown: list[str] = []
    if found.unseen_share and now is not None and before is not None and now.counts and before.counts:
        new = {value: count for value, count in now.counts.items() if value not in before.counts}
        unknown = [str(value) for value in sorted(new, key=lambda value: (-new[value], str(value)))]
    return {
        "column": found.column,
        "missing_share": _missing(now),
        "baseline_missing_share": _missing(before),
        "unknown_share": found.unseen_share,
        "unknown_values": unknown[:SHOWN],
    }


def _missing(column: ColumnProfile | None) -> float | None:
    return column.missing / column.rows if column is not None and column.rows else None
