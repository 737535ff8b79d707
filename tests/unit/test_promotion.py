"""How often models that do not differ are promoted, and how often a better one is: simulated, with a table.

Two models of equal worth have a good or a bad day of their own each day; rows of a day share it.
"""

import numpy as np
import pytest
from simulated import tell

from tidegate.evaluation.resampled import Scorer
from tidegate.evaluation.resampling import ONE_SIDED, Days, Draws, interval
from tidegate.settings.gate_section import GateSection
from tidegate.training import metrics
from tidegate.training.gate import decide, metric_checks

DAY = 86_400.0
AUC = Scorer("roc_auc", metrics.roc_auc)
PER_DAY = 100


def world(draw, days, gap):
    """Labels, moments, candidate, champion; `gap` is how much farther the candidate parts the classes."""
    day = np.repeat(np.arange(days), PER_DAY)
    labels = (draw.random(day.size) < 0.2).astype(np.int8)
    noise = draw.normal(size=day.size)

    def scores(signal):
        return labels * signal + noise + (draw.normal(size=days) * 0.4)[day] * labels

    return labels, day * DAY, scores(1.2 + gap), scores(1.2)


def promoted(labels, moments, candidate, champion, *, seed, promote="better", by_row=False):
    codes = np.arange(labels.size) if by_row else None
    days = Days.of(moments) if codes is None else Days(codes, labels.size)
    draws = Draws.of(days, 60 if by_row else 400, seed)
    mine, theirs = (AUC.drawn(labels, each, draws) for each in (candidate, champion))
    points = [AUC.value(labels, each) for each in (candidate, champion)]
    one, other, gain = (
        interval(value, drawn, days.count)
        for value, drawn in ((points[0], mine), (points[1], theirs), (points[0] - points[1], mine - theirs))
    )
    surely = interval(points[0] - points[1], mine - theirs, days.count, ONE_SIDED).low
    checks = metric_checks(
        GateSection(promote=promote),
        "roc_auc",
        candidate=one,
        gains={},
        champion=other,
        difference=gain,
        surely=surely,
    )
    return decide(tuple(checks), gain).passed


def share(runs, days, gap, **more):
    """Of `runs` simulated pairs that are promoted."""
    return np.mean(
        [promoted(*world(np.random.default_rng(run), days, gap), seed=run, **more) for run in range(runs)]
    )


def test_without_a_difference_few_are_promoted_and_a_planted_gap_is_seen(capsys):
    # 150 pairs at a true 5 %: 4 standard errors are 7 %
    equal, better = share(150, 30, 0.0), share(40, 30, 0.5)
    tell(capsys, f"gate, 30 days: {equal:.1%} of equal models promoted, {better:.0%} of better ones")
    assert equal <= 0.12 and better >= 0.80


@pytest.mark.slow
def test_promotion_under_no_difference_and_power_in_numbers(capsys):
    runs = 1000
    pairs = [world(np.random.default_rng(run), 30, 0.0) for run in range(runs)]
    naive = np.mean([AUC.value(each[0], each[2]) > AUC.value(each[0], each[3]) for each in pairs])
    tell(capsys, f"higher wins, 30 days: {naive:.1%} of equal models promoted")
    rows = np.mean([promoted(*each, seed=run, by_row=True) for run, each in enumerate(pairs[:60])])
    tell(capsys, f"row bootstrap, 30 days: {rows:.1%}")
    for days in (30, 60, 120):
        enough = share(300, days, 0.0, promote="not-worse")
        tell(capsys, f"not-worse, {days} days, margin 0.005: {enough:.1%}")
    found = {}
    for days in (7, 14, 30, 60, 120):
        found[days] = share(runs, days, 0.0)
        tell(capsys, f"gate, {days} days: {found[days]:.1%}")
    power = {gap: share(300, 30, gap) for gap in (0.1, 0.2, 0.3, 0.5)}
    for gap, each in power.items():
        tell(capsys, f"gate, 30 days, signal 1.2 against {1.2 + gap}: {each:.0%} promoted")
    assert all(each <= 0.06 for each in found.values())
    assert power[0.5] >= 0.90
