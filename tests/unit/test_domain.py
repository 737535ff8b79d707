"""Telling a window's rows from training's: what no single column shows, and nothing where nothing moved."""

import math

import numpy as np
import pytest

from tidegate.monitoring import boosted
from tidegate.monitoring.domain import compare


def rows(n, seed, *, shift=0.0, tied=0.0, **more):
    """Three independent numbers and a text; `tied` is the share of rows where b has the sign of a."""
    draw = np.random.default_rng(seed)
    a, b, c = draw.normal(size=(3, n))
    b = np.where(draw.random(n) < tied, np.sign(a) * np.abs(b), b)
    text = np.array(list("pqrs"), dtype=object)[draw.integers(0, 4, n)]
    return {"a": a + shift, "b": b, "c": c, "text": text} | more


def compared(reference, current, **changes):
    return compare(reference, current, **({"alarm": 0.6, "minimum_rows": 100, "seed": 1} | changes))


def test_rows_like_those_of_training_are_not_told_apart():
    found = [compared(rows(1000, seed), rows(600, 1000 + seed)) for seed in range(12)]
    assert {each.status for each in found} == {"stable"}
    assert np.mean([each.auc for each in found]) == pytest.approx(0.5, abs=0.02)
    assert sum(each.low <= each.auc <= each.high for each in found) >= 9  # of 12 at 95 %
    assert all(each.beyond_chance == 0.5 or each.auc > each.high for each in found)


def test_a_shifted_column_is_found_as_well_as_the_best_classifier_could():
    found = compared(rows(2000, 1), rows(2000, 2, shift=0.5))
    # two normal distributions half a deviation apart: the best area is Phi(0.5 / sqrt(2))
    best = 0.5 * (1 + math.erf(0.5 / 2))
    assert found.auc == pytest.approx(best, abs=0.025)
    assert found.status == "alarm"
    assert found.columns[0][0] == "a" and found.columns[0][1] > 0.5
    assert sum(share for _, share in found.columns) == pytest.approx(1)
    assert found.beyond_chance == found.auc


def test_the_area_that_alarms_is_the_pipelines_own_and_halfway_to_it_is_a_warning():
    sides = rows(2000, 1), rows(2000, 2, shift=0.5)  # an area of 0.64 at best
    limits = {alarm: compared(*sides, alarm=alarm).status for alarm in (0.58, 0.7, 0.9)}
    assert limits == {0.58: "alarm", 0.7: "warning", 0.9: "stable"}


def test_columns_that_moved_only_together_are_found():
    found = compared(rows(1500, 1), rows(1500, 2, tied=0.8))
    assert found.status == "alarm"
    assert {name for name, _ in found.columns[:2]} == {"a", "b"}


def test_a_text_with_new_values_and_missing_values_are_found():
    draw = np.random.default_rng(5)
    new = np.where(draw.random(800) < 0.4, "new", "p").astype(object)
    assert compared(rows(800, 1), rows(800, 2, text=new)).status == "alarm"
    missing = np.where(draw.random(800) < 0.5, np.nan, draw.normal(size=800))
    found = compared(rows(800, 1), rows(800, 2, c=missing))
    assert (found.status, found.columns[0][0]) == ("alarm", "c")
    none = np.array([None] * 800, dtype=object)
    assert compared(rows(800, 1), rows(800, 2, text=none)).columns[0][0] == "text"


@pytest.mark.parametrize("n, m", [(99, 1000), (1000, 99), (0, 1000)])
def test_too_few_rows_say_nothing(n, m):
    found = compared(rows(n, 1), rows(m, 2))
    assert (found.status, found.auc, found.beyond_chance) == ("insufficient", None, None)
    assert (found.reference_rows, found.current_rows) == (n, m)


def test_without_a_column_nothing_is_compared():
    assert compared({}, {}).status == "insufficient"


def test_the_same_rows_give_the_same_answer():
    assert compared(rows(300, 1), rows(300, 2)) == compared(rows(300, 1), rows(300, 2))


def test_columns_without_any_value_or_with_one_are_no_fault():
    constant, empty = np.ones(300), np.full(300, np.nan)
    found = compared(rows(300, 1, c=constant, d=empty), rows(300, 2, c=constant, d=empty))
    assert found.status == "stable"


def test_boosted_trees_tell_as_much_as_scikit_learns():
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    draw = np.random.default_rng(3)
    codes = draw.integers(0, 16, (3000, 5))
    odds = 0.3 * (codes[:, 0] - 8) + 1.5 * ((codes[:, 1] > 7) == (codes[:, 2] > 7)) - 0.75
    labels = (draw.random(3000) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    learn, asked = slice(2000), slice(2000, 3000)
    ours = boosted.fit(codes[learn], labels[learn], 16).scores(codes[asked])
    theirs = HistGradientBoostingClassifier(max_iter=30, max_depth=3, early_stopping=False, learning_rate=0.1)
    told = theirs.fit(codes[learn], labels[learn]).predict_proba(codes[asked])[:, 1]
    assert roc_auc_score(labels[asked], ours) > roc_auc_score(labels[asked], told) - 0.02
    # log odds: the labels are as probable as they say
    assert (1 / (1 + np.exp(-ours))).mean() == pytest.approx(labels[asked].mean(), abs=0.04)


def test_one_leaf_of_a_tree_is_the_newton_step_of_its_rows():
    codes, labels = np.array([[0], [1]] * 100), np.array([0, 1] * 100, np.int8)
    first = boosted.fit(codes, labels, 2).trees[0]
    # at p = 1/2 a row has slope -1/2 and curvature 1/4: 100 of them make 50 / (25 + 1), shrunk by 0.1
    assert first(np.array([[1], [0]])) == pytest.approx([0.1 * 50 / 26, -0.1 * 50 / 26])
