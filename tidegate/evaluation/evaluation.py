"""One evaluation from end to end: every figure on the same rows and the same draws of days, then the gate."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidegate.evaluation import budgets, costs, fairness, reliability, slices
from tidegate.evaluation.fairness import Fairness
from tidegate.evaluation.reliability import Reliability
from tidegate.evaluation.resampling import ONE_SIDED, Days, Draws, Floats, Interval, interval
from tidegate.evaluation.slices import Slice
from tidegate.evaluation.subject import EVEN_ODDS, Answers, Subject
from tidegate.settings.gate_section import CostsSection, GateSection
from tidegate.training import gate
from tidegate.training.gate import Check, Gate


@dataclass(frozen=True, kw_only=True)
class Scored:
    """A model's metric and calibration; of a baseline or the champion also the candidate's gain over it."""

    run: str
    metric: Interval
    reliability: Reliability | None = None
    gain: Interval | None = None
    surely: float | None = None  # the gain is at least this, at 95 %


@dataclass(frozen=True, kw_only=True)
class Costed:
    """What decisions cost on the test rows, a decision."""

    threshold: float
    candidate: Interval
    champion: Interval | None
    saved: Interval | None  # champion minus candidate
    one_answer: float  # of always deciding the same, whichever is cheaper
    mcnemar: costs.McNemar | None
    curve: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that was found."""

    subject: Subject
    days: int
    candidate: Scored
    champion: Scored | None
    baselines: dict[str, Scored]
    slices: tuple[Slice, ...]
    costs: Costed | None
    fairness: Fairness | None
    without_aggregates: float | None
    gate: Gate


def evaluate(subject: Subject, section: GateSection, seed: int) -> Evaluation:
    """Score, compare and judge the candidate of `subject`."""
    draws = Draws.of(Days.of(subject.moments), section.bootstrap_replicates, seed)
    scorer, labels, champion = subject.scorer, subject.labels, subject.champion
    mine = scorer.drawn(labels, subject.candidate.predictions, draws)
    candidate = _scored(subject, subject.candidate, mine, draws)
    baselines = {
        name: _compared(subject, Answers(run=name, predictions=predictions), candidate, mine, draws)
        for name, predictions in subject.baselines.items()
    }
    against = None if champion is None else _compared(subject, champion, candidate, mine, draws)
    sliced = slices.compare(
        slices.parts(subject.columns, section.slices),
        scorer,
        labels,
        draws,
        candidate=subject.candidate.predictions,
        champion=None if champion is None else champion.predictions,
        minimum_rows=section.slice_rows,
        needs_classes=subject.task != "regression",
    )
    costed = None if section.costs is None else _costed(subject, section.costs, draws)
    fair = _fairness(subject, section)
    checks = [
        *gate.metric_checks(
            section,
            scorer.name,
            candidate=candidate.metric,
            gains={name: each.gain for name, each in baselines.items() if each.gain is not None},
            champion=None if against is None else against.metric,
            difference=None if against is None else against.gain,
            surely=None if against is None else against.surely,
        ),
        *_calibration_checks(subject, section, draws),
        *slices.checks(sliced),
        *(_cost_checks(costed) if costed else ()),
        *(fairness.checks(section.fairness, fair) if section.fairness and fair else ()),
        *budgets.checks(section, subject.mebibytes, subject.p99_ms),
    ]
    stale = subject.without_aggregates
    return Evaluation(
        subject=subject,
        days=draws.days.count,
        candidate=candidate,
        champion=against,
        baselines=baselines,
        slices=sliced,
        costs=costed,
        fairness=fair,
        without_aggregates=None if stale is None else scorer.value(labels, stale),
        gate=gate.decide(checks, None if against is None else against.gain),
    )


def _scored(subject: Subject, model: Answers, drawn: Floats, draws: Draws) -> Scored:
    value = subject.scorer.value(subject.labels, model.predictions)
    told = reliability.top_label(subject.task, subject.labels, model.predictions)
    table = None if told is None else reliability.reliability(*told, draws)[0]
    return Scored(run=model.run, metric=interval(value, drawn, draws.days.count), reliability=table)


def _compared(subject: Subject, model: Answers, candidate: Scored, mine: Floats, draws: Draws) -> Scored:
    theirs = subject.scorer.drawn(subject.labels, model.predictions, draws)
    scored = _scored(subject, model, theirs, draws)
    ahead, drawn, days = candidate.metric.value - scored.metric.value, mine - theirs, draws.days.count
    return Scored(
        run=model.run,
        metric=scored.metric,
        reliability=scored.reliability,
        gain=interval(ahead, drawn, days),
        surely=interval(ahead, drawn, days, ONE_SIDED).low,
    )


def _calibration_checks(subject: Subject, section: GateSection, draws: Draws) -> Iterator[Check]:
    if subject.champion is None:
        return
    told = [
        reliability.top_label(subject.task, subject.labels, model.predictions)
        for model in (subject.candidate, subject.champion)
    ]
    if told[0] is None or told[1] is None:
        return
    (mine, my_errors), (theirs, their_errors) = (
        reliability.reliability(*each, draws) for each in told if each is not None
    )
    worse = interval(mine.error.value - theirs.error.value, my_errors - their_errors, draws.days.count)
    yield from reliability.checks(mine, theirs, worse, section.calibration_margin)


def _decisions(model: Answers, otherwise: float = EVEN_ODDS) -> NDArray[np.bool_]:
    return model.predictions >= (otherwise if model.threshold is None else model.threshold)


def _costed(subject: Subject, section: CostsSection, draws: Draws) -> Costed:
    labels, champion = subject.labels, subject.champion
    threshold = EVEN_ODDS if subject.candidate.threshold is None else subject.candidate.threshold
    decisions = _decisions(subject.candidate)
    candidate, drawn = costs.expected(costs.per_row(section, labels, decisions), draws)
    theirs = saved = mcnemar = None
    if champion is not None:
        of_champion = _decisions(champion, threshold)  # one trained before costs were declared has none
        theirs, their_drawn = costs.expected(costs.per_row(section, labels, of_champion), draws)
        saved = interval(theirs.value - candidate.value, their_drawn - drawn, draws.days.count)
        mcnemar = costs.mcnemar(labels, decisions, of_champion)
    constant = (costs.per_row(section, labels, np.full(labels.size, each)) for each in (False, True))
    return Costed(
        threshold=threshold,
        candidate=candidate,
        champion=theirs,
        saved=saved,
        one_answer=min(float(each.mean()) for each in constant),
        mcnemar=mcnemar,
        curve=tuple(costs.curve(section, labels, subject.candidate.predictions)),
    )


def _cost_checks(found: Costed) -> Iterator[Check]:
    yield Check(
        name="cheaper_than_one_answer",
        passed=found.candidate.value < found.one_answer,
        refuses=False,
        value=found.candidate.value,
        limit=found.one_answer,
        sentence=f"cost a decision {gate.shown(found.candidate)} at threshold {found.threshold:.4f}: "
        f"below {found.one_answer:.4f} of always deciding the same",
    )
    if found.saved is not None and found.champion is not None:
        yield Check(
            name="no_costlier_than_champion",
            passed=not found.saved.high < 0,
            refuses=False,
            value=found.saved.value,
            limit=0.0,
            sentence=f"saves {gate.shown(found.saved)} a decision against the champion's "
            f"{found.champion.value:.4f}: high end must not be below 0",
        )


def _fairness(subject: Subject, section: GateSection) -> Fairness | None:
    if section.fairness is None:
        return None
    decisions = _decisions(subject.candidate)
    return fairness.fairness(section.fairness, subject.columns, subject.labels, decisions)
