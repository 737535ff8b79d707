"""Baselines, calibration error, costs, fairness and budgets: worked by hand or by an independent package."""

import math

import numpy as np
import pytest
from scipy import stats
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tidegate.evaluation import baselines, budgets, costs, fairness, reliability
from tidegate.evaluation.resampling import Days, Draws, Interval
from tidegate.settings.gate_section import CostsSection, FairnessSection, GateSection
from tidegate.training.task import Task

LATE = CostsSection(false_positive=1.0, false_negative=5.0)


def draws(count, days=4):
    return Draws.of(Days(np.arange(count) % days, days), 200, seed=0)


def matrix(count, seed):
    draw = np.random.default_rng(seed)
    found = np.column_stack([draw.normal(size=count), draw.random(count), draw.integers(0, 4, count)])
    found[draw.random(count) < 0.1, 1] = np.nan
    return found


def test_the_linear_model_is_scikit_learns_on_filled_scaled_and_indicated_columns():
    train, test = matrix(400, 1), matrix(50, 2)
    labels = (train[:, 0] + (train[:, 2] == 3) > 0.3).astype(np.int8)
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = make_column_transformer((numbers, [0, 1]), (OneHotEncoder(), [2]))
    theirs = make_pipeline(columns, LogisticRegression()).fit(train, labels).predict_proba(test)[:, 1]
    mine = baselines.linear(Task("binary"), train, labels, test, categorical=[2])
    np.testing.assert_allclose(mine, theirs, atol=1e-4)
    values = train[:, 0] * 3 + 1
    line = make_pipeline(make_pipeline(SimpleImputer(), StandardScaler()), Ridge()).fit(train[:, :2], values)
    np.testing.assert_allclose(
        baselines.linear(Task("regression"), train[:, :2], values, test[:, :2], categorical=[]),
        line.predict(test[:, :2]),
    )


def test_a_class_that_only_the_test_rows_have_gets_no_probability():
    labels = np.array([0, 2] * 50)
    found = baselines.linear(
        Task("multiclass", ("a", "b", "c")), matrix(100, 3), labels, matrix(5, 4), categorical=[2]
    )
    assert found.shape == (5, 3) and (found[:, 1] == 0).all()
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_without_features_or_with_one_class_there_is_no_linear_model():
    assert (
        baselines.linear(
            Task("binary"), np.empty((3, 0)), np.array([0, 1, 0]), np.empty((1, 0)), categorical=[]
        )
        is None
    )
    assert baselines.linear(Task("binary"), matrix(9, 1), np.ones(9), matrix(2, 2), categorical=[]) is None


def test_the_last_outcome_known_before_a_moment_counts_of_its_own_entity_first():
    #                    0    1    2    3    4
    entities = np.array([0, 1, 0, 0, 2])
    moments = np.array([0.0, 1.0, 2.0, 10.0, 10.0])
    known = np.array([5.0, 20.0, 9.0, 12.0, np.nan])
    # row 3: of entity 0 rows 0 and 2 were known, 2 later; row 4 knows nothing of entity 2, so the same;
    # rows 0 to 2: nothing is known before moment 5
    assert baselines.last_known(entities, moments, known).tolist() == [-1, -1, -1, 2, 2]


def test_no_row_tells_of_itself_even_where_labels_are_known_at_once():
    moments = np.array([1.0, 2.0, 3.0])
    assert baselines.last_known(np.zeros(3, np.intp), moments, moments).tolist() == [-1, 0, 1]
    assert baselines.last_known(np.zeros(3, np.intp), moments, moments - 9).tolist() == [-1, 0, 1]


def test_the_previous_value_is_what_followed_it_in_training():
    # training labels 1 1 0 0, each preceded by the one before: 1->1, 1->0, 0->0
    labels = np.array([1, 1, 0, 0, 0, 0])
    before = np.array([-1, 0, 1, 2, 0, -1])
    found = baselines.previous_value(Task("binary"), labels, train=4, before=before)
    # after a 1: (1 of 2, and the share 1/2 as one row) -> (1 + 1/2) / 3; nothing known: the share
    assert found.tolist() == pytest.approx([0.5, 0.5])
    before[4] = 3
    assert baselines.previous_value(Task("binary"), labels, train=4, before=before)[0] == pytest.approx(
        0.5 / 2
    )
    numbers = np.array([1.0, 3.0, 9.0, 9.0])
    told = baselines.previous_value(Task("regression"), numbers, train=2, before=np.array([-1, 0, 1, -1]))
    assert told.tolist() == [3.0, 2.0]
    codes = np.array([2, 0, 1])
    of_three = baselines.previous_value(
        Task("multiclass", ("a", "b", "c")), codes, train=2, before=np.array([-1, 0, -1])
    )
    assert of_three.tolist() == [[0.5, 0.0, 0.5]]


def test_the_calibration_error_is_the_weighted_gap_of_bins_of_equal_mass():
    # ten values, twice each: ten bins of two rows; only the first bin errs: told .05, came .5
    told = np.repeat(np.arange(0.05, 1, 0.1), 2)
    came = np.repeat([1.0, 0.0], 10)
    found, drawn = reliability.reliability(told, came, draws(20))
    assert [each.rows for each in found.bins] == [2] * 10
    gaps = np.abs(np.arange(0.05, 1, 0.1) - np.repeat([1.0, 0.0], 5))
    assert found.error.value == pytest.approx(gaps.mean())
    assert drawn.shape == (200,) and found.error.low <= found.error.value <= found.error.high


def test_equal_probabilities_share_a_bin():
    found, _ = reliability.reliability(np.full(8, 0.5), np.array([1.0, 0.0] * 4), draws(8))
    assert [(each.rows, each.predicted, each.observed) for each in found.bins] == [(8, 0.5, 0.5)]
    assert found.error.value == 0


