"""Captured lines read as columns, held to what the plain reader of the same lines says."""

import base64
import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.monitoring.capture import Captured, read
from tidegate.monitoring.capture_reader import CaptureReader

COLUMNS = {"carrier": "string", "hour": "integer", "wind speed": "number", "class": "boolean"}
NUMBER, LABEL = ["probability"], ["label", "confidence"]
EVENTS = itertools.count()


def line(instances, predictions, *, encoding="JSON", inference_id="i-1", event_id=None):
    def side(document):
        text = json.dumps(document)
        return base64.b64encode(text.encode()).decode() if encoding == "BASE64" else text

    record = {
        "captureData": {
            "endpointInput": {"data": side({"instances": instances, "vectors": True}), "encoding": encoding},
            "endpointOutput": {"data": side({"predictions": predictions}), "encoding": encoding},
        },
        "eventMetadata": {"eventId": event_id or f"e-{next(EVENTS)}", "inferenceId": inference_id},
    }
    return json.dumps(record).encode()


def both(lines, answers, *, lines_of_block=None):
    """(rows of the reader, rows of the plain reader), each with the four counts."""
    captured, plain, rows = Captured(), read(lines), []
    size = lines_of_block or len(lines) or 1
    blocks = [b"\n".join(lines[at : at + size]) for at in range(0, len(lines), size)]
    columns = {name: [] for name in COLUMNS}
    told = {name: [] for name in answers}
    for chunk in CaptureReader(captured, COLUMNS, answers).chunks(blocks):
        rows += [(chunk.name(row), chunk.line(row)) for row in range(chunk.rows)]
        for kept, values in ((columns, chunk.columns), (told, chunk.answers)):
            for name in kept:
                assert len(values[name]) == chunk.rows
                kept[name] += values[name]
    expected = {name: [each.get(name) for each in plain.instances] for name in COLUMNS}
    wanted = {name: [each.get(name) for each in plain.answers] for name in answers}
    for name, source in rows:
        assert source in lines
        assert len(read([source]).instances) > int(name.rpartition("#")[2])
    ids = [name for name, _ in rows]
    return (columns, told, counts(captured), ids), (expected, wanted, counts(plain), plain.ids)


def counts(captured):
    return captured.golden, captured.unreadable, captured.fallen_short, captured.repeated


def test_rows_become_columns_in_their_order():
    lines = [
        line([{"carrier": "UA", "hour": 5, "views": {"a": 1}}], [{"probability": 0.25}]),
        line([{"wind speed": 8.5}, {"class": True}], [{"probability": 0.5}, {"probability": 1}]),
    ]
    [chunk] = CaptureReader(Captured(), COLUMNS, NUMBER).chunks([b"\n".join(lines)])
    assert chunk.columns == {
        "carrier": ["UA", None, None],
        "hour": [5, None, None],
        "wind speed": [None, 8.5, None],
        "class": [None, None, True],
    }
    assert chunk.answers == {"probability": [0.25, 0.5, 1.0]}


def test_labels_come_with_the_probability_of_the_label():
    answer = {"label": "b", "probabilities": {"a": 0.25, "b": 0.75}}
    [chunk] = CaptureReader(Captured(), COLUMNS, LABEL).chunks([line([{}], [answer])])
    assert chunk.answers == {"label": ["b"], "confidence": [0.75]}


def test_a_block_is_a_chunk_and_one_without_rows_is_none():
    blocks = [
        line([{"hour": 1}], [{"probability": 0.5}]),
        b"no record",
        line([{"hour": 2}], [{"probability": 1}]),
    ]
    chunks = list(CaptureReader(Captured(), COLUMNS, NUMBER).chunks(blocks))
    assert [chunk.columns["hour"] for chunk in chunks] == [[1], [2]]


def test_nothing_read_is_one_chunk_without_rows():
    for answers in (NUMBER, LABEL):
        [chunk] = CaptureReader(Captured(), COLUMNS, answers).chunks([b"no record"])
        assert (chunk.rows, chunk.events, chunk.places) == (0, [], [])
        assert chunk.columns == {name: [] for name in COLUMNS}
        assert chunk.answers == {name: [] for name in answers}


