"""Quality without labels: against scikit-learn on expected labels, and against simulated ones."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, log_loss, roc_auc_score

from tidegate.monitoring.estimated import calibration, calibration_error, estimate, expected, unlicensed
from tidegate.training import metrics


def chances(rows=3000, seed=1, digits=2):
    """Probabilities with ties."""
    return np.round(np.random.default_rng(seed).beta(2, 5, rows), digits)


def drawn(p, seed=2):
    return (np.random.default_rng(seed).random(p.size) < p).astype(np.int8)


@pytest.mark.parametrize(
    "name, of_expected_labels",
    [
        ("roc_auc", roc_auc_score),
        ("average_precision", average_precision_score),
        ("neg_log_loss", lambda y, p, sample_weight: -log_loss(y, p, sample_weight=sample_weight)),
    ],
)
def test_an_expected_metric_is_that_of_each_row_as_both_labels_by_their_chances(name, of_expected_labels):
    p = chances()
    both = np.r_[np.ones(p.size), np.zeros(p.size)]
    exact = of_expected_labels(both, np.r_[p, p], sample_weight=np.r_[p, 1 - p])
    assert expected(name, p) == pytest.approx(exact, rel=1e-12)


def test_uniform_chances_have_an_area_of_five_sixths_and_a_score_of_a_sixth():
    # E[p_i (1 - p_j); p_i > p_j] = 5/24 of two uniforms, over E[p] E[1 - p] = 1/4; E[p (1 - p)] = 1/6
    p = (np.arange(20000) + 0.5) / 20000
    assert expected("roc_auc", p) == pytest.approx(5 / 6, abs=1e-4)
    assert expected("neg_brier_score", p) == pytest.approx(-1 / 6, abs=1e-6)


def test_the_expected_accuracy_is_the_mean_of_the_largest_probability():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert expected("accuracy", p) == pytest.approx(0.65)


@pytest.mark.parametrize("p", [np.zeros(5), np.ones(5)])
def test_an_area_without_two_classes_has_no_value(p):
    assert np.isnan(expected("roc_auc", p)) and np.isnan(expected("average_precision", p))


def licensed(p, name="roc_auc"):
    return calibration(name, getattr(metrics, name), drawn(p), p, seed=3)


def ask(p, promised, found, name="roc_auc", minimum_rows=30):
    return estimate(
        name,
        getattr(metrics, name),
        p,
        promised=promised,
        margin=0.02,
        calibration=found,
        minimum_rows=minimum_rows,
        seed=4,
    )


def test_nineteen_of_twenty_windows_realise_what_was_estimated():
    found, inside = licensed(chances()), 0
    for seed in range(40):
        p = chances(400, seed=100 + seed)
        told = ask(p, 0.7, found)
        inside += told.low <= metrics.roc_auc(drawn(p, seed=200 + seed), p) <= told.high
    assert inside >= 34  # of 40 at 95 %: fewer has a chance of 0.3 %


def test_chances_that_draw_together_are_a_breach_before_any_label_comes():
    p = chances()
    promised = expected("roc_auc", p)
    assert ask(chances(seed=9), promised, licensed(p)).status == "kept"
    dull = ask(0.25 + (chances(seed=9) - 0.25) / 4, promised, licensed(p))
    assert dull.status == "breach" and dull.high < promised - 0.02


def test_classes_are_estimated_by_simulation_where_no_formula_is_known():
    p = np.tile([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]], (500, 1))
    labels = np.array([0] * 7 + [1] * 2 + [2])
    found = calibration("balanced_accuracy", metrics.balanced_accuracy, *_rows(p, labels), seed=1)
    # class 0: told right in 0.7 of 0.7 + 0.1; class 1 never; class 2 as class 0
    told = ask(p, 0.5, found, name="balanced_accuracy")
    assert told.value == pytest.approx((7 / 8 + 0 + 7 / 8) / 3, abs=0.01)


def _rows(p, cycle):
    """Labels of the two kinds of rows in their exact shares."""
    even = np.tile(cycle, 50)
    labels = np.empty(len(p), dtype=np.intp)
    labels[0::2], labels[1::2] = even, 2 - even
    return labels, p


def test_the_calibration_error_is_the_mean_distance_of_share_and_chance():
    # half the rows say 0.2 and 0.4 of them are 1; the others say 0.8 and all are
    p = np.r_[np.full(50, 0.2), np.full(50, 0.8)]
    labels = np.r_[np.tile([1, 1, 0, 0, 0], 10), np.ones(50)].astype(np.int8)
    assert calibration_error(labels, p) == pytest.approx((0.2 + 0.2) / 2)


def test_without_calibration_there_is_no_licence_and_the_reason_is_told():
    assert unlicensed(None, 0.02) == "the model's evaluation tells nothing of its calibration"
    p = chances()
    sharper = calibration("roc_auc", metrics.roc_auc, drawn(p), np.clip(3 * p - 0.6, 0, 1), seed=1)
    told = ask(p, 0.7, sharper)
    assert (told.status, told.value) == ("unlicensed", None)
    assert told.reason.startswith("calibration error 0.") and "at most 0.05" in told.reason


def test_an_estimate_that_was_wrong_where_labels_were_known_is_not_licensed():
    p = chances()
    found = licensed(p) | {"realised": 0.5}
    assert ask(p, 0.7, found).reason.endswith("was expected, and 0.5000 came")


def test_too_few_predictions_are_insufficient():
    told = ask(chances(29), 0.7, licensed(chances()))
    assert (told.status, told.reason) == ("insufficient", "29 of 30 predictions")
