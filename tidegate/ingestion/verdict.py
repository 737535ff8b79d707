"""Accept, warn or quarantine: what was counted and measured about a drop, judged by contract and past.

Pure. In order: the rules of the contract, the drop's figures against its history, its columns against the
recent past and the champion's training rows. A person's acceptance outweighs all of it, and is told.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tidegate.checks import Checks
from tidegate.contract.plan import ContractPlan
from tidegate.ingestion.anomaly import Anomaly, anomalies
from tidegate.ingestion.figures import (
    PSI,
    RECENT_PSI,
    Figure,
    FigureKey,
    PastDrop,
    figure,
    figures_of,
    since_shift,
)
from tidegate.ingestion.reasons import (
    acceptance_reason,
    anomaly_reason,
    column_reasons,
    drift_reasons,
    rule_reasons,
    twin_reasons,
)
from tidegate.ingestion.rule_results import RuleResult, rule_results
from tidegate.ingestion.statistic_rules import newest_seconds
from tidegate.messages.ingestion import Acceptance, Drop, Reason, Verdict
from tidegate.moments import seconds
from tidegate.profile import Profile
from tidegate.statistics.drift import WARNING_PSI, Reference, ReferenceDrift, drift

_MAXIMUM_BYTES = 100_000  # of a verdict between states: Step Functions carries 262,144 in all


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The verdict with all that led to it."""

    verdict: Verdict
    rules: tuple[RuleResult, ...]
    anomalies: tuple[Anomaly, ...]
    drifts: tuple[ReferenceDrift, ...]
    figures: Mapping[FigureKey, Figure]

    @property
    def out_of_line(self) -> frozenset[FigureKey]:
        """Figures whose history starts anew here when a person accepts the drop: its `shifted` ones."""
        found = {anomaly.key for anomaly in self.anomalies}
        for key in self.figures:
            column, name = key
            if name.startswith(PSI) and column in self._drifted:
                found.add(key)
        return frozenset(found)

    @property
    def _drifted(self) -> set[str]:
        return {
            item.column
            for against in self.drifts
            for item in against.columns
            if item.status in ("warning", "alarm")
        }


