"""Captured predictions by id: each once, and the same ones on each look."""

import json

import pytest

from tidegate.monitoring.captured_predictions import Predictions, as_lines, of_lines


def line(inference_id="i-1", answers=({"probability": 0.25},), instances=None, **event):
    asked = instances or [{"carrier": "UA", "hour": 8}] * len(answers)
    sides = {
        "endpointInput": {"instances": asked},
        "endpointOutput": {"predictions": list(answers), "model": "run-1"},
    }
    captured = {name: {"data": json.dumps(side), "encoding": "JSON"} for name, side in sides.items()}
    moment = {"inferenceTime": "1970-01-01T00:01:40Z"}
    metadata = {"eventId": "e-1", "inferenceId": inference_id, **moment, **event}
    return json.dumps({"captureData": captured, "eventMetadata": metadata}).encode()


def read(*lines, most=100):
    found = Predictions(most=most, columns=["carrier", "origin"])
    for each in lines:
        found.add(each)
    return found


def test_a_record_gives_its_prediction_with_id_moment_model_and_texts():
    [row] = read(line()).rows
    assert (row.inference_id, row.at, row.model) == ("i-1", 100.0, "run-1")
    assert (row.answer, row.slices) == ({"probability": 0.25}, {"carrier": "UA"})


def test_a_caller_without_an_id_is_known_by_the_event():
    assert [row.inference_id for row in read(line(inference_id=None)).rows] == ["e-1"]


def test_a_record_that_is_there_twice_counts_once():
    found = read(line("a"), line("b"), line("a"))
    assert ([row.inference_id for row in found.rows], found.seen, found.repeated) == (["a", "b"], 2, 1)


def test_a_record_of_several_instances_has_no_outcome_of_its_own():
    found = read(line(answers=[{"probability": 0.1}, {"probability": 0.2}]))
    assert (found.rows, found.batched) == ([], 2)


@pytest.mark.parametrize(
    "broken",
    [
        line()[:80],
        b"{}",
        b"[1]",
        line(answers=[{"odd": 1}]),
        line(answers=[{"probability": "high"}]),
        line(instances=[{}, {}]),
        line(inferenceTime="yesterday"),
    ],
    ids=["truncated", "empty", "a list", "no answer", "no number", "too few answers", "no moment"],
)
def test_what_cannot_be_read_is_counted(broken):
    found = read(broken, line("whole"))
    assert (found.unreadable, len(found.rows)) == (1, 1)


def test_golden_rows_are_nobodys_traffic():
    found = read(line("golden-1"))
    assert (found.rows, found.golden) == ([], 1)


def test_the_sample_is_the_same_in_any_order_of_files():
    lines = [line(f"i-{number}") for number in range(50)]
    one, other = read(*lines, most=10), read(*reversed(lines), *lines, most=10)
    assert len(one.rows) == 10
    assert one.rows == other.rows


def test_predictions_are_kept_as_lines_and_read_again():
    rows = read(line("a"), line("b", answers=[{"label": "x", "probabilities": {"x": 0.75, "y": 0.25}}])).rows
    assert list(of_lines(as_lines(rows))) == rows
