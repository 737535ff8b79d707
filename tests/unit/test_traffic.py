"""A window's captured traffic in one pass: an even sample, and what misfits count as."""

import itertools
import json
import math

import numpy as np
import pytest

from tidegate.monitoring.capture_chunk import Chunk
from tidegate.monitoring.even_sample import EvenSample
from tidegate.monitoring.traffic import columns


def rows(*numbers):
    lines = [line(n) for n in numbers]
    return Chunk(
        rows=len(numbers),
        columns={"n": list(numbers)},
        answers={"probability": [0.5 for _ in numbers]},
        events=[f"e-{n}" for n in numbers],
        places=[0 for _ in numbers],
        block=b"\n".join(lines),
        stops=[stop - 1 for stop in itertools.accumulate(len(each) + 1 for each in lines)],
        lines=range(len(numbers)),
    )


def line(number):
    sides = {
        "endpointInput": {"instances": [{"n": number}]},
        "endpointOutput": {"predictions": [{"probability": 0.5}], "vectors": [[number]]},
    }
    captured = {name: {"data": json.dumps(side), "encoding": "JSON"} for name, side in sides.items()}
    return json.dumps({"captureData": captured, "eventMetadata": {"eventId": f"e-{number}"}}).encode()


def sampled(*chunks, most):
    sample = EvenSample(most)
    for chunk in chunks:
        sample.add(chunk)
    return [each.instance["n"] for each in sample.rows]


def test_few_rows_are_all_kept_and_many_are_thinned():
    assert sorted(sampled(rows(1, 2, 3), most=5)) == [1, 2, 3]
    assert len(sampled(rows(*range(100)), most=5)) == 5


def test_the_sample_is_the_same_in_any_order_and_any_chunks():
    whole = sampled(rows(*range(200)), most=20)
    assert sampled(rows(*reversed(range(200))), most=20) == whole
    parts = [rows(*range(70)), rows(*range(70, 75)), rows(*range(75, 200))]
    assert sampled(*parts, most=20) == whole


def test_every_row_is_as_likely_as_any_other():
    kept = [n for start in range(0, 4000, 100) for n in sampled(rows(*range(start, start + 100)), most=10)]
    # places within their hundred, of 400 draws: their mean has a deviation of 28.9 / 20
    assert np.mean([n % 100 for n in kept]) == pytest.approx(49.5, abs=4 * 28.9 / 20)


def test_vectors_stay_with_their_instances():
    sample = EvenSample(50)
    sample.add(rows(*range(100)))
    assert all(each.vector == [each.instance["n"]] for each in sample.rows)


def test_a_value_of_another_type_counts_as_missing_and_its_row_stays():
    instances = [{"hour": 8, "origin": "JFK"}, {"hour": "eight", "origin": 7}, {}]
    found = columns(instances, {"hour": "integer", "origin": "string"})
    assert found["hour"][0] == 8.0 and all(math.isnan(each) for each in found["hour"][1:])
    assert found["origin"].tolist() == ["JFK", None, None]
