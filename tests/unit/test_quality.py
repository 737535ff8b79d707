"""Realised quality: intervals, breaches, slices, labels that come later."""

import json

import numpy as np
import pytest

from tidegate.monitoring.captured_predictions import Prediction
from tidegate.monitoring.ground_truth import Labelled, Truths
from tidegate.monitoring.label_trust import Limits
from tidegate.monitoring.quality import DAY_SECONDS, Measured, Promise, slices
from tidegate.monitoring.quality_report import Believed, Window, report
from tidegate.training import metrics
from tidegate.training.task import Task

BINARY = Task("binary")


def promise(metric, **changes):
    given = {"margin": 0.02, "minimum_rows": 30, "replicates": 400, "seed": 1} | changes
    return Promise(metric=metric, **given)


def prediction(number, answer, *, at=0.0, model="m", **texts):
    return Prediction(inference_id=f"i-{number}", at=at, model=model, answer=answer, slices=texts)


def binary(labels, chances, **more):
    return [
        Labelled(prediction=prediction(i, {"probability": float(p)}, **more), outcome=float(y))
        for i, (y, p) in enumerate(zip(labels, chances, strict=True))
    ]


def test_the_interval_of_a_mean_is_as_wide_as_its_standard_error_says():
    # -Brier of p = 0.5 or 1 with label 1: scores 0.25 and 0, so their mean has error 0.125 / sqrt(400)
    rows = binary([1] * 400, [0.5, 1.0] * 200)
    found = Measured(metrics.neg_brier_score).realised(BINARY, rows, promise(-0.12, replicates=2000))
    assert (found.value, found.rows, found.resampled) == (-0.125, 400, "rows")
    half = 1.96 * 0.125 / 20
    assert (found.low, found.high) == (
        pytest.approx(-0.125 - half, abs=0.001),
        pytest.approx(-0.125 + half, abs=0.001),
    )


def test_rows_of_one_day_are_one_block():
    # ten days of forty equal rows: the mean has the error of ten values, not of four hundred
    rows = [
        Labelled(
            prediction=prediction(f"{day}-{i}", {"value": float(day % 2)}, at=day * DAY_SECONDS), outcome=0.0
        )
        for day in range(10)
        for i in range(40)
    ]
    found = Measured(metrics.neg_mean_absolute_error).realised(
        Task("regression"), rows, promise(-0.5, replicates=4000)
    )
    assert (found.value, found.resampled) == (-0.5, "days")
    # a mean of ten fair coins: 95 % within 2 and 8 heads
    assert (found.low, found.high) == (pytest.approx(-0.8), pytest.approx(-0.2))


@pytest.mark.parametrize("short, status", [(0.0, "kept"), (0.019, "kept"), (0.03, "breach")])
def test_a_breach_is_all_of_the_interval_below_the_promise_less_the_margin(short, status):
    rows = binary([1] * 100, [0.5] * 100)  # every row scores -0.25: an interval of no width
    assert Measured(metrics.neg_brier_score).realised(BINARY, rows, promise(-0.25 + short)).status == status


def test_a_wide_interval_around_a_bad_value_is_no_breach():
    rng = np.random.default_rng(3)
    rows = binary(rng.integers(0, 2, 40), rng.random(40))
    found = Measured(metrics.roc_auc).realised(BINARY, rows, promise(0.55))
    assert found.status == "kept" and found.low < 0.5


@pytest.mark.parametrize("labels", [[1] * 29, [1] * 100], ids=["few", "of one class"])
def test_what_cannot_be_measured_is_insufficient_and_not_zero(labels):
    found = Measured(metrics.roc_auc).realised(BINARY, binary(labels, [0.5] * len(labels)), promise(0.7))
    assert (found.status, found.rows, found.value) == ("insufficient", len(labels), None)


def test_a_class_the_model_never_learnt_is_left_out():
    task = Task("multiclass", ("a", "b"))
    told = {"label": "a", "probabilities": {"b": 0.25, "a": 0.75}}
    rows = [Labelled(prediction=prediction(i, told), outcome="abc"[i % 3]) for i in range(90)]
    found = Measured(metrics.accuracy).realised(task, rows, promise(0.5))
    assert (found.rows, found.value) == (60, 0.5)


