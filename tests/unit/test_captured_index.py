"""The index of captured requests: what is in a row, and what is none."""

import json

from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.origins.captured import SCHEMA, Index

VIEW = ViewPlan(
    name="delay",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier",),
    sql="select * from source",
    window_seconds=1,
    every_seconds=1,
    ttl_seconds=1,
    hash="0123456789abcdef0",
)


def line(inference_id, *instances, model="run-1", **event):
    sides = {
        "endpointInput": {"data": json.dumps({"instances": list(instances)}), "encoding": "JSON"},
        "endpointOutput": {"data": json.dumps({"predictions": [], "model": model}), "encoding": "JSON"},
    }
    metadata = {"eventId": "e-1", "inferenceTime": "1970-01-01T00:01:40Z", **event}
    metadata |= {"inferenceId": inference_id} if inference_id else {}
    return json.dumps({"captureData": sides, "eventMetadata": metadata}).encode() + b"\n"


def indexed(*lines):
    index = Index({VIEW.version: VIEW}.get)
    index.add_file("captures/e/v/file.jsonl", b"".join(lines))
    return index.table()


def test_a_row_says_where_its_record_lies_and_what_it_looked_up():
    value = {"v": {"rate": 0.5}, "et": 60, "kt": 61, "rev": 3}
    other = {"views": {VIEW.version: {"state": "missing"}, "unknown@1": value}}
    second = line("b", {"carrier": "UA", "views": {VIEW.version: value}}, other)
    lines = (line("c", {"carrier": "AA"}), second, line(None, {}))
    rows = indexed(*lines).to_pylist()
    assert [row["inference_id"] for row in rows] == ["b", "c", "e-1"]
    assert rows[0] == {
        "inference_id": "b",
        "at": 100,
        "model": "run-1",
        "instances": 2,
        "file": "captures/e/v/file.jsonl",
        "offset": len(lines[0]),
        "length": len(second),
        "looked_up": [{"view": VIEW.version, "entity": "delay|UA", "et": 60, "rev": 3}],
    }


def test_what_is_no_request_of_anybody_is_passed_over():
    bad = (
        line("golden-1", {}),
        line("mirror-x", {}),
        b"{\n",
        b"\n",
        b'{"captureData": {}, "eventMetadata": {}}\n',
        line("a", {}, inferenceTime="yesterday"),
        line("a", {"views": {VIEW.version: {"v": {}}}, "carrier": "UA"}),  # a value without its time
        line("a", "no object"),
        b"[" * 100_000 + b"\n",
    )
    assert indexed(*bad).num_rows == 0
    assert indexed().schema == SCHEMA


def test_a_store_that_told_no_revision_is_kept_as_such():
    [row] = indexed(line("a", {"carrier": "UA", "views": {VIEW.version: {"v": {}, "et": 5}}})).to_pylist()
    assert row["looked_up"] == [{"view": VIEW.version, "entity": "delay|UA", "et": 5, "rev": -1}]