def test_of_more_classes_the_answer_counts_and_of_numbers_nothing():
    told, came = reliability.top_label(
        "multiclass", np.array([0, 1]), np.array([[0.7, 0.2, 0.1], [0.6, 0.4, 0.0]])
    )
    assert (told.tolist(), came.tolist()) == ([0.7, 0.6], [1.0, 0.0])
    assert reliability.top_label("regression", np.ones(2), np.ones(2)) is None


@pytest.mark.parametrize(
    ("worse", "passed"),
    [
        pytest.param(Interval(0.02, 0.001, 0.04), False, id="worse beyond doubt"),
        pytest.param(Interval(0.02, -0.001, 0.04), True, id="as other days might show"),
        pytest.param(Interval(0.01, 0.005, 0.02), True, id="the margin itself"),
        pytest.param(Interval(-0.05, -0.06, -0.04), True, id="better"),
    ],
)
def test_calibration_may_not_be_worse_than_the_champions(worse, passed):
    table = reliability.Reliability((), Interval(0.03, 0.02, 0.04))
    [check] = reliability.checks(table, table, worse, 0.01)
    assert check.passed is passed and check.refuses


def test_the_cheapest_threshold_by_trying_all():
    draw = np.random.default_rng(6)
    p = np.round(draw.random(500), 2)
    labels = (draw.random(500) < p).astype(np.int8)
    found = costs.threshold(LATE, labels, p)

    def cost(t):
        return (5 * ((labels == 1) & (p < t)).sum() + ((labels == 0) & (p >= t)).sum()) / 500

    tried = {t: cost(t) for t in [*np.unique(p), 2.0]}
    assert found.cost == pytest.approx(min(tried.values()))
    best = max(t for t, each in tried.items() if each == min(tried.values()))
    assert found.value == pytest.approx(best - 0.005) and cost(found.value) == found.cost
    # of probabilities that mean what they say: 1 / (1 + 5)
    assert 0.08 < found.value < 0.30


def test_where_every_alarm_costs_too_much_nobody_is_alarmed():
    found = costs.threshold(
        CostsSection(false_positive=9, false_negative=1), np.array([0, 1]), np.array([1.0, 0.4])
    )
    assert found.value > 1 and found.cost == 0.5


def test_a_gain_is_a_negative_cost():
    section = CostsSection(false_positive=2, false_negative=0, true_positive=-10)
    paid = costs.per_row(section, np.array([1, 1, 0, 0]), np.array([True, False, True, False]))
    assert paid.tolist() == [-10, 0, 2, 0]


def test_mcnemar_is_the_exact_binomial_test():
    labels = np.array([1] * 30)
    mine, theirs = np.arange(30) < 25, (np.arange(30) < 12) | (np.arange(30) >= 28)
    found = costs.mcnemar(labels, mine, theirs)
    assert (found.only_candidate, found.only_champion) == (13, 2)
    assert found.p_value == pytest.approx(stats.binomtest(2, 15).pvalue)
    assert costs.mcnemar(labels, mine, mine).p_value == 1.0


def test_group_differences_are_fairlearns():
    draw = np.random.default_rng(2013)
    groups = draw.choice(["a", "b", "c"], 3000, p=[0.5, 0.3, 0.2])
    labels = (draw.random(3000) < 0.3).astype(int)
    share = np.where(labels == 1, 0.6, 0.2) + np.where(groups == "b", 0.1, 0)
    decisions = draw.random(3000) < share
    section = FairnessSection(sensitive="group", demographic_parity=0.5, equalized_odds=0.05)
    found = fairness.fairness(section, {"group": groups.astype(object)}, labels, decisions)
    # recorded from fairlearn 0.15.0 on these rows
    assert found.demographic_parity == pytest.approx(0.10955767367748748, abs=1e-12)
    assert found.equalized_odds == pytest.approx(0.13300801673056817, abs=1e-12)
    assert [check.passed for check in fairness.checks(section, found)] == [True, False]


def test_small_groups_are_not_compared_and_missing_is_a_group():
    column = np.array(["a"] * 3 + ["b"] * 2 + [None] * 4, dtype=object)
    section = FairnessSection(sensitive="group", demographic_parity=0.1, minimum_rows=3)
    found = fairness.fairness(section, {"group": column}, np.zeros(9), np.arange(9) < 5)
    assert [(group.value, group.rows, group.selected) for group in found.groups] == [
        ("missing", 4, 0.0),
        ("a", 3, 1.0),
    ]
    assert found.left_out == 1 and found.demographic_parity == 1.0
    assert math.isnan(found.groups[0].true_positive_rate)
    assert found.to_json()["groups"][0]["true_positive_rate"] is None


def test_budgets_refuse_what_is_above_them_and_ask_nothing_without():
    section = GateSection(maximum_model_mebibytes=2.0, maximum_p99_ms=5.0)
    assert [check.passed for check in budgets.checks(section, 2.0, 5.0)] == [True, True]
    assert [check.passed for check in budgets.checks(section, 2.01, 5.1)] == [False, False]
    assert list(budgets.checks(GateSection(), 1e9, 1e9)) == []


def test_latencies_are_of_single_answers_after_a_warm_up():
    calls = []

    def clock():
        """A call takes a second while the model is cold, then 5 ms, and 50 ms every fiftieth time."""
        warm = max(0, len(calls) - 20)
        return min(len(calls), 20) + 0.005 * warm + 0.045 * (warm // 50)

    p50, p99 = budgets.one_row_latencies(calls.append, 7, clock)
    assert set(calls) == set(range(7)) and len(calls) == 220
    assert (p50, p99) == pytest.approx((5.0, 50.0))
