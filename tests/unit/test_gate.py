"""The gate's rules worked by hand, its interval by simulation."""

import math

import numpy as np
import pytest

from tidegate.config import GateSection
from tidegate.gate import Interval, bootstrap, decide
from tidegate.metrics import neg_log_loss, roc_auc

DAY = 86_400.0
RUNS = 200
GOOD = Interval(0.75, 0.70, 0.80)
SECTION = GateSection(margin=0.01, minimum_metric=0.6)


def decided(section=SECTION, candidate=GOOD, baseline=0.5, difference=None):
    champion = None if difference is None else Interval(candidate.value - difference.value, 0.0, 1.0)
    return decide(
        section, "roc_auc", candidate=candidate, baseline=baseline, champion=champion, difference=difference
    )


def failures(gate):
    return [reason for reason in gate.reasons if reason.startswith("fail")]


def test_the_first_model_needs_its_minimum_and_to_beat_guessing():
    gate = decided()
    assert gate.passed and gate.difference is None
    assert gate.reasons == (
        "pass: roc_auc 0.7500 against a minimum of 0.6000",
        "pass: roc_auc +0.7500 [+0.7000, +0.8000] against 0.5000 of guessing",
    )


@pytest.mark.parametrize(
    ("value", "passed"), [pytest.param(0.6, True, id="exactly"), pytest.param(0.5999, False, id="just below")]
)
def test_the_minimum_itself_is_enough(value, passed):
    assert decided(candidate=Interval(value, 0.55, 0.65)).passed is passed


def test_without_a_minimum_no_reason_speaks_of_one():
    gate = decided(GateSection())
    assert gate.passed and not any("minimum" in reason for reason in gate.reasons)


def test_guessing_must_lie_below_the_interval():
    assert not decided(baseline=0.70).passed
    assert decided(baseline=0.6999).passed


@pytest.mark.parametrize(
    ("difference", "failed"),
    [
        pytest.param(Interval(0.02, 0.001, 0.04), [], id="better for certain"),
        pytest.param(Interval(0.002, -0.009, 0.02), [], id="better by a little, at worst within the margin"),
        pytest.param(Interval(0.0, -0.001, 0.001), ["gain"], id="a tie keeps the champion"),
        pytest.param(Interval(-0.001, -0.002, 0.0), ["gain"], id="worse within the margin"),
        pytest.param(
            Interval(0.02, -0.01, 0.05), ["candidate minus champion"], id="the margin itself is too far"
        ),
        pytest.param(Interval(-0.02, -0.05, 0.0), ["candidate minus champion", "gain"], id="worse"),
        pytest.param(
            Interval(math.nan, math.nan, math.nan), ["candidate minus champion", "gain"], id="unknown"
        ),
    ],
)
def test_a_candidate_against_the_champion(difference, failed):
    gate = decided(difference=difference)
    assert gate.passed is (failed == [])
    assert len(failures(gate)) == len(failed)
    assert all(
        reason.startswith(f"fail: {wanted}") for wanted, reason in zip(failed, failures(gate), strict=True)
    )


def test_a_wanted_gain_is_asked_of_the_point_estimate():
    section = GateSection(minimum_gain=0.03)
    assert decided(section, difference=Interval(0.03, 0.01, 0.05)).passed
    assert not decided(section, difference=Interval(0.0299, 0.01, 0.05)).passed


def test_metrics_that_are_no_numbers_never_pass():
    assert not decided(candidate=Interval(0.75, math.nan, math.nan)).passed
    assert not decided(baseline=math.nan).passed


def test_whole_days_are_resampled():
    # two days, each of a constant score: a resample holds day one twice, both, or day two twice
    moments = np.array([0.0, 10.0, DAY - 1, DAY, 2 * DAY - 1])
    scores = np.array([1.0, 1.0, 1.0, 4.0, 4.0])

    def mean(labels, predicted):
        return float(predicted.mean())

    mine, theirs, difference = bootstrap(
        mean, np.zeros(5, np.int8), moments, scores, np.zeros(5), replicates=400, seed=0
    )
    assert (mine.value, mine.low, mine.high) == (2.2, 1.0, 4.0)
    assert (theirs.value, theirs.low, theirs.high) == (0.0, 0.0, 0.0)
    assert (difference.value, difference.low, difference.high) == (2.2, 1.0, 4.0)


def test_a_model_against_itself_differs_by_nothing_at_all():
    labels, moments, model, _ = world(np.random.default_rng(3))
    _, _, difference = bootstrap(roc_auc, labels, moments, model, model, replicates=50, seed=1)
    assert (difference.value, difference.low, difference.high) == (0.0, 0.0, 0.0)


def test_resamples_with_a_single_class_do_not_spoil_the_interval():
    # the only positives lie in one of two days: a quarter of the resamples has none
    labels = np.array([1, 0, 0, 0], dtype=np.int8)
    moments = np.array([0.0, 1.0, DAY, DAY + 1])
    mine, _, _ = bootstrap(
        roc_auc, labels, moments, np.array([0.9, 0.1, 0.2, 0.3]), None, replicates=100, seed=1
    )
    assert mine == Interval(1.0, 1.0, 1.0)


def test_the_same_seed_gives_the_same_interval():
    labels, moments, one, other = world(np.random.default_rng(5))
    first, again = (
        bootstrap(neg_log_loss, labels, moments, one, other, replicates=50, seed=9) for _ in range(2)
    )
    assert first == again


def world(draw, *, days=30, rows=12, worse=0.0):
    """Labels, moments and two models that miss whole days at a time; the first is `worse` on average."""
    moments = np.repeat(np.arange(days) * DAY, rows) + draw.random(days * rows) * 0.99 * DAY
    truth = draw.normal(size=days * rows) - 1
    labels = (draw.random(days * rows) < 1 / (1 + np.exp(-truth))).astype(np.int8)

    def model(error):
        shift, tilt = (np.repeat(draw.normal(size=days) * 0.6, rows) for _ in range(2))
        return 1 / (1 + np.exp(-(truth * (1 + tilt) + shift + error)))

    return labels, moments, model(worse), model(0.0)


@pytest.fixture(scope="module")
def trials():
    """RUNS pairs of models that do not differ but by the luck of their days."""
    found = []
    for run in range(RUNS):
        labels, moments, candidate, champion = world(np.random.default_rng(run))
        found.append(bootstrap(neg_log_loss, labels, moments, candidate, champion, replicates=100, seed=run))
    return found


def test_models_that_do_not_differ_are_seldom_promoted(trials):
    section = GateSection(margin=0.005)
    promoted = sum(
        decide(
            section, "neg_log_loss", candidate=mine, baseline=-9.0, champion=theirs, difference=difference
        ).passed
        for mine, theirs, difference in trials
    )
    assert promoted <= 0.10 * RUNS


def test_the_interval_of_the_difference_covers_the_truth_about_as_often_as_it_says(trials):
    covered = sum(difference.low <= 0 <= difference.high for _, _, difference in trials)
    # nominal 95 %; thirty days make it a little too narrow, and 0.89 is 4 standard errors below
    assert covered / RUNS >= 0.89


def test_a_candidate_that_is_clearly_worse_is_never_promoted():
    section = GateSection(margin=0.005)
    for run in range(20):
        labels, moments, candidate, champion = world(np.random.default_rng(run), worse=1.5)
        mine, theirs, difference = bootstrap(
            neg_log_loss, labels, moments, candidate, champion, replicates=100, seed=run
        )
        gate = decide(
            section, "neg_log_loss", candidate=mine, baseline=-9.0, champion=theirs, difference=difference
        )
        assert not gate.passed and difference.high < 0
