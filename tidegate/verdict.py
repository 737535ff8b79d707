"""Accept, warn or quarantine: what was counted and measured about a drop, turned into reasons for a person.

Pure. Broken rules of severity error, and anomalies beyond doubt, quarantine a drop; all else that is unusual
is a warning. Drift never quarantines: a world that moved is news, not a broken delivery.
"""

import difflib
import json
from collections.abc import Sequence
from dataclasses import replace

from tidegate.anomaly import MINIMUM_HISTORY, Anomaly, anomalies
from tidegate.checks import Checks, RuleCount
from tidegate.contract.plan import ContractPlan, Rule, RuleKind
from tidegate.drift import WARNING_PSI, ColumnDrift, drift
from tidegate.messages import Reason, Verdict
from tidegate.profile import Profile, merge

ROLLING_DROPS = 8  # accepted drops that together are the recent reference
_MAXIMUM_BYTES = 100_000  # of a verdict between states: Step Functions carries 262,144 in all
_SIMILAR = 0.5  # of two column names, for "did you mean"
_SMALLEST_SHOWN = 1e-9
_LISTED = 10  # values of an enumeration that a message names
_TYPE_NAMES = {
    "string": "text",
    "integer": "an integer",
    "number": "a number",
    "boolean": "true or false",
    "date": "a date",
    "timestamp": "a timestamp",
    "time": "a time of day",
}


def judge(
    plan: ContractPlan,
    checks: Checks,
    profile: Profile,
    *,
    history: Sequence[Profile] = (),
    baseline: Profile | None = None,
    drift_warning_psi: float = WARNING_PSI,
    profile_key: str = "",
    report_key: str = "",
) -> Verdict:
    """The verdict on a drop; every reason in full (`shortened` makes it fit a state machine).

    Args:
        plan: the contract.
        checks: of all shards, uniqueness included.
        profile: of the whole drop.
        history: profiles of the drops accepted before, newest first; below five only the contract judges.
        baseline: of the champion's training rows, when there is a champion.
        drift_warning_psi: effect from which a significant drift is a warning.
        profile_key: where `profile` is kept.
        report_key: where this verdict is kept in full.
    """
    columns = _column_reasons(plan, checks)
    rules = _rule_reasons(plan, checks)
    reasons = columns + rules
    if checks.rows:
        reasons += [_anomaly_reason(anomaly) for anomaly in anomalies(history, profile)]
        if len(history) >= MINIMUM_HISTORY:
            recent = merge(history[:ROLLING_DROPS])
            against = f"the last {min(len(history), ROLLING_DROPS)} accepted drops"
            reasons += _drift_reasons(recent, profile, checks.present, against, drift_warning_psi)
        if baseline is not None:
            reasons += _drift_reasons(
                baseline, profile, checks.present, "the champion's training rows", drift_warning_psi
            )
    elif not any(rule.kind == "row_count" for rule in plan.rules):
        reasons.append(
            Reason(rule="row_count", column=None, severity="warning", message="the drop has no rows")
        )
    reasons.sort(key=lambda reason: reason.severity != "error")
    severities = {reason.severity for reason in reasons}
    return Verdict(
        status="quarantine" if "error" in severities else "warn" if severities else "accept",
        rows=checks.rows,
        reasons=tuple(reasons),
        profile_key=profile_key,
        report_key=report_key,
        checks=len(plan.rules),
        checks_failed=len(rules) + bool(columns),
    )


def shortened(verdict: Verdict, maximum_bytes: int = _MAXIMUM_BYTES) -> Verdict:
    """The same verdict with fewer rows shown, then fewer reasons, until its JSON fits."""
    for rows, reasons in ((10, 100), (5, 60), (3, 40), (1, 20), (0, 10)):
        if len(json.dumps(verdict.to_json())) <= maximum_bytes:
            break
        left_out = max(0, len(verdict.reasons) - reasons)
        kept = [
            replace(reason, first_rows=reason.first_rows[:rows], first_values=reason.first_values[:rows])
            for reason in verdict.reasons[:reasons]
        ]
        if left_out:
            kept[-1] = replace(
                kept[-1], message=f"{kept[-1].message} (and {left_out} more reasons in the report)"
            )
        verdict = replace(verdict, reasons=tuple(kept))
    return verdict


