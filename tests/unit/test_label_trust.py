"""Whether told outcomes are believed: by training's labels, by the answers, by themselves."""

import json
import math

import numpy as np
import pytest

from tidegate.monitoring.captured_predictions import Prediction
from tidegate.monitoring.ground_truth import Labelled, Truths
from tidegate.monitoring.label_trust import Limits, profile, trust
from tidegate.training.task import Task

BINARY, CLASSES, NUMBERS = Task("binary"), Task("multiclass", ("a", "b", "c")), Task("regression")
LIMITS = Limits(psi=0.25, p_value=0.01, minimum_rows=100)
MANY = 100_000  # so many that noise and half counts are nothing


def labelled(pairs):
    """(answer, outcome) pairs of one model."""
    return [
        Labelled(
            prediction=Prediction(inference_id=f"i-{i}", at=0.0, model="m", answer=answer, slices={}),
            outcome=outcome,
        )
        for i, (answer, outcome) in enumerate(pairs)
    ]


def binary(ones, rows, chance):
    return labelled([({"probability": chance}, float(i < ones)) for i in range(rows)])


def judged(task, training, own, *, windows=(), truths=None):
    given = truths or Truths(task=task.name)
    return trust(task, training, given, own=own, windows=windows, limits=LIMITS)


def trained(ones=0.2, rows=MANY):
    return profile(BINARY, [1] * round(ones * rows) + [0] * round((1 - ones) * rows))


def test_the_shift_is_the_psi_of_the_shares():
    # two in ten were ones in training, and so the answers say; five in ten are told
    found = judged(BINARY, trained(), binary(MANY // 2, MANY, 0.2))
    by_hand = 0.3 * math.log(0.5 / 0.2) - 0.3 * math.log(0.5 / 0.8)
    assert found.shift.from_training == pytest.approx(by_hand, rel=1e-3)
    assert found.shift.from_answers == pytest.approx(by_hand, rel=1e-3)
    assert found.status == "suspicious"
    assert "PSI 0.42" in found.reasons[0]


def test_outcomes_as_in_training_are_trusted():
    assert judged(BINARY, trained(), binary(200, 1000, 0.2)).status == "trusted"


def test_a_storm_that_the_answers_show_too_is_trusted():
    found = judged(BINARY, trained(), binary(600, 1000, 0.55))
    assert found.shift.from_training > 0.25
    assert (found.status, found.reasons) == ("trusted", ())


def test_inverted_labels_are_suspicious():
    assert judged(BINARY, trained(), binary(800, 1000, 0.2)).status == "suspicious"


def test_one_poisoned_window_among_many_is_named():
    honest, poisoned = binary(200, 1000, 0.2), binary(950, 1000, 0.2)
    own = [*honest * 30, *poisoned]
    found = judged(BINARY, trained(), own, windows=[("w-1", honest), ("w-2", poisoned)])
    assert found.shift.status == "trusted"  # of all rows it is one in thirty
    assert found.status == "suspicious"
    [reason] = found.reasons
    assert "window w-2" in reason
    assert {run: each.status for run, each in found.windows.items()} == {
        "w-1": "trusted",
        "w-2": "suspicious",
    }


@pytest.mark.parametrize("rows, training", [(99, trained()), (1000, None)], ids=["few labels", "no training"])
def test_without_enough_to_compare_nothing_is_said(rows, training):
    assert judged(BINARY, training, binary(rows, rows, 0.2)).status == "insufficient"


def test_classes_are_compared_as_they_are_told_and_as_they_were_expected():
    training = profile(CLASSES, ["a"] * 500 + ["b"] * 300 + ["c"] * 200)
    expected = {"label": "a", "probabilities": {"a": 0.5, "b": 0.3, "c": 0.2}}
    usual = labelled([(expected, "aaaaabbbcc"[i % 10]) for i in range(1000)])
    swapped = labelled([(expected, "cccccbbbaa"[i % 10]) for i in range(1000)])
    assert judged(CLASSES, training, usual).status == "trusted"
    found = judged(CLASSES, training, swapped)
    assert found.status == "suspicious"
    assert found.shift.from_answers == pytest.approx(0.6 * math.log(0.5 / 0.2), rel=0.02)


def test_numbers_are_suspicious_when_their_mean_leaves_the_answers_by_half_a_deviation():
    rng = np.random.default_rng(1)
    training = profile(NUMBERS, rng.normal(10, 2, 5000).tolist())
    told = rng.normal(14, 2, 1000)

    def told_of(value):
        return judged(NUMBERS, training, labelled([({"value": value}, float(y)) for y in told]))

    blind, seen = told_of(10.0), told_of(13.5)
    assert blind.status == "suspicious"
    assert blind.shift.from_answers == pytest.approx(((14 - 10) / 2) ** 2, rel=0.1)
    assert seen.status == "trusted"


def truths_with(contradicted, told):
    found = Truths(task="binary")
    for i in range(told):
        for outcome in (0, 1) if i < contradicted else (0,):
            event = {"eventId": f"i-{i}", "observedTime": "1970-01-01T00:00:00Z"}
            line = {"groundTruthData": {"data": str(outcome)}, "eventMetadata": event}
            found.add(json.dumps(line).encode())
    return found


@pytest.mark.parametrize(
    "contradicted, told, status",
    [(9, 20, "trusted"), (10, 400, "trusted"), (10, 100, "suspicious")],
    ids=["a handful", "few of many", "one in ten"],
)
def test_a_feed_that_contradicts_itself_often_is_suspicious(contradicted, told, status):
    own = binary(200, 1000, 0.2)
    found = judged(BINARY, trained(), own, truths=truths_with(contradicted, told))
    assert found.status == status
    if status == "suspicious":
        assert found.reasons == ("10 ids, 10.0% of those told of, were told two outcomes",)
