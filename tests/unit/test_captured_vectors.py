"""Records with vectors, as a container of ours answers and SageMaker captures them."""

import base64
import json

import pytest

from tidegate.monitoring.captured_vectors import NO_VECTORS, UNREADABLE, sample

INSTANCE = {"carrier": "UA", "views": {}}


def record(inference_id="i-1", instances=(INSTANCE,), vectors=([1.0],), **changes):
    answer = {"predictions": [{"probability": 0.5}] * len(instances), "model": "run-1"}
    answer |= {} if vectors is None else {"vectors": list(vectors)}
    sides = {"endpointInput": {"instances": list(instances)}, "endpointOutput": answer}
    document = {
        "captureData": {name: {"data": json.dumps(side), "encoding": "JSON"} for name, side in sides.items()},
        "eventMetadata": {
            "eventId": "e-1",
            "inferenceId": inference_id,
            "inferenceTime": "2026-11-23T07:49:56Z",
        }
        | changes,
    }
    return json.dumps(document).encode()


def test_a_row_of_a_request_has_its_vector_its_time_and_the_model_that_answered():
    [first, second] = sample(
        [record(instances=[INSTANCE, {"carrier": None}], vectors=[["UA", 2.5], [None, None]])], most=10
    ).rows
    assert (first.inference_id, first.row, first.model) == ("i-1", 0, "run-1")
    assert first.at == 1795420196.0  # date -d 2026-11-23T07:49:56Z +%s
    assert (first.instance, first.vector) == (INSTANCE, ["UA", 2.5])
    assert (second.row, second.instance, second.vector) == (1, {"carrier": None}, [None, None])


def test_a_request_without_an_id_is_named_by_its_event():
    [row] = sample([record(inference_id=None)], most=1).rows
    assert row.inference_id == "e-1"


def test_base64_is_read_too():
    document = json.loads(record())
    for side in document["captureData"].values():
        side["data"] = base64.b64encode(side["data"].encode()).decode()
        side["encoding"] = "BASE64"
    assert len(sample([json.dumps(document).encode()], most=1).rows) == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (record()[:80], UNREADABLE),
        (b"[]", UNREADABLE),
        (record(vectors=None), NO_VECTORS),
        (record(vectors=[[1.0], [2.0]]), UNREADABLE),
        (record(instances=["UA"]), UNREADABLE),
        (record(vectors=[{"a": 1}]), UNREADABLE),
        (record(inferenceTime="yesterday"), UNREADABLE),
    ],
    ids=["cut", "no-record", "no-vectors", "one-too-many", "no-instance", "no-vector", "no-time"],
)
def test_what_cannot_be_compared_is_counted_with_its_reason(line, reason):
    found = sample([line, b"\n", record()], most=10)
    assert (found.left_out, found.seen, len(found.rows)) == ({reason: 1}, 1, 1)


def test_golden_rows_are_nobodys_traffic():
    found = sample([record("golden-run-1-3"), record()], most=10)
    assert (found.golden, found.seen, found.left_out) == (1, 1, {})


def test_the_sample_does_not_depend_on_the_order_of_files():
    lines = [record(f"i-{number}") for number in range(200)]
    forwards, backwards = sample(lines, most=20), sample(lines[::-1], most=20)
    assert [row.inference_id for row in forwards.rows] == [row.inference_id for row in backwards.rows]
    assert (forwards.seen, len(forwards.rows)) == (200, 20)


def test_a_larger_sample_holds_the_smaller_one():
    lines = [record(f"i-{number}") for number in range(200)]
    few, many = ({row.inference_id for row in sample(lines, most=n).rows} for n in (20, 60))
    assert few < many and len(many) == 60


def test_a_request_sent_again_under_its_id_is_two_rows():
    assert len(sample([record("i-1"), record("i-1")], most=5).rows) == 2
    assert len(sample([record("i-1"), record("i-1")], most=1).rows) == 1


def test_rows_of_one_request_are_taken_one_by_one():
    batch = record(instances=[INSTANCE] * 100, vectors=[[1.0]] * 100)
    assert 0 < len({row.row for row in sample([batch], most=10).rows}) == 10