ASKED = {"instances": [{"carrier": "UA", "hour": 5}], "vectors": True}
WHOLE = line([{"carrier": "UA", "hour": 5}], [{"probability": 0.5}])
OTHER = line([{"carrier": "UA", "hour": 5}], [{"probability": 0.5}])
AFTER = line([{"hour": 6}], [{"probability": 0.75}])
ODD = {
    "without an event": WHOLE.replace(b'"eventId"', b'"other"'),
    "an event that is a number": WHOLE.replace(b'"eventId": "', b'"eventId": 7, "was": "'),
    "truncated": WHOLE[: len(WHOLE) // 2],
    "blank": b"  \n",
    "not an object": b"[1]",
    "golden": line([{"hour": 1}], [{"probability": 0.5}], inference_id="golden-1"),
    "copied": line([{"hour": 1}], [{"probability": 0.5}], inference_id="mirror-1"),
    "one answer short": line([{"hour": 1}, {"hour": 2}], [{"probability": 0.5}]),
    "base64": line([{"carrier": "UA"}], [{"probability": 0.5}], encoding="BASE64"),
    "a text where a number belongs": line([{"hour": "five"}], [{"probability": 0.5}]),
    "a whole number written as a float": line([{"hour": 5.0}], [{"probability": 0.5}]),
    "beyond 64 bits": line([{"hour": 2**70}], [{"probability": 0.5}]),
    "not a number": line([{"wind speed": float("nan")}], [{"probability": 0.5}]),
    "half of a character": line([{"carrier": "\ud800"}], [{"probability": 0.5}]),
    "an instance that is no object": line(["UA"], [{"probability": 0.5}]),
    "another task's answer": line([{"hour": 1}], [{"value": 0.5}]),
    "an answer with more": line([{"hour": 1}], [{"probability": 0.5, "more": 1}]),
    "an answer that is true": line([{"hour": 1}], [{"probability": True}]),
    "a label that has no probability": line([{"hour": 1}], [{"label": "c", "probabilities": {"a": 1.0}}]),
    "probabilities that are a text": line([{"hour": 1}], [{"label": 0, "probabilities": ""}]),
    "an id that is a number": WHOLE.replace(b'"i-1"', b"7"),
    "no metadata": json.dumps({"captureData": json.loads(WHOLE)["captureData"]}).encode(),
    "nothing asked": line([], []),
    "a text of two objects": OTHER.replace(rb"0.5}]}", rb"0.5}]}{}"),
    "a text over two lines": OTHER.replace(rb"{\"carrier", rb"\n{\"carrier"),
    "two objects in two lines of a text": OTHER.replace(rb"0.5}]}", rb"0.5}]}\n{}"),
    "two records on a line": OTHER + OTHER.replace(b'"e-', b'"f-'),
    "a line that ends as Windows ends it": OTHER + b"\r",
    "a text that is empty": OTHER.replace(rb"{\"predictions\": [{\"probability\": 0.5}]}", b""),
    "a body that leaves its text": OTHER.replace(rb"\"vectors\": true}", rb"\"vectors\": true},{}"),
}


@pytest.mark.parametrize("answers", [NUMBER, LABEL], ids=["number", "label"])
@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_an_odd_line_is_what_the_plain_reader_says_and_its_neighbours_stay(odd, answers):
    # the last is another record of the first one's event
    for size in (1, 2, 4):
        ours, plain = both([WHOLE, odd, AFTER, WHOLE], answers, lines_of_block=size)
        assert repr(ours) == repr(plain)


@pytest.mark.parametrize("odd", ODD.values(), ids=ODD.keys())
def test_halves_of_two_odd_lines_do_not_make_one_another_whole(odd):
    half = len(odd) // 2
    ours, plain = both([odd[:half], odd[half:], WHOLE, AFTER], NUMBER)
    assert repr(ours) == repr(plain)


def test_texts_that_only_together_are_two_values_are_read_by_none():
    # joined by newlines they would be two objects for two texts, if a value could reach over the newline
    first, second = '{"instances": [{}', '{}]} {"instances": []}'
    lines = [
        WHOLE.replace(json.dumps(json.dumps(ASKED))[1:-1].encode(), json.dumps(text)[1:-1].encode())
        for text in (first, second)
    ]
    assert WHOLE not in lines
    ours, plain = both(lines, NUMBER)
    assert repr(ours) == repr(plain)
    assert ours[2][1] == 2


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.just([1])
INSTANCES = st.dictionaries(st.sampled_from([*COLUMNS, "views"]), VALUES, max_size=4)
ANSWERS = st.dictionaries(
    st.sampled_from(["probability", "value", "label", "probabilities"]), VALUES, max_size=2
)


@given(st.lists(st.tuples(st.lists(INSTANCES, max_size=2), st.lists(ANSWERS, max_size=2)), max_size=4))
def test_whatever_is_captured_both_readers_say_the_same(records):
    lines = [line(instances, predictions) for instances, predictions in records]
    for answers, size in itertools.product((NUMBER, LABEL), (1, 4)):
        ours, plain = both(lines, answers, lines_of_block=size)
        # repr: nan is not equal to itself, and 1, 1.0 and True are
        assert repr(ours[0]) == repr(plain[0])
        assert ours[2:] == plain[2:]
        assert [list(map(_float, values)) for values in ours[1].values()] == [
            list(map(_float, values)) for values in plain[1].values()
        ]


def _float(value):
    return repr(float(value)) if isinstance(value, int | float) else repr(value)
