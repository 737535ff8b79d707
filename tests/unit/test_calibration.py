"""Calibration against scikit-learn's own, and by hand where a hand can."""

import json

import numpy as np
import pytest
from sklearn.calibration import _SigmoidCalibration
from sklearn.isotonic import IsotonicRegression

from tidegate.training import calibration
from tidegate.training.calibration import apply, fitted, logit


def told(count=3000, seed=0):
    """Scores of two digits, so with ties, of a model that exaggerates."""
    draw = np.random.default_rng(seed)
    scores = np.round(draw.random(count), 2)
    return (draw.random(count) < scores**2).astype(np.int8), scores


def test_violators_are_pooled_by_hand():
    # .3 and .4 fall (1, 0) and are pooled with each other: 1/2
    document = calibration.isotonic(np.array([0, 0, 1, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
    assert document == {
        "kind": "isotonic",
        "x": [0.1, 0.2, 0.3, 0.4, 0.5],
        "y": [0.0, 0.0, 0.5, 0.5, 1.0],
    }


def test_isotonic_answers_as_scikit_learn_does_between_and_beyond_its_knots():
    labels, scores = told()
    document = json.loads(json.dumps(calibration.isotonic(labels, scores)))
    asked = np.linspace(-0.2, 1.2, 4001)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(scores, labels).predict(asked)
    np.testing.assert_allclose(apply(document, asked), theirs, rtol=0, atol=1e-12)
    assert (np.diff(document["x"]) > 0).all() and (np.diff(document["y"]) >= 0).all()


@pytest.mark.parametrize("count", [80, 3000])
def test_platt_finds_scikit_learns_a_and_b(count):
    labels, scores = told(count, seed=2)
    document = calibration.platt(labels, scores)
    theirs = _SigmoidCalibration().fit(logit(scores), labels)
    assert (document["a"], document["b"]) == pytest.approx((theirs.a_, theirs.b_), abs=1e-5)
    asked = np.array([0.0, 1e-9, 0.2, 0.5, 0.999, 1.0])
    np.testing.assert_allclose(apply(document, asked), theirs.predict(logit(asked)), atol=1e-6)


def test_platt_survives_classes_that_do_not_overlap():
    labels, scores = np.repeat([0, 1], 100), np.repeat([0.1, 0.9], 100)
    found = apply(calibration.platt(labels, scores), np.array([0.1, 0.9]))
    # Platt's targets: 1 / 102 and 101 / 102
    np.testing.assert_allclose(found, [1 / 102, 101 / 102], atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "positives", "expected"),
    [
        pytest.param("auto", 1000, "isotonic", id="enough for steps"),
        pytest.param("auto", 999, "platt", id="too few for steps"),
        pytest.param("auto", 50, "platt", id="just enough"),
        pytest.param("auto", 49, None, id="too few for anything"),
        pytest.param("isotonic", 60, "isotonic", id="steps by command"),
        pytest.param("platt", 2000, "platt", id="a sigmoid by command"),
        pytest.param("platt", 0, None, id="one class"),
        pytest.param("none", 2000, None, id="none"),
    ],
)
def test_the_rarer_class_decides_what_can_be_learnt(kind, positives, expected):
    draw = np.random.default_rng(4)
    labels = np.r_[np.ones(positives), np.zeros(3000)].astype(np.int8)
    document = fitted(kind, labels, draw.random(labels.size))
    assert (document and document["kind"]) == expected


def test_without_a_document_nothing_changes():
    p = np.array([0.2, 0.7])
    assert apply(None, p) is p


def test_calibration_brings_held_out_probabilities_nearer_to_what_comes():
    labels, scores = told(20_000, seed=5)
    half = labels.size // 2
    for kind in ("isotonic", "platt"):
        document = fitted(kind, labels[:half], scores[:half])
        after = np.mean((apply(document, scores[half:]) - labels[half:]) ** 2)
        assert after < np.mean((scores[half:] - labels[half:]) ** 2) - 0.02
