"""The one place that knows judgements and profiles: makes of them the plain values of the page."""

from collections.abc import Mapping, Sequence

import numpy as np

from tidegate.contract.plan import ContractPlan, DriftSettings
from tidegate.ingestion.figures import PastDrop
from tidegate.ingestion.rule_results import RuleResult
from tidegate.ingestion.verdict import Judgement
from tidegate.messages.ingestion import Drop, ObjectVersion, Verdict
from tidegate.profile import ColumnProfile, Profile
from tidegate.report import bins, history, words
from tidegate.report.data import (
    ColumnLine,
    DriftLine,
    DriftTable,
    Part,
    ReasonLine,
    ReportData,
    RuleLine,
)
from tidegate.statistics.distances import EQUAL_EFFECTS
from tidegate.statistics.drift import ColumnDrift, ReferenceDrift

_REASONS = 100
_FIRST_ROWS = 20  # shown of a broken rule
_FULL_RULES = 20  # broken rules that show so many; later ones show `_FEW_ROWS`
_FEW_ROWS = 3
_QUANTILES = np.array([0.05, 0.25, 0.5, 0.75, 0.95])
_STATUSES = ("alarm", "warning", "insufficient", "stable")
_MEASURES = {"psi": 0, "ks": 2, "wasserstein": 3, "jensen_shannon": 4}  # cells of a DriftLine


def report_data(
    judgement: Judgement,
    profile: Profile,
    *,
    drop: Drop,
    plan: ContractPlan,
    past: Sequence[PastDrop],
    parts: Sequence[tuple[ObjectVersion, int]] = (),
) -> ReportData:
    """All that the page of a drop shows.

    Args:
        judgement: the verdict with its reasons in full.
        profile: of the whole drop.
        drop: what arrived.
        plan: the contract it was judged by.
        past: accepted drops, newest first.
        parts: objects of a manifest and how many rows each gave, in the order of the rows.
    """
    verdict = judgement.verdict
    baseline = judgement.drifts[-1] if judgement.drifts else None
    settings = {column.name: column.drift for column in plan.columns}
    tracks, tracks_left_out = history.tracks(judgement.anomalies, judgement.figures, past, drop.arrived_at)
    return ReportData(
        dataset=drop.dataset,
        status=verdict.status,
        summary=_summary(verdict),
        facts=_facts(drop, plan, verdict),
        accepted_by=_acceptance(drop),
        parts=_parts(parts),
        reasons=tuple(
            ReasonLine(is_error=reason.severity == "error", message=reason.message, column=reason.column)
            for reason in verdict.reasons[:_REASONS]
        ),
        reasons_left_out=max(0, len(verdict.reasons) - _REASONS),
        rules=_rules(plan, judgement.rules),
        tracks=tracks,
        tracks_left_out=tracks_left_out,
        past_drops=len(past),
        drifts=tuple(_drift_table(found, settings) for found in judgement.drifts),
        columns=_columns(profile, baseline.reference.columns if baseline else {}),
        baseline=baseline.against if baseline else "",
    )


def _summary(verdict: Verdict) -> str:
    rows = f"{verdict.rows:,} {'row' if verdict.rows == 1 else 'rows'}"
    kept = f"{verdict.checks - verdict.checks_failed:,} of {verdict.checks:,} rules kept"
    reasons = len(verdict.reasons)
    return f"{rows}, {kept}, {reasons or 'no'} {'reason' if reasons == 1 else 'reasons'}"


def _facts(drop: Drop, plan: ContractPlan, verdict: Verdict) -> tuple[tuple[str, str], ...]:
    return (
        ("Object", f"s3://{drop.bucket}/{drop.key}"),
        ("Drop", drop.drop_id),
        ("Arrived", words.moment(drop.arrived_at) if drop.arrived_at else "unknown"),
        ("Size", words.size(drop.size_bytes)),
        ("Rows", f"{verdict.rows:,}"),
        ("Object version", drop.version_id or "none"),
        ("Contract", f"{plan.id}, version {plan.version}"),
        ("Contract hash", plan.hash or "none"),
    )


def _acceptance(drop: Drop) -> str:
    if (said := drop.acceptance) is None:
        return ""
    return f"Accepted by {said.by} on {words.moment(said.at)}: {said.reason}"


def _parts(parts: Sequence[tuple[ObjectVersion, int]]) -> tuple[Part, ...]:
    shown, before = [], 0
    for item, rows in parts:
        row_range = f"{before + 1:,} to {before + rows:,}" if rows else "none"
        shown.append(
            Part(key=item.key, size=words.size(item.size_bytes), rows=f"{rows:,}", row_range=row_range)
        )
        before += rows
    return tuple(shown)


