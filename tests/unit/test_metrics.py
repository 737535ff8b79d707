"""Equal to scikit-learn's, ties and all."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics

from tidegate.errors import ConfigError
from tidegate.settings.config import METRICS
from tidegate.training.metrics import average_precision, named, neg_log_loss, roc_auc, summary

ORACLES = {
    "roc_auc": sklearn_metrics.roc_auc_score,
    "average_precision": sklearn_metrics.average_precision_score,
    "neg_brier_score": lambda y, p: -sklearn_metrics.brier_score_loss(y, p),
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


def test_values_worked_by_hand():
    labels, predicted = np.array([0, 1, 1, 0], dtype=np.int8), np.array([0.1, 0.4, 0.4, 0.4])
    # pairs: 2 won, 2 tied of 4; precision is 2/3 at 0.4, where recall goes from 0 to 1
    assert roc_auc(labels, predicted) == 0.75
    assert average_precision(labels, predicted) == pytest.approx(2 / 3)
    assert neg_log_loss(labels, predicted) == pytest.approx(
        (math.log(0.9) + 2 * math.log(0.4) + math.log(0.6)) / 4
    )
    found = summary("binary", labels, predicted)
    assert (found["mean_prediction"], found["mean_label"]) == (pytest.approx(0.325), 0.5)


def test_a_missing_class_gives_no_number_rather_than_a_wrong_one():
    ones, zeros, predicted = np.ones(3, np.int8), np.zeros(3, np.int8), np.array([0.1, 0.5, 0.9])
    assert math.isnan(roc_auc(ones, predicted)) and math.isnan(roc_auc(zeros, predicted))
    assert math.isnan(average_precision(zeros, predicted))


def test_more_is_better_in_every_metric():
    labels = np.array([0, 1, 0, 1], dtype=np.int8)
    for name in ORACLES:
        metric = named(name)
        assert metric(labels, np.array([0.1, 0.9, 0.2, 0.8])) > metric(labels, np.array([0.9, 0.1, 0.8, 0.2]))


def many(draw, rows, classes):
    labels = draw.integers(0, classes, rows)
    predicted = np.round(draw.dirichlet(np.ones(classes), rows), 2)  # ties are common
    return labels, predicted / predicted.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("neg_log_loss", lambda y, p: -sklearn_metrics.log_loss(y, p, labels=range(4))),
        ("accuracy", lambda y, p: sklearn_metrics.accuracy_score(y, p.argmax(1))),
        ("balanced_accuracy", lambda y, p: sklearn_metrics.balanced_accuracy_score(y, p.argmax(1))),
        ("f1_macro", lambda y, p: sklearn_metrics.f1_score(y, p.argmax(1), average="macro")),
    ],
)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true")
@pytest.mark.parametrize("rows", [3, 500])  # of three rows not every class occurs
def test_metrics_of_classes_equal_scikit_learn(name, oracle, rows):
    for seed in range(20):
        labels, predicted = many(np.random.default_rng(seed), rows, 4)
        assert named(name)(labels, predicted) == pytest.approx(oracle(labels, predicted), rel=1e-12)


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("neg_mean_absolute_error", lambda y, p: -sklearn_metrics.mean_absolute_error(y, p)),
        ("neg_root_mean_squared_error", lambda y, p: -sklearn_metrics.root_mean_squared_error(y, p)),
        ("r2", sklearn_metrics.r2_score),
    ],
)
def test_metrics_of_numbers_equal_scikit_learn(name, oracle):
    draw = np.random.default_rng(2)
    labels = draw.normal(size=200)
    predicted = labels + draw.normal(size=200)
    assert named(name)(labels, predicted) == pytest.approx(oracle(labels, predicted), rel=1e-12)


def test_labels_that_do_not_differ_have_no_variance_to_explain():
    assert math.isnan(named("r2")(np.ones(3), np.array([1.0, 2.0, 3.0])))


def test_every_metric_of_every_task_is_told_in_the_summary():
    draw = np.random.default_rng(3)
    labels, predicted = many(draw, 50, 3)
    assert set(summary("multiclass", labels, predicted)) == set(METRICS["multiclass"])
    numbers = summary("regression", labels.astype(float), predicted[:, 0])
    assert set(numbers) == {*METRICS["regression"], "mean_prediction", "mean_label"}


def test_a_metric_is_imported_by_path_or_from_a_file_of_the_pipeline(tmp_path):
    (tmp_path / "features.py").write_text(
        "def worst_day(labels, predictions):\n    return -abs(labels - predictions).max()\n"
    )
    found = named("features.py:worst_day", tmp_path)
    assert found(np.array([1.0, 5.0]), np.array([2.0, 2.0])) == -3
    assert named("sklearn.metrics.r2_score") is sklearn_metrics.r2_score


@pytest.mark.parametrize(
    "name",
    ["no_such.metric", "sklearn.metrics.no_such", "features.py:worst", "broken.py:x", "math.pi", "alone"],
)
def test_a_metric_that_is_none_is_refused_by_name(tmp_path, name):
    (tmp_path / "features.py").write_text("")
    (tmp_path / "broken.py").write_text("def (")
    with pytest.raises(ConfigError, match=f"`training.metric` {name}"):
        named(name, tmp_path)
