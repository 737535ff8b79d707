"""What answers rest on: by replaced features, and the drift of their ranking as Clarify has it."""

import math

import numpy as np
import pytest
from sklearn.metrics import ndcg_score

from tidegate.monitoring.attributions import attributions, drift


def test_the_effect_of_a_linear_feature_is_its_weight_times_the_mean_distance_of_two_rows():
    draw = np.random.default_rng(1)
    rows, background = draw.normal(size=(2, 20_000, 3))
    weights = np.array([2.0, 0.5, 0.0])
    found = attributions(rows[:500], background, lambda m: m @ weights, seed=1)
    # two draws of a normal distribution are 2 / sqrt(pi) apart on average
    assert found == pytest.approx(weights * 2 / math.sqrt(math.pi), rel=0.08)
    assert found[2] == 0.0


def test_of_classes_it_is_the_share_of_probability_that_moved():
    rows, background = np.zeros((10, 1)), np.ones((5, 1))

    def predict(matrix):
        return np.column_stack([0.5 + 0.25 * matrix[:, 0], 0.3 - 0.25 * matrix[:, 0], 0.2 + 0 * matrix[:, 0]])

    assert attributions(rows, background, predict, seed=1) == pytest.approx([0.25])


def test_the_same_rows_give_the_same_attributions():
    rows = np.random.default_rng(1).normal(size=(50, 2))
    one, other = (attributions(rows, rows, lambda m: m[:, 0], seed=7) for _ in range(2))
    assert one.tolist() == other.tolist()


def test_the_drift_of_a_swapped_ranking_by_hand():
    trained = {"a": 4.0, "b": 2.0, "c": 1.0}
    assert drift(trained, {"a": 0.9, "b": 0.5, "c": 0.1}) == 0.0
    ideal = 4 + 2 / math.log2(3) + 1 / math.log2(4)
    swapped = 1 + 2 / math.log2(3) + 4 / math.log2(4)
    assert drift(trained, {"a": 0.1, "b": 0.5, "c": 0.9}) == pytest.approx(1 - swapped / ideal)


def test_the_drift_is_one_minus_scikit_learns_ndcg():
    draw = np.random.default_rng(2)
    names = [f"f{i}" for i in range(8)]
    trained, now = draw.random((2, 8))
    ours = drift(dict(zip(names, trained, strict=True)), dict(zip(names, now, strict=True)))
    assert ours == pytest.approx(1 - ndcg_score([trained], [now]))


@pytest.mark.parametrize("trained, now", [({"a": 0.0}, {"a": 1.0}), ({"a": 1.0}, {"b": 1.0}), ({}, {})])
def test_without_an_attribution_in_training_there_is_no_drift_to_speak_of(trained, now):
    assert drift(trained, now) is None
