"""Draws of days against rows put together one by one, intervals and corrections against hand and scipy."""

import math
import time

import numpy as np
import pytest
from scipy import stats

from tidegate.evaluation.resampled import Scorer, by_rows, pair_wins
from tidegate.evaluation.resampling import (
    Days,
    Draws,
    Interval,
    holm,
    interval,
    p_below,
    standard_error,
    widening,
)
from tidegate.settings.config import METRICS
from tidegate.training import metrics

DAY = 86_400.0


def two_days():
    """Three rows of day one, two of day two; drawn: both once, then twice the second."""
    days = Days.of(np.array([0.0, 10.0, DAY - 1, DAY, 2 * DAY - 1]))
    return Draws(days, np.array([[1.0, 1.0], [0.0, 2.0]]))


def test_rows_of_one_utc_day_are_a_block():
    assert two_days().days.codes.tolist() == [0, 0, 0, 1, 1]
    assert two_days().days.count == 2


def test_every_draw_has_as_many_days_as_there_are_and_the_same_seed_the_same_draws():
    days = Days.of(np.arange(7) * DAY)
    draws = Draws.of(days, 50, seed=3)
    assert draws.counts.shape == (50, 7)
    assert (draws.counts.sum(axis=1) == 7).all()
    assert (draws.counts == Draws.of(days, 50, seed=3).counts).all()
    assert (draws.counts != Draws.of(days, 50, seed=4).counts).any()


def test_means_are_of_the_rows_of_the_drawn_days():
    assert two_days().means(np.array([1.0, 2.0, 3.0, 10.0, 20.0])).tolist() == [36 / 5, 15.0]


def test_taking_rows_keeps_the_draws_and_forgets_days_without_any():
    some = two_days().take(np.array([False, False, False, True, True]))
    assert some.days.count == 1
    assert some.counts.tolist() == [[1.0], [2.0]]


def test_pairs_are_counted_day_by_day_and_ties_half():
    # day 0: positive .5, negative .5; day 1: positive .9, negative .1
    days = Days(np.array([0, 0, 1, 1]), 2)
    positive, scores = np.array([True, False, True, False]), np.array([0.5, 0.5, 0.9, 0.1])
    assert pair_wins(positive, scores, days).tolist() == [[0.5, 1.0], [1.0, 1.0]]


def rows(draw, count=400, days=9):
    moments = np.sort(draw.random(count)) * days * DAY
    labels = (draw.random(count) < 0.2).astype(np.int8)
    scores = np.round(draw.random(count) * 0.7 + labels * 0.2, 2)  # many ties
    return labels, scores, Draws.of(Days.of(moments), 40, seed=1)


@pytest.mark.parametrize(
    ("task", "name"), [(task, name) for task, names in METRICS.items() for name in names]
)
def test_the_fast_ways_equal_the_metric_on_the_rows_of_each_draw(task, name):
    draw = np.random.default_rng(11)
    labels, scores, draws = rows(draw)
    if task == "multiclass":  # some days lack the fourth class
        labels = np.where(draw.random(labels.size) < 0.01, 3, draw.integers(0, 3, labels.size))
        scores = draw.dirichlet(np.ones(4), labels.size)
    elif task == "regression":
        labels = 1000 + 3 * scores + draw.normal(size=labels.size)
        scores = scores + 1000
    metric = metrics.named(name)
    fast = Scorer(name, metric).drawn(labels, scores, draws)
    np.testing.assert_allclose(fast, by_rows(metric, labels, scores, draws), rtol=0, atol=1e-12)


def test_a_metric_nobody_knows_is_computed_on_the_rows():
    labels, scores, draws = rows(np.random.default_rng(12))

    def spread(labels, predictions):
        return float(np.median(predictions[labels == 1]))

    found = Scorer("spread", spread).drawn(labels, scores, draws)
    first = np.concatenate(
        [np.flatnonzero(draws.days.codes == day).repeat(int(n)) for day, n in enumerate(draws.counts[0])]
    )
    assert found[0] == spread(labels[first], scores[first])


def test_draws_with_a_single_class_do_not_spoil_the_interval():
    # the only positive lies in one of two days: a quarter of the draws has none
    labels = np.array([1, 0, 0, 0], dtype=np.int8)
    draws = Draws.of(Days.of(np.array([0.0, 1.0, DAY, DAY + 1])), 100, seed=1)
    drawn = Scorer("roc_auc", metrics.roc_auc).drawn(labels, np.array([0.9, 0.1, 0.2, 0.3]), draws)
    assert np.isnan(drawn).any()
    assert interval(1.0, drawn, 2) == Interval(1.0, 1.0, 1.0)


@pytest.mark.parametrize("days", [2, 7, 14, 30, 365])
def test_intervals_are_widened_as_students_t_is_against_the_normal(days):
    expected = stats.t.ppf(0.975, days - 1) / stats.norm.ppf(0.975) * math.sqrt(days / (days - 1))
    assert widening(days) == pytest.approx(expected, rel=1e-9)


def test_both_ends_are_moved_away_from_the_point():
    # of 0..100 the 2.5 and 97.5 % points are 2.5 and 97.5
    found = interval(40.0, np.arange(101.0), 7)
    wider = widening(7)
    assert found.value == 40.0
    assert found.low == pytest.approx(40 - wider * 37.5)
    assert found.high == pytest.approx(40 + wider * 57.5)


def test_one_day_says_nothing_of_other_days():
    found = interval(0.7, np.full(100, 0.7), 1)
    assert found.value == 0.7 and math.isnan(found.low) and math.isnan(found.high)
    assert math.isnan(standard_error(np.full(100, 0.7), 1))
    assert p_below(-1.0, math.nan, 1) == 1.0
    assert found.to_json() == {"value": 0.7, "low": None, "high": None}


def test_the_chance_of_so_low_a_figure_is_students():
    for value in (-2.5, -0.3, 0.0, 1.7):
        assert p_below(value, 0.8, 12) == pytest.approx(stats.t.cdf(value / 0.8, 11), rel=1e-9)
    assert (p_below(-0.1, 0.0, 12), p_below(0.0, 0.0, 12)) == (0.0, 1.0)


def test_holms_correction_by_hand():
    # sorted .01 .02 .03 .6 times 4 3 2 1: .04, .06, max(.06, .06), .6
    assert holm([0.03, 0.01, 0.6, 0.02]) == pytest.approx([0.06, 0.04, 0.6, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_thousand_draws_of_fifty_thousand_rows_take_a_moment():
    draw = np.random.default_rng(5)
    labels, scores, _ = rows(draw, count=50_000, days=60)
    draws = Draws.of(Days.of(np.sort(draw.random(50_000)) * 60 * DAY), 1000, seed=0)
    begin = time.process_time()
    drawn = Scorer("roc_auc", metrics.roc_auc).drawn(labels, scores, draws)
    assert time.process_time() - begin < 2.0  # 0.05 s measured; sorting each draw takes some 10 s
    assert drawn.std() > 0
