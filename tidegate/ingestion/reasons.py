"""The reasons of a verdict: rules, anomalies and drift turned into sentences for a person.

Pure. Broken rules of severity error, and anomalies beyond doubt, are errors; all else that is unusual is a
warning. Drift is never an error: a world that moved is news, not a broken delivery.
"""

from collections.abc import Sequence

from tidegate.checks import Checks
from tidegate.contract.plan import ContractPlan, Severity
from tidegate.ingestion.anomaly import Anomaly
from tidegate.ingestion.figures import OF_ROWS, PastDrop
from tidegate.ingestion.rule_results import RuleResult, missing_columns, strangers
from tidegate.ingestion.statistic_rules import duration, number
from tidegate.ingestion.usual import WEEKDAYS
from tidegate.messages.ingestion import Acceptance, Drop, Reason
from tidegate.statistics.drift import ColumnDrift, ReferenceDrift

_SMALLEST_SHOWN = 1e-9


def column_reasons(plan: ContractPlan, checks: Checks) -> list[Reason]:
    """Missing columns are errors, extra ones warnings; a likely renaming is told once."""
    if message := strangers(plan, checks.extra, is_there=bool(checks.present)):
        return [Reason(rule="columns", column=None, severity="error", message=message)]
    reasons, renamed = [], set()
    for name, near in missing_columns(plan, checks):
        message = f"column `{name}` is missing"
        if near is not None:
            renamed.add(near)
            message += f"; `{near}`, which the contract does not know, may be it renamed"
        reasons.append(Reason(rule="columns", column=name, severity="error", message=message))
    reasons += [
        Reason(
            rule="columns",
            column=name,
            severity="warning",
            message=f"column `{name}` is not in the contract and is left out",
        )
        for name in checks.extra
        if name not in renamed
    ]
    return reasons


def rule_reasons(plan: ContractPlan, checks: Checks, results: Sequence[RuleResult]) -> list[Reason]:
    """Broken rules, rules that could not be judged, and bad rows that are set aside."""
    bad, is_few = _bad_rows(plan, checks)
    reasons = [] if bad is None else [bad]
    for result in results:
        if not result.holds and result.rule.kind != "columns":
            is_excused = is_few and result.rule.names_bad_rows
            reasons.append(_reason(result, "warning" if is_excused else result.rule.severity))
    if checks.rows:
        reasons += [
            _reason(result, "warning")
            for result in results
            if not result.is_judged and set(result.rule.columns) <= set(checks.present)
        ]
    return reasons


def _bad_rows(plan: ContractPlan, checks: Checks) -> tuple[Reason | None, bool]:
    """What is said of bad rows, if any, and whether they are few enough to be set aside."""
    if plan.bad_rows.action != "set-aside" or not checks.bad_rows:
        return None, False
    share = 100 * checks.bad_rows / checks.rows
    bad = f"{checks.bad_rows} of {checks.rows} rows"
    most = f"at most {plan.bad_rows.maximum_percent:g} percent may be"
    if share <= plan.bad_rows.maximum_percent and checks.bad_rows < checks.rows:
        message = f"{bad} set aside ({share:.2f} percent; {most})"
        return Reason(rule="bad_rows", column=None, severity="warning", message=message), True
    message = f"{bad} are bad ({share:.2f} percent), too many to set aside: {most}"
    return Reason(rule="bad_rows", column=None, severity="error", message=message), False


def _reason(result: RuleResult, severity: Severity) -> Reason:
    return Reason(
        rule=result.rule.kind,
        column=result.rule.column,
        severity=severity,
        message=result.message,
        failed_rows=result.failed_rows,
        first_rows=result.first_rows,
        first_values=result.first_values,
    )


def anomaly_reason(anomaly: Anomaly) -> Reason:
    if anomaly.column is not None:
        subject = f"the {anomaly.figure} of `{anomaly.column}`"
    elif anomaly.figure == "rows":
        subject = "the drop's number of rows"
    else:
        subject = f"the drop's {anomaly.figure}"
    day = "" if anomaly.weekday is None else f"{WEEKDAYS[anomaly.weekday]} "
    return Reason(
        rule="anomaly",
        column=anomaly.column,
        severity="error" if anomaly.is_certain else "warning",
        message=f"{subject} is {_shown(anomaly, anomaly.value)}, usually about "
        f"{_shown(anomaly, anomaly.usual)} (median of the last {anomaly.drops} accepted {day}drops, "
        f"{probability(anomaly.adjusted_p)})",
    )


def _shown(anomaly: Anomaly, value: float) -> str:
    if anomaly.figure == "lag":
        return duration(value)
    if anomaly.figure in OF_ROWS:
        return f"{100 * value:.3g} percent"
    return number(round(value)) if anomaly.figure in ("rows", "bytes") else f"{value:.4g}"


def twin_reasons(drop: Drop, history: Sequence[PastDrop]) -> list[Reason]:
    """Whether these very bytes were accepted before.

    S3's ETag tells: the MD5 of an object that was put at once, with KMS or in several parts another text,
    that two deliveries rarely share.
    """
    for past in history:
        if drop.etag and (past.etag, past.size_bytes) == (drop.etag, drop.size_bytes):
            twin = f"drop `{past.drop_id[:8]}` of {past.arrived_at[:16]}"
            message = f"it has the bytes of {twin}: its rows come twice"
            return [Reason(rule="twin", column=None, severity="warning", message=message)]
    return []


def drift_reasons(found: ReferenceDrift) -> list[Reason]:
    """Columns that have moved, the farthest first."""
    moved = [item for item in found.columns if item.status in ("warning", "alarm")]
    moved.sort(key=lambda item: -item.effect)
    return [_drift_reason(item, found.against) for item in moved]


def _drift_reason(item: ColumnDrift, against: str) -> Reason:
    details = ""
    if item.wasserstein is not None:
        details += f", about {item.wasserstein:.2g} standard deviations"
    if item.unseen_share:
        details += f", {100 * item.unseen_share:.1f} percent of values never seen there"
    if item.usual_psi is not None:
        details += f", usually PSI {item.usual_psi:.3f}"
    return Reason(
        rule="drift",
        column=item.column,
        severity="warning",
        message=f"`{item.column}` has moved against {against}: PSI {item.effect:.3f} beyond sampling noise"
        f"{details} ({probability(item.adjusted_p)})",
    )


def acceptance_reason(acceptance: Acceptance) -> Reason:
    return Reason(
        rule="acceptance",
        column=None,
        severity="warning",
        message=f"accepted by {acceptance.by}: {acceptance.reason}",
    )


def probability(p_value: float) -> str:
    return f"adjusted p {p_value:.2g}" if p_value >= _SMALLEST_SHOWN else "adjusted p below 1e-9"