def _rules(plan: ContractPlan, results: Sequence[RuleResult]) -> tuple[RuleLine, ...]:
    """Broken ones first, errors before warnings; else in the contract's order."""
    order = sorted(results, key=lambda result: (result.holds, result.rule.severity != "error"))
    return tuple(_rule(plan, result, index) for index, result in enumerate(order))


def _rule(plan: ContractPlan, result: RuleResult, index: int) -> RuleLine:
    rule = result.rule
    keep = _FIRST_ROWS if index < _FULL_RULES else _FEW_ROWS
    found = list(zip(result.first_rows, result.first_values, strict=False)) if not result.holds else []
    return RuleLine(
        is_error=rule.severity == "error",
        holds=result.holds,
        not_judged="" if result.is_judged else result.message or "not judged",
        column=", ".join(rule.columns),
        words=words.rule_words(plan, rule),
        measured=words.measured(rule, result.measured, result.failed_rows),
        must_be=words.must_be(rule),
        failed_rows=result.failed_rows,
        first=tuple(found[:keep]),
        left_out=max(0, len(found) - keep),
    )


def _drift_table(found: ReferenceDrift, settings: Mapping[str, DriftSettings]) -> DriftTable:
    compared = [item for item in found.columns if item.status != "not comparable"]
    compared.sort(key=lambda item: (_STATUSES.index(item.status), -item.effect))
    return DriftTable(
        against=found.against,
        rows=f"{found.reference.rows:,}",
        lines=tuple(_drift_line(item, settings.get(item.column)) for item in compared),
        not_compared=tuple(item.column for item in found.columns if item.status == "not comparable"),
    )


def _drift_line(item: ColumnDrift, settings: DriftSettings | None) -> DriftLine:
    values = (
        item.effect,
        item.adjusted_p,
        item.ks,
        item.wasserstein,
        item.jensen_shannon,
        item.l_infinity,
        item.unseen_share,
    )
    if item.status == "insufficient":
        return DriftLine(column=item.column, status=item.status, notes="", cells=("",) * len(values))
    texts = ["" if value is None else _figure(value) for value in values]
    texts[1] = words.probability(item.adjusted_p)
    texts[-1] = "" if item.unseen_share is None else words.percent(item.unseen_share)
    return DriftLine(
        column=item.column,
        status=item.status,
        notes=_notes(settings, item.usual_psi),
        cells=tuple(texts),
        large=tuple(
            cell for name, cell in _MEASURES.items() if (values[cell] or 0) >= EQUAL_EFFECTS[name][0]
        ),
    )


def _figure(value: float) -> str:
    return f"{value:.3f}" if value >= 0.0005 else "0"  # noqa: PLR2004  # what rounds to nothing


def _notes(settings: DriftSettings | None, usual_psi: float | None) -> str:
    own = [("warning", settings.warning), ("alarm", settings.alarm)] if settings else []
    notes = [f"{word} from {words.number(limit)}" for word, limit in own if limit is not None]
    if usual_psi is not None:
        notes.append(f"PSI usually {_figure(usual_psi)}")
    return ", ".join(notes)


def _columns(profile: Profile, baseline: Mapping[str, ColumnProfile]) -> tuple[ColumnLine, ...]:
    many = len(profile.columns)
    keep = 5 if many <= 60 else 3  # noqa: PLR2004  # wide drops show less of each column
    number_of_bins = 36 if many <= 60 else 13  # noqa: PLR2004
    return tuple(
        ColumnLine(
            name=name,
            type=column.type,
            figures=_figures(column),
            top=tuple((value, words.percent(share)) for value, share in bins.top(column, keep)),
            chart=bins.histogram(column, baseline.get(name), number_of_bins),
        )
        for name, column in profile.columns.items()
    )


def _figures(column: ColumnProfile) -> tuple[str, ...]:
    missing = words.percent(column.nulls / column.rows) if column.rows else ""
    nan = words.number(column.nan) if column.kind == "number" else ""
    exact = column.counts is not None
    distinct = "" if column.kind == "other" else f"{'' if exact else '~'}{round(column.distinct):,}"
    counted = (missing, nan, distinct)
    if column.kind != "number" or not column.count:
        return counted
    whole = words.is_whole(column.type)
    inner = [int(v) if whole and v == int(v) else v for v in column.quantile(_QUANTILES).tolist()]
    return (
        *counted,
        words.of_type(column.minimum, column.type),
        *(words.of_type(value, column.type, exact=False) for value in inner),
        words.of_type(column.maximum, column.type),
        words.of_type(column.mean, column.type, exact=False),
        words.spread_of_type(column.standard_deviation, column.type),
    )