def test_slices_are_the_most_frequent_values_of_each_text():
    rows = [
        *binary([1] * 3, [0.5] * 3, carrier="UA", origin="JFK"),
        *binary([1] * 2, [0.5] * 2, carrier="AA"),
        *(row for name in "bcdef" for row in binary([1], [0.5], carrier=name)),
    ]
    found = [(column, value, len(members)) for column, value, members in slices(rows)]
    assert found == [
        ("carrier", "UA", 3),
        ("carrier", "AA", 2),
        ("carrier", "b", 1),
        ("carrier", "c", 1),
        ("carrier", "d", 1),
        ("origin", "JFK", 3),
    ]


def truths(outcomes, observed="1970-01-01T00:10:00Z"):
    found = Truths(task="binary")
    for inference_id, outcome in outcomes.items():
        found.add(
            json.dumps(
                {
                    "groundTruthData": {"data": str(outcome)},
                    "eventMetadata": {"eventId": inference_id, "observedTime": observed},
                }
            ).encode()
        )
    return found


def windows():
    old = [prediction(i, {"probability": 0.5}, model="old") for i in range(40)]
    new = [prediction(i, {"probability": 0.5}, model="new") for i in range(40, 100)]
    return [Window("w-1", old), Window("w-2", new)]


def looked(outcomes):
    """What a look at both windows takes when so much has been told."""
    limits = Limits(psi=0.25, p_value=0.01, minimum_rows=30)
    believed = Believed(training=None, limits=limits)
    return {
        "windows": windows(),
        "truths": truths(outcomes),
        "promise": promise(-0.25),
        "believed": believed,
    }


def test_a_label_counts_in_its_own_window_however_late_it_comes():
    ask = (Measured(metrics.neg_brier_score), BINARY, "new")
    first = report(*ask, **looked({f"i-{i}": 1 for i in range(60, 90)}))
    assert [w["labelled"] for w in first.document["windows"]] == [0, 30]
    later = report(*ask, **looked({f"i-{i}": 1 for i in range(90)} | {"i-nobody": 1}))
    assert [(w["run"], w["labelled"], w["coverage"]) for w in later.document["windows"]] == [
        ("w-1", 40, 1.0),
        ("w-2", 50, pytest.approx(5 / 6)),
    ]
    assert later.document["labels"]["unknown"] == 1
    assert later.document["labels"]["lag_median_seconds"] == 600
    assert later.coverage == 0.9


def test_the_quality_is_the_champions_own_and_each_models_stands_beside_it():
    found = report(
        Measured(metrics.neg_brier_score),
        BINARY,
        "new",
        **looked({f"i-{i}": 1 for i in range(100)}),
    )
    assert found.overall.rows == 60
    assert [(m["model"], m["realised"]["rows"]) for m in found.document["models"]] == [
        ("new", 60),
        ("old", 40),
    ]
    json.dumps(found.document, allow_nan=False)


def test_concept_drift_is_a_breach_that_no_drift_of_inputs_shows():
    rng = np.random.default_rng(5)
    chances = rng.random(2000)
    right = (rng.random(2000) < chances).astype(int)  # an AUC of 5/6, as calibrated uniform chances have
    measured = Measured(metrics.roc_auc)
    assert measured.realised(BINARY, binary(right, chances), promise(5 / 6)).status == "kept"
    assert (
        measured.realised(BINARY, binary(rng.permutation(right), chances), promise(5 / 6)).status == "breach"
    )


@pytest.mark.parametrize(
    "changed",
    [
        {"rows": binary([1] * 39 + [0], [0.5] * 40)},
        {"rows": binary([1] * 40, [0.5] * 39 + [0.75])},
        {"rows": binary([1] * 40, [0.5] * 40, at=DAY_SECONDS)},
        {"rows": binary([1] * 41, [0.5] * 41)},
        {"promise": promise(-0.2)},
        {"promise": promise(-0.25, seed=2)},
    ],
    ids=["outcome", "answer", "moment", "row", "promise", "seed"],
)
def test_only_the_same_rows_under_the_same_promise_are_not_resampled(changed):
    asked = []

    def metric(labels, predictions):
        asked.append(len(labels))
        return metrics.neg_brier_score(labels, predictions)

    measured = Measured(metric)
    same = {"rows": binary([1] * 40, [0.5] * 40), "promise": promise(-0.25)}
    first = measured.realised(BINARY, same["rows"], same["promise"])
    times = len(asked)
    assert measured.realised(BINARY, binary([1] * 40, [0.5] * 40), promise(-0.25)) == first
    assert len(asked) == times
    other = same | changed
    found = measured.realised(BINARY, other["rows"], other["promise"])
    assert len(asked) == 2 * times
    assert found == Measured(metric).realised(BINARY, other["rows"], other["promise"])
