"""Labels, predictions and answers of the three tasks."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from tidegate.errors import InsufficientDataError
from tidegate.serving.answers import measured
from tidegate.training.task import Task


def texts(*values):
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


THREE = Task.of("multiclass", texts("late", "early", "late", "on time"))


def test_classes_are_sorted_and_labels_are_their_positions():
    assert THREE.classes == ("early", "late", "on time")
    assert THREE.labels(texts("late", "early", "on time")).tolist() == [1, 0, 2]


def test_a_class_without_training_rows_is_refused_by_name():
    with pytest.raises(InsufficientDataError, match="class cancelled has no rows to train on") as refused:
        THREE.labels(texts("late", "cancelled"))
    assert refused.value.cause == "the rows to train on have early, late, on time"


def test_binary_labels_are_small_and_those_of_a_regression_are_the_numbers():
    assert Task("binary").labels(np.array([1, 0])).dtype == np.int8
    assert Task("regression").labels(np.array([1.5, -2.0])).tolist() == [1.5, -2.0]


def test_probabilities_are_those_of_scikit_learn():
    matrix, labels = np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 0, 1, 1])
    model = LogisticRegression().fit(matrix, labels)
    np.testing.assert_array_equal(Task("binary").predict(model, matrix), model.predict_proba(matrix)[:, 1])


def test_a_class_that_a_fold_has_not_seen_has_no_probability():
    matrix = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = LogisticRegression().fit(matrix, [0, 0, 2, 2])  # never a 1
    found = THREE.predict(model, matrix)
    np.testing.assert_array_equal(found[:, [0, 2]], model.predict_proba(matrix))
    assert found[:, 1].tolist() == [0, 0, 0, 0]


def test_a_regressor_that_answers_in_a_column_is_flattened():
    matrix, labels = np.array([[0.0], [1.0]]), np.array([[1.0], [3.0]])
    found = Task("regression").predict(LinearRegression().fit(matrix, labels), matrix)
    np.testing.assert_allclose(found, [1, 3])


def test_a_guess_knows_the_shares_or_the_mean():
    assert THREE.guess(np.array([0, 1, 1, 1]), 2).tolist() == [[0.25, 0.75, 0.0], [0.25, 0.75, 0.0]]
    assert Task("binary").guess(np.array([0, 1, 1, 0], np.int8), 2).tolist() == [0.5, 0.5]
    assert Task("regression").guess(np.array([1.0, 4.0]), 1).tolist() == [2.5]


@pytest.mark.parametrize(
    ("task", "predictions", "answers"),
    [
        (Task("binary"), np.array([0.25]), [{"probability": 0.25}]),
        (Task("regression"), np.array([-3.5]), [{"value": -3.5}]),
        (
            THREE,
            np.array([[0.25, 0.25, 0.5], [0.5, 0.5, 0.0]]),  # of equals the first
            [
                {"label": "on time", "probabilities": {"early": 0.25, "late": 0.25, "on time": 0.5}},
                {"label": "early", "probabilities": {"early": 0.5, "late": 0.5, "on time": 0.0}},
            ],
        ),
    ],
)
def test_what_is_watched_of_predictions_is_what_is_watched_of_their_answers(task, predictions, answers):
    assert task.answers(predictions) == answers
    columns = task.measured(predictions)
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    assert rows == [measured(answer) for answer in answers]
