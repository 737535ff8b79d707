"""Equal to scikit-learn's, ties and all."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from tidegate.metrics import average_precision, named, neg_log_loss, roc_auc, summary

ORACLES = {
    "roc_auc": sklearn_metrics.roc_auc_score,
    "average_precision": sklearn_metrics.average_precision_score,
    "neg_log_loss": lambda y, p: -sklearn_metrics.log_loss(y, p, labels=[0, 1]),
}

# tenths, so that ties and probabilities of exactly 0 and 1 are common
cases = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10)), min_size=2, max_size=60).filter(
    lambda rows: {label for label, _ in rows} == {0, 1}
)


@pytest.mark.parametrize("name", ORACLES)
@settings(max_examples=60, deadline=None)
@given(rows=cases)
def test_equals_scikit_learn(name, rows):
    labels = np.array([label for label, _ in rows], dtype=np.int8)
    predicted = np.array([tenths / 10 for _, tenths in rows])
    assert named(name)(labels, predicted) == pytest.approx(ORACLES[name](labels, predicted), rel=1e-12)


def test_equals_scikit_learn_on_many_rows_too():
    # int8 labels: a sum of more than 127 of them must not wrap around
    draw = np.random.default_rng(1)
    labels = draw.integers(0, 2, 5000).astype(np.int8)
    predicted = np.round(draw.random(5000), 2)
    for name, oracle in ORACLES.items():
        assert named(name)(labels, predicted) == pytest.approx(oracle(labels, predicted), rel=1e-9)
    assert summary(labels, predicted)["brier"] == pytest.approx(
        sklearn_metrics.brier_score_loss(labels, predicted)
    )


def test_values_worked_by_hand():
    labels, predicted = np.array([0, 1, 1, 0], dtype=np.int8), np.array([0.1, 0.4, 0.4, 0.4])
    # pairs: 2 won, 2 tied of 4; precision is 2/3 at 0.4, where recall goes from 0 to 1
    assert roc_auc(labels, predicted) == 0.75
    assert average_precision(labels, predicted) == pytest.approx(2 / 3)
    assert neg_log_loss(labels, predicted) == pytest.approx(
        (math.log(0.9) + 2 * math.log(0.4) + math.log(0.6)) / 4
    )
    found = summary(labels, predicted)
    assert (found["mean_prediction"], found["positive_rate"]) == (pytest.approx(0.325), 0.5)


def test_a_missing_class_gives_no_number_rather_than_a_wrong_one():
    ones, zeros, predicted = np.ones(3, np.int8), np.zeros(3, np.int8), np.array([0.1, 0.5, 0.9])
    assert math.isnan(roc_auc(ones, predicted)) and math.isnan(roc_auc(zeros, predicted))
    assert math.isnan(average_precision(zeros, predicted))


def test_more_is_better_in_every_metric():
    labels = np.array([0, 1, 0, 1], dtype=np.int8)
    for name in ORACLES:
        metric = named(name)
        assert metric(labels, np.array([0.1, 0.9, 0.2, 0.8])) > metric(labels, np.array([0.9, 0.1, 0.8, 0.2]))
