"""Bytes and CPU of the page of a drop of 200 columns: a part of `python -m bench.quality`."""

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from bench.report import Figure
from tidegate.contract.plan import Column, ColumnType, Condition, ContractPlan, Rule
from tidegate.ingestion.anomaly import Anomaly
from tidegate.ingestion.figures import Figure as DropFigure
from tidegate.ingestion.figures import FigureKey, PastDrop
from tidegate.ingestion.rule_results import RuleResult
from tidegate.ingestion.verdict import Judgement
from tidegate.messages.ingestion import Drop, Reason, Verdict
from tidegate.profile import BASELINE_RANKS, DROP_RANKS, Profile, profile_batches
from tidegate.report.drop import render
from tidegate.statistics.drift import ColumnDrift, ReferenceDrift, drift

COLUMNS = 200
ROWS = 20_000
PAST = 30
RUNS = 15
MAXIMUM_KB = 150
MAXIMUM_MS = 50
_NAMES = ("amount", "ratio", "score", "speed", "load", "count", "age", "carrier", "region", "seen")
_ANOMALOUS = (0, 1, 2)  # columns with a mean out of line


def measure() -> list[Figure]:
    """The page of a wide drop with 300 rules, two references, thirty earlier drops, and some trouble."""
    judgement, profile, others = wide_drop(COLUMNS)
    took = []
    for _ in range(RUNS):
        start = time.process_time()
        page = render(judgement, profile, **others)
        took.append(time.process_time() - start)
    return [
        Figure("report of 200 columns, size", len(page.encode()) / 1024, "KB", MAXIMUM_KB),
        Figure("report of 200 columns, work", 1000 * sorted(took)[RUNS // 2], "CPU ms", MAXIMUM_MS),
    ]


def wide_drop(columns: int) -> tuple[Judgement, Profile, dict[str, Any]]:
    """A made-up drop of so many columns: of ten, five are numbers, two integers, two texts, one is a time."""
    current, recent, training = (
        profile_batches(_rows(columns, seed, shift).to_batches(), ranks=ranks)
        for seed, shift, ranks in ((1, 0.3, DROP_RANKS), (2, 0.0, BASELINE_RANKS), (3, 0.0, BASELINE_RANKS))
    )
    plan = _plan(current)
    figures = _figures(current)
    anomalies = tuple(
        Anomaly(
            column=list(current.columns)[index],
            figure="mean",
            value=current.columns[list(current.columns)[index]].mean,
            usual=0.8 * current.columns[list(current.columns)[index]].mean,
            drops=PAST,
            adjusted_p=10.0 ** (-6 * index - 3),
        )
        for index in _ANOMALOUS
    )
    drifts = tuple(
        ReferenceDrift(against=against, reference=reference, columns=tuple(_drifts(reference, current)))
        for against, reference in (
            ("the last 8 accepted drops", recent),
            ("the champion's training rows", training),
        )
    )
    rules = tuple(_result(rule, index) for index, rule in enumerate(plan.rules))
    verdict = Verdict(
        status="quarantine",
        rows=ROWS,
        reasons=tuple(_reasons(rules, drifts)),
        profile_key="",
        report_key="",
        checks=len(rules),
        checks_failed=sum(not result.holds for result in rules),
    )
    judgement = Judgement(verdict=verdict, rules=rules, anomalies=anomalies, drifts=drifts, figures=figures)
    drop = Drop(
        bucket="flights-dev-drops",
        key="drops/wide/2026-11-27/part.parquet",
        version_id="3Lg2kqtJlcpXroDTDmJ",
        etag="9b2cf535f27731c974343645a3985328",
        size_bytes=34_600_100,
        drop_id="9f86d081884c7d659a2feaa0c55ad015",
        dataset="wide",
        arrived_at="2026-11-27T02:18:11Z",
    )
    return judgement, current, {"drop": drop, "plan": plan, "history": _history(figures)}


def _figures(profile: Profile) -> dict[FigureKey, DropFigure]:
    found: dict[FigureKey, DropFigure] = {
        (None, "rows"): DropFigure(value=ROWS, tested=float(np.log(ROWS)), scale=ROWS)
    }
    for name, column in profile.columns.items():
        if column.kind == "number":
            found[name, "mean"] = DropFigure(value=column.mean, tested=column.mean, scale=abs(column.mean))
    return found


def _rows(columns: int, seed: int, shift: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    made: dict[str, Any] = {}
    for index in range(columns):
        kind = index % 10
        name = f"{_NAMES[kind]}_{index:03d}"
        moved = shift if index % 20 < 2 else 0.0  # noqa: PLR2004  # every tenth column has moved
        if kind < 5:  # noqa: PLR2004
            values = rng.lognormal(3 + moved, 0.6, ROWS) if kind % 2 else rng.normal(10 + moved * 9, 4, ROWS)
            made[name] = pa.array(np.round(values, 4), mask=rng.random(ROWS) < 0.02)  # noqa: PLR2004
        elif kind < 7:  # noqa: PLR2004
            made[name] = pa.array(rng.poisson(20 * kind, ROWS))
        elif kind < 9:  # noqa: PLR2004
            count = 12 if kind == 7 else 40  # noqa: PLR2004
            made[name] = pa.array([f"{name[:3].upper()}{v:02d}" for v in rng.geometric(0.2, ROWS) % count])
        else:
            made[name] = pa.array(np.datetime64("2026-11-26", "us") + rng.integers(0, 86_400_000_000, ROWS))
    return pa.table(made)


def _plan(profile: Profile) -> ContractPlan:
    types: dict[str, ColumnType] = {"double": "number", "int64": "integer", "string": "string"}
    columns = tuple(
        Column(name=name, type=types.get(column.type, "timestamp"))
        for name, column in profile.columns.items()
    )
    few = Condition(operator="mustBeLessThan", values=(5,), unit="percent")
    rules = [Rule(kind="null_values", columns=(c.name,), condition=few, severity="warning") for c in columns]
    rules += [
        Rule(kind="range", columns=(c.name,), minimum=-100, maximum=1000)
        for c in columns
        if c.type in ("number", "integer")
    ]
    return ContractPlan(
        id="urn:tidegate:wide",
        version="1.4.0",
        dataset="wide",
        hash="e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        columns=columns,
        rules=tuple(rules[: columns and 3 * len(columns) // 2]),
    )


def _result(rule: Rule, index: int) -> RuleResult:
    if index % 37:
        return RuleResult(rule=rule, measured=0.0, holds=True)
    rows = tuple(range(index + 1, index + 21))
    return RuleResult(
        rule=rule,
        measured=6.5,
        holds=False,
        failed_rows=1300,
        first_rows=rows,
        first_values=tuple(f"{-100.5 - row}" for row in rows),
        message=f"`{rule.columns[0]}` breaks its {rule.kind} rule in 1300 of {ROWS} rows",
    )


def _reasons(rules: tuple[RuleResult, ...], drifts: tuple[ReferenceDrift, ...]) -> list[Reason]:
    broken = [
        Reason(
            rule=result.rule.kind,
            column=result.rule.column,
            severity=result.rule.severity,
            message=result.message,
        )
        for result in rules
        if not result.holds
    ]
    moved = [
        Reason(
            rule="drift",
            column=item.column,
            severity="warning",
            message=f"`{item.column}` has moved against {found.against}: PSI {item.effect:.3f} beyond noise",
        )
        for found in drifts
        for item in found.columns
        if item.status in ("warning", "alarm")
    ]
    return sorted([*broken, *moved], key=lambda reason: reason.severity != "error")


def _drifts(reference: Profile, current: Profile) -> list[ColumnDrift]:
    """With every figure filled, so that the page is as large as it gets."""
    return [
        item
        if item.status == "not comparable"
        else replace(
            item,
            wasserstein=0.031 if item.ks is not None else None,
            jensen_shannon=0.021,
            l_infinity=0.012 if item.ks is None else None,
        )
        for item in drift(reference, current)
    ]


def _history(figures: dict[FigureKey, DropFigure]) -> list[PastDrop]:
    """Earlier drops whose figures lie about this one's, but for the anomalous, which were a fifth lower."""
    rng = np.random.default_rng(5)
    names = {
        name for index, name in enumerate(dict.fromkeys(n for n, _ in figures if n)) if index in _ANOMALOUS
    }
    past = []
    for age in range(PAST):
        noise = rng.normal(1, 0.02, len(figures)).tolist()
        past.append(
            PastDrop(
                drop_id=f"{age:032x}",
                arrived_at=f"2026-11-{26 - age % 26:02d}T02:18:00Z",
                figures={
                    key: _moved(figure, factor * (0.8 if key[0] in names and key[1] == "mean" else 1.0))
                    for (key, figure), factor in zip(figures.items(), noise, strict=True)
                },
            )
        )
    return past


def _moved(figure: DropFigure, factor: float) -> DropFigure:
    """A figure tested as it is or by its logarithm, times `factor`."""
    is_plain = figure.tested == figure.value
    tested = figure.tested * factor if is_plain else figure.tested + float(np.log(factor))
    return replace(figure, value=figure.value * factor, tested=tested)
