"""Each rule of the contract with what was measured and whether it holds, in a sentence for a person.

Pure. Rules of rows were counted while the rows went by; statistics and freshness are read off the profile.
"""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

from tidegate.checks import Checks, RuleCount
from tidegate.contract.plan import ColumnType, ContractPlan, Rule, RuleKind
from tidegate.ingestion.statistic_rules import (
    NotJudgedError,
    age_message,
    age_seconds,
    statistic,
    statistic_message,
    statistic_subject,
)
from tidegate.profile import Profile

_COMPARED = 100  # names of either side; more are another file, not a renaming
_SHOWN = 3  # names of a file's columns, where none is the contract's
_SIMILAR = 0.5  # of two column names, for "did you mean"
_LISTED = 10  # values of an enumeration that a message names
TYPE_NAMES: dict[ColumnType, str] = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a timestamp",
    "time": "a time of day",
    "object": "an object",
    "array": "an array",
    "map": "a map",
}


@dataclass(frozen=True, kw_only=True)
class RuleResult:
    """What one rule of the contract measured. One that was not judged holds, and its message says why not."""

    rule: Rule
    measured: float = 0.0  # rows, or percent of them where the condition counts percent; else the statistic
    holds: bool = True
    is_judged: bool = True
    failed_rows: int = 0
    first_rows: tuple[int, ...] = ()
    first_values: tuple[str, ...] = ()
    message: str = ""


def rule_results(
    plan: ContractPlan, checks: Checks, profile: Profile, arrived_at: str = ""
) -> tuple[RuleResult, ...]:
    """One result for each rule of the plan, in its order."""
    return tuple(
        _result(plan, rule, count, checks, profile=profile, arrived_at=arrived_at)
        for rule, count in zip(plan.rules, checks.counts, strict=True)
    )


def missing_columns(plan: ContractPlan, checks: Checks) -> list[tuple[str, str | None]]:
    """Columns of the contract that are not there; with each the extra column that may be it renamed."""
    missing = [name for name in plan.names if name not in checks.present]
    if len(missing) == len(checks.extra) == 1:
        return [(missing[0], checks.extra[0])]
    pairs = _similar(missing, checks.extra)
    return [(name, pairs.get(name)) for name in missing]


def strangers(plan: ContractPlan, extra: Sequence[str], *, is_there: bool) -> str | None:
    """All there is to say of a file that has none of the contract's columns; None of any other.

    Args:
        is_there: whether the file has any of them.
    """
    if is_there or not extra or len(plan.names) == 1:
        return None
    shown = ", ".join(f"`{name}`" for name in extra[:_SHOWN])
    more = f" and {len(extra) - _SHOWN} more" if len(extra) > _SHOWN else ""
    return (
        f"none of the contract's {len(plan.names)} columns is there, but {shown}{more}: "
        "its header is missing, or it is another file"
    )


def _similar(missing: Sequence[str], extra: Sequence[str]) -> dict[str, str]:
    """Names that look alike, the likest first; each is taken once."""
    likeness = [
        (difflib.SequenceMatcher(None, _letters(name), _letters(other)).ratio(), name, other)
        for name in missing[:_COMPARED]
        for other in extra[:_COMPARED]
    ]
    pairs: dict[str, str] = {}
    for ratio, name, other in sorted(likeness, reverse=True):
        if ratio >= _SIMILAR and name not in pairs and other not in pairs.values():
            pairs[name] = other
    return pairs