def judge(
    plan: ContractPlan,
    checks: Checks,
    profile: Profile,
    *,
    drop: Drop,
    history: Sequence[PastDrop] = (),
    references: Sequence[Reference] = (),
    drift_warning_psi: float = WARNING_PSI,
    event_column: str | None = None,
    profile_key: str = "",
    report_key: str = "",
) -> Judgement:
    """The verdict on a drop; every reason in full (`shortened` makes it fit a state machine).

    Args:
        plan: the contract.
        checks: of all shards, uniqueness included.
        profile: of the whole drop.
        drop: what arrived, with a person's acceptance when there is one.
        history: what is remembered of the drops accepted before, newest first; below five only the contract
            judges.
        references: what the drop is compared with: the recent past, the champion's training rows.
        drift_warning_psi: effect in nats from which a significant drift is a warning.
        event_column: the rows' own time; the first column with a freshness rule when None.
        profile_key: where `profile` is kept.
        report_key: where this verdict is kept in full.
    """
    rules = rule_results(plan, checks, profile, drop.arrived_at)
    drifts = tuple(
        _compared(reference, plan, checks, profile, history=history, warning=drift_warning_psi)
        for reference in references
    )
    figures = _figures(plan, checks, profile, drop, event_column)
    for reference, found in zip(references, drifts, strict=True):
        figures |= _of_drift(reference, found, profile)
    unusual: list[Anomaly] = []
    if checks.rows:
        settings = {column.name: column.anomaly for column in plan.columns}
        unusual = anomalies(figures, history, profile, arrived_at=drop.arrived_at, settings=settings)
    judgement = Judgement(
        verdict=_verdict(
            plan,
            checks,
            rules,
            unusual,
            drifts,
            twins=twin_reasons(drop, history),
            acceptance=drop.acceptance,
        ),
        rules=rules,
        anomalies=tuple(unusual),
        drifts=drifts,
        figures=figures,
    )
    return replace(
        judgement, verdict=replace(judgement.verdict, profile_key=profile_key, report_key=report_key)
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


def _verdict(
    plan: ContractPlan,
    checks: Checks,
    rules: Sequence[RuleResult],
    unusual: Sequence[Anomaly],
    drifts: Sequence[ReferenceDrift],
    *,
    twins: Sequence[Reason],
    acceptance: Acceptance | None,
) -> Verdict:
    reasons = column_reasons(plan, checks) + rule_reasons(plan, checks, rules)
    if not checks.rows and not any(rule.kind == "row_count" for rule in plan.rules):
        message = "the drop has no rows"
        reasons.append(Reason(rule="row_count", column=None, severity="warning", message=message))
    reasons += twins
    reasons += [anomaly_reason(anomaly) for anomaly in unusual]
    reasons += [reason for found in drifts for reason in drift_reasons(found)]
    reasons.sort(key=lambda reason: reason.severity != "error")
    has_error = bool(reasons) and reasons[0].severity == "error"
    if acceptance is not None:
        reasons.insert(0, acceptance_reason(acceptance))
        has_error = False
    return Verdict(
        status="quarantine" if has_error else "warn" if reasons else "accept",
        rows=checks.rows,
        reasons=tuple(reasons),
        profile_key="",
        report_key="",
        checks=len(plan.rules),
        checks_failed=sum(not result.holds for result in rules),
        bad_rows=checks.bad_rows,
    )


def _figures(
    plan: ContractPlan, checks: Checks, profile: Profile, drop: Drop, event_column: str | None
) -> dict[FigureKey, Figure]:
    """Of the drop by itself: its profile, its size, how late it is and how many rows repeat a key."""
    figures = figures_of(
        profile, size_bytes=drop.size_bytes, lag_seconds=_lag(plan, profile, drop, event_column)
    )
    repeated: dict[str | None, int] = {}  # by column; of keys of several columns the worst counts
    for rule, count in zip(plan.rules, checks.counts, strict=True):
        if rule.kind == "unique" and set(rule.columns) <= set(checks.present):
            repeated[rule.column] = max(count.failed, repeated.get(rule.column, 0))
    for column, rows in repeated.items():
        share = rows / max(checks.rows, 1)
        figures[column, "duplicate share"] = figure("duplicate share", share, rows=checks.rows)
    return figures


def _lag(plan: ContractPlan, profile: Profile, drop: Drop, event_column: str | None) -> float | None:
    if event_column is None:
        fresh = [rule.columns[0] for rule in plan.rules if rule.kind == "freshness"]
        event_column = fresh[0] if fresh else None
    newest = newest_seconds(profile.columns.get(event_column or ""))
    if newest is None or not drop.arrived_at:
        return None
    return seconds(drop.arrived_at) - newest


def _compared(
    reference: Reference,
    plan: ContractPlan,
    checks: Checks,
    profile: Profile,
    *,
    history: Sequence[PastDrop],
    warning: float,
) -> ReferenceDrift:
    names = [name for name in checks.present if name in reference.profile.columns]
    if not checks.rows:
        return ReferenceDrift(against=reference.against, reference=reference.profile, columns=())
    keys = {name: (name, _psi_name(reference)) for name in names}
    columns = drift(
        reference.profile,
        profile,
        names,
        warning=warning,
        alarm=max(warning, 2 * WARNING_PSI),
        settings={column.name: column.drift for column in plan.columns},
        earlier={
            name: [past.figures[key].value for past in since_shift(history, key)]
            for name, key in keys.items()
        },
    )
    return ReferenceDrift(against=reference.against, reference=reference.profile, columns=tuple(columns))


def _psi_name(reference: Reference) -> str:
    return RECENT_PSI if reference.kind == "recent" else f"{PSI} {reference.id}"


def _of_drift(reference: Reference, found: ReferenceDrift, profile: Profile) -> dict[FigureKey, Figure]:
    """What the comparison tells of the drop: PSIs to calibrate later ones, and values never seen of late."""
    figures: dict[FigureKey, Figure] = {}
    for item in found.columns:
        if item.status in ("stable", "warning", "alarm"):
            name = _psi_name(reference)
            figures[item.column, name] = figure(name, item.psi, rows=profile.rows)
        if reference.kind == "recent" and item.unseen_share is not None:
            figures[item.column, "unseen share"] = figure(
                "unseen share", item.unseen_share, rows=profile.rows
            )
    return figures
