"""Outcomes joined to predictions: late, twice, contradicting, early and of nobody."""

import json

import pytest

from tidegate.monitoring.captured_predictions import Prediction
from tidegate.monitoring.ground_truth import Truth, Truths, join


def record(inference_id, data="1", observed="1970-01-01T00:10:00Z"):
    return json.dumps(
        {
            "groundTruthData": {"data": data, "encoding": "CSV"},
            "eventMetadata": {"eventId": inference_id, "observedTime": observed},
            "eventVersion": "0",
        }
    ).encode()


def truths(*lines, task="binary"):
    found = Truths(task=task)
    for line in lines:
        found.add(line)
    return found


def prediction(inference_id, at=100.0):
    return Prediction(inference_id=inference_id, at=at, model="m", answer={"probability": 0.5}, slices={})


@pytest.mark.parametrize(
    "task, data, outcome",
    [("binary", "1", 1.0), ("regression", "-2.5", -2.5), ("multiclass", '"a, b"', "a, b")],
)
def test_an_outcome_is_read_by_task(task, data, outcome):
    assert truths(record("a", data), task=task).by_id == {"a": Truth(outcome=outcome, observed=600.0)}


@pytest.mark.parametrize("data", ["2", "yes", "", "1,0", "nan"])
def test_what_is_no_outcome_of_the_task_is_counted(data):
    found = truths(record("a", data))
    assert (found.by_id, found.unreadable) == ({}, 1)


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"eventMetadata": {}}', record("a")[:50], record([])])
def test_a_damaged_record_is_counted(line):
    assert truths(line, b"\n", record("b")).unreadable == 1


def test_the_same_outcome_told_again_counts_once_from_its_first_observation():
    found = truths(record("a"), record("a", observed="1970-01-01T00:05:00Z"), record("a"))
    assert (found.by_id["a"].observed, found.repeated, found.contradicted) == (300.0, 2, set())


def test_an_id_told_two_outcomes_is_left_out_whatever_comes_after():
    found = truths(record("a"), record("a", "0"), record("a"), record("b"))
    assert (set(found.by_id), found.contradicted) == ({"b"}, {"a"})
    joined = join([prediction("a"), prediction("b")], found)
    assert (len(joined.labelled), joined.contradicted, joined.coverage) == (1, 1, 0.5)


def test_a_prediction_joins_its_outcome_once_and_the_lag_is_told():
    joined = join([prediction("a"), prediction("a"), prediction("b"), prediction("c")], truths(record("a")))
    assert (joined.predictions, joined.lags, joined.early) == (3, (500.0,), 0)
    assert [(each.prediction.inference_id, each.outcome) for each in joined.labelled] == [("a", 1.0)]


def test_an_outcome_observed_before_its_prediction_is_used_and_tells_no_lag():
    joined = join([prediction("a", at=700.0)], truths(record("a")))
    assert (len(joined.labelled), joined.early, joined.lags) == (1, 1, ())


def test_no_prediction_is_no_coverage():
    assert join([], truths(record("a"))).coverage == 0