def _column_reasons(plan: ContractPlan, checks: Checks) -> list[Reason]:
    """Missing columns are errors, extra ones warnings; a likely renaming is told once."""
    missing = [name for name in plan.names if name not in checks.present]
    extra = list(checks.extra)
    reasons = []
    for name in missing:
        near = _similar(name, extra)
        if near is None and len(missing) == len(extra) == 1:
            near = extra[0]
        message = f"column `{name}` is missing"
        if near is not None:
            extra.remove(near)
            message += f"; `{near}`, which the contract does not know, may be it renamed"
        reasons.append(Reason(rule="columns", column=name, severity="error", message=message))
    reasons += [
        Reason(
            rule="columns",
            column=name,
            severity="warning",
            message=f"column `{name}` is not in the contract and is left out",
        )
        for name in extra
    ]
    return reasons


def _similar(name: str, candidates: Sequence[str]) -> str | None:
    lowered = {candidate.lower(): candidate for candidate in candidates}
    if near := difflib.get_close_matches(name.lower(), lowered, 1, _SIMILAR):
        return lowered[near[0]]
    return None


def _rule_reasons(plan: ContractPlan, checks: Checks) -> list[Reason]:
    reasons = []
    for rule, count in zip(plan.rules, checks.counts, strict=True):
        if rule.kind == "columns" or not set(rule.columns) <= set(checks.present):
            continue  # a missing column is one reason, not one for each of its rules
        failed = checks.rows if rule.kind == "row_count" else count.failed
        if not rule.condition.holds(failed, checks.rows):
            reasons.append(_rule_reason(plan, rule, count, checks.rows))
    return reasons


def _rule_reason(plan: ContractPlan, rule: Rule, count: RuleCount, rows: int) -> Reason:
    if rule.kind == "row_count":
        message = f"the drop has {rows} rows; must be {rule.condition}"
    else:
        message = f"{_complaint(plan, rule)} in {count.failed} of {rows} rows"
        if rule.condition.unit == "percent":
            message += f" ({rule.condition.measure(count.failed, rows):.2f} percent)"
        if rule.condition.operator != "mustBe" or rule.condition.values != (0,):
            message += f"; must be {rule.condition}"
    return Reason(
        rule=rule.kind,
        column=rule.column,
        severity=rule.severity,
        message=message,
        failed_rows=count.failed,
        first_rows=count.first_rows,
        first_values=count.first_values,
    )


def _complaint(plan: ContractPlan, rule: Rule) -> str:
    names = ", ".join(f"`{name}`" for name in rule.columns)
    listed = ", ".join(str(value) for value in rule.values[:_LISTED])
    if len(rule.values) > _LISTED:
        listed += ", ..."
    type_name = _TYPE_NAMES[plan.column(rule.columns[0]).type]
    complaints: dict[RuleKind, str] = {
        "type": f"is not {type_name}",
        "required": "has no value",
        "null_values": "has no value",
        "missing_values": f"has no value or one of {listed}" if listed else "has no value",
        "range": f"is {_outside(rule)}",
        "length": f"has a length {_outside(rule)}",
        "multiple_of": f"is not a multiple of {rule.multiple_of}",
        "pattern": f"does not match {rule.pattern}",
        "enum": f"is none of {listed}",
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


def _anomaly_reason(anomaly: Anomaly) -> Reason:
    subject = (
        "the drop's number of rows"
        if anomaly.column is None
        else f"the {anomaly.figure} of `{anomaly.column}`"
    )
    return Reason(
        rule="anomaly",
        column=anomaly.column,
        severity="error" if anomaly.is_certain else "warning",
        message=f"{subject} is {anomaly.value:.4g}, usually about {anomaly.usual:.4g} "
        f"(median of the last {anomaly.drops} accepted drops, {_probability(anomaly.adjusted_p)})",
    )


def _drift_reasons(
    reference: Profile, profile: Profile, present: Sequence[str], against: str, warning_psi: float
) -> list[Reason]:
    names = [name for name in present if name in reference.columns]
    found = drift(reference, profile, names, warning=warning_psi, alarm=max(warning_psi, 2 * WARNING_PSI))
    return [_drift_reason(item, against) for item in found if item.status in ("warning", "alarm")]


def _drift_reason(item: ColumnDrift, against: str) -> Reason:
    unseen = (
        f", {100 * item.unseen_share:.1f} percent of values never seen there" if item.unseen_share else ""
    )
    return Reason(
        rule="drift",
        column=item.column,
        severity="warning",
        message=f"`{item.column}` has moved against {against}: PSI {item.effect:.3f} beyond sampling noise"
        f"{unseen} ({_probability(item.adjusted_p)})",
    )


def _probability(p_value: float) -> str:
    return f"adjusted p {p_value:.2g}" if p_value >= _SMALLEST_SHOWN else "adjusted p below 1e-9"