def _letters(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _result(
    plan: ContractPlan, rule: Rule, count: RuleCount, checks: Checks, *, profile: Profile, arrived_at: str
) -> RuleResult:
    absent = [name for name in rule.columns if name not in checks.present]
    if absent:
        return _not_judged(rule, f"column `{absent[0]}` is missing")
    if rule.kind == "columns":
        missing = [name for name, _ in missing_columns(plan, checks)]
        listed = ", ".join(f"`{name}`" for name in missing)
        message = f"{len(missing)} columns are missing: {listed}" if missing else "no column is missing"
        return RuleResult(rule=rule, measured=len(missing), holds=not missing, message=message)
    if rule.kind == "row_count":
        return RuleResult(
            rule=rule,
            measured=checks.rows,
            holds=rule.condition.allows(checks.rows),
            message=f"the drop has {checks.rows} rows; must be {rule.condition}",
        )
    if rule.kind in ("statistic", "freshness"):
        return _of_values(plan, rule, profile, arrived_at)
    return RuleResult(
        rule=rule,
        measured=rule.condition.measure(count.failed, checks.rows),
        holds=rule.condition.holds(count.failed, checks.rows),
        failed_rows=count.failed,
        first_rows=count.first_rows,
        first_values=count.first_values,
        message=_rows_message(plan, rule, count.failed, checks.rows),
    )


def _of_values(plan: ContractPlan, rule: Rule, profile: Profile, arrived_at: str) -> RuleResult:
    column, values = plan.column(rule.columns[0]), profile.columns.get(rule.columns[0])
    try:
        if rule.kind == "freshness":
            measured = age_seconds(rule, values, arrived_at)
            message = age_message(rule, measured)
        else:
            measured = statistic(rule, values)
            message = statistic_message(rule, column, values, measured)
    except NotJudgedError as cause:
        return _not_judged(rule, f"{statistic_subject(rule)} was not judged: {cause}")
    return RuleResult(rule=rule, measured=measured, holds=rule.condition.allows(measured), message=message)


def _not_judged(rule: Rule, message: str) -> RuleResult:
    return RuleResult(rule=rule, is_judged=False, message=message)


def _rows_message(plan: ContractPlan, rule: Rule, failed: int, rows: int) -> str:
    message = f"{_complaint(plan, rule)} in {failed} of {rows} rows"
    if rule.condition.unit == "percent":
        message += f" ({rule.condition.measure(failed, rows):.2f} percent)"
    if rule.condition.operator != "mustBe" or rule.condition.values != (0,):
        message += f"; must be {rule.condition}"
    return message


def _complaint(plan: ContractPlan, rule: Rule) -> str:
    names = ", ".join(f"`{name}`" for name in rule.columns)
    if rule.kind == "compare":
        return f"`{rule.columns[0]}` is not {rule.comparison} `{rule.columns[1]}`"
    if rule.kind == "sum":
        parts, total = (rule.columns, rule.total) if rule.total is not None else (rule.columns[:-1], None)
        summed = " + ".join(f"`{name}`" for name in parts)
        return f"{summed} is not {rule.comparison} {f'`{rule.columns[-1]}`' if total is None else total}"
    if rule.kind == "pairs":
        pairs = ", ".join(f"({', '.join(map(str, pair))})" for pair in rule.pairs[:_LISTED])
        return f"({names}) is none of {pairs}{', ...' if len(rule.pairs) > _LISTED else ''}"
    listed = ", ".join(str(value) for value in rule.values[:_LISTED])
    if len(rule.values) > _LISTED:
        listed += ", ..."
    type_name = TYPE_NAMES[plan.column(rule.columns[0]).type]
    complaints: dict[RuleKind, str] = {
        "type": f"is not {type_name}",
        "required": "has no value",
        "null_values": "has no value",
        "missing_values": f"has no value or one of {listed}" if listed else "has no value",
        "range": f"is {_outside(rule)}",
        "length": f"has a length {_outside(rule)}",
        "multiple_of": f"is not a multiple of {rule.multiple_of}",
        "pattern": f"does not match {rule.pattern}",
        "not_pattern": f"matches {rule.pattern}",
        "enum": f"is none of {listed}",
        "not_enum": f"is one of {listed}",
        "unique": "repeats an earlier row",
    }
    return f"{names} {complaints[rule.kind]}"


def _outside(rule: Rule) -> str:
    parts = []
    if rule.minimum is not None:
        parts.append(f"{'not above' if rule.exclusive_minimum else 'below'} {rule.minimum}")
    if rule.maximum is not None:
        parts.append(f"{'not below' if rule.exclusive_maximum else 'above'} {rule.maximum}")
    return " or ".join(parts)
