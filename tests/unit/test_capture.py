"""Data capture as the SageMaker guide shows it, and everything that may be wrong with a line of it."""

import base64
import itertools
import json

import pytest

from tidegate.monitoring.capture import Captured, chunks, read

ASKED = '{"instances":[{"carrier":"UA","hour":8},{"carrier":"AA","hour":9}]}'
_events = itertools.count()
ANSWERED = '{"predictions":[{"probability":0.25},{"probability":0.75}],"model":"run-1"}'


def line(asked=ASKED, answered=ANSWERED, *, encoding="JSON", **metadata):
    """One record; texts are put under `encoding`."""
    data = lambda text: base64.b64encode(text.encode()).decode() if encoding == "BASE64" else text  # noqa: E731
    side = {"observedContentType": "application/json", "encoding": encoding}
    record = {
        "captureData": {
            "endpointInput": {**side, "mode": "INPUT", "data": data(asked)},
            "endpointOutput": {**side, "mode": "OUTPUT", "data": data(answered)},
        },
        "eventMetadata": {
            "eventId": f"e-{next(_events)}",
            "inferenceTime": "2026-11-23T07:49:56Z",
            **metadata,
        },
        "eventVersion": "0",
    }
    return json.dumps(record).encode() + b"\n"


def side(**endpoint_input):
    """A record whose input is as given."""
    record = json.loads(line())
    record["captureData"]["endpointInput"] = endpoint_input
    return json.dumps(record).encode()


@pytest.mark.parametrize("encoding", ["JSON", "BASE64"])
def test_a_record_gives_its_instances_and_their_answers(encoding):
    found = read([line(encoding=encoding)])
    assert found.instances == [{"carrier": "UA", "hour": 8}, {"carrier": "AA", "hour": 9}]
    assert found.answers == [{"probability": 0.25}, {"probability": 0.75}]
    assert (found.unreadable, found.fallen_short, found.golden) == (0, 0, 0)


def test_what_was_looked_up_and_what_the_model_saw_are_no_columns_of_the_request():
    looked_up = '{"carrier_delay@0123456789abcdef":{"v":{"rate":0.5},"et":1,"kt":1,"rev":1}}'
    found = read(
        [
            line(
                f'{{"instances":[{{"carrier":"UA","hour":8,"views":{looked_up}}}],"vectors":true}}',
                '{"predictions":[{"probability":0.25}],"model":"run-1","vectors":[["UA",8.0,null]]}',
            )
        ]
    )
    assert found.instances == [{"carrier": "UA", "hour": 8, "views": json.loads(looked_up)}]
    assert (found.answers, found.unreadable) == ([{"probability": 0.25}], 0)


def test_records_add_up_in_order_and_blank_lines_are_nothing():
    one = line('{"instances":[{"hour":1}]}', '{"predictions":[{"probability":1}]}')
    two = line('{"instances":[{"hour":2}]}', '{"predictions":[{"probability":0}]}')
    found = read([one, b"\n", two, b""])
    assert found.instances == [{"hour": 1}, {"hour": 2}]
    assert found.answers == [{"probability": 1.0}, {"probability": 0.0}]
    assert found.unreadable == 0


@pytest.mark.parametrize("length", [1, 40, 200, -4])
def test_a_truncated_line_is_counted_and_the_lines_around_it_are_read(length):
    found = read([line(), line()[:length], line()])
    assert (len(found.instances), found.unreadable) == (4, 1)


@pytest.mark.parametrize(
    "broken",
    [
        b"\xff\xfe\n",
        b"null",
        b"[]",
        b'"text"',
        b"{}",
        b'{"captureData": null}',
        b'{"captureData": {}, "eventMetadata": []}',
        b"[" * 100_000,
        side(),
        side(data=None, encoding="JSON"),
        side(data="carrier,UA", encoding="CSV"),
        side(data="%%%", encoding="BASE64"),
        side(data="{}", encoding="JSON"),
        side(data="[]", encoding="JSON"),
        side(data='{"instances": null}', encoding="JSON"),
        side(data='{"instances": "ab"}', encoding="JSON"),
        side(data='{"instances": [["UA"], ["AA"]]}', encoding="JSON"),
        line(answered='{"predictions": [0.1, 0.2]}'),
        line(answered='{"predictions": [{"label": 1}, {"label": 0}]}'),
        line(answered='{"predictions": [{"probability": "0.1"}, {"probability": 1}]}'),
        line(answered='{"predictions": [{"probability": true}, {"probability": 1}]}'),
        line(answered='{"predictions": [{"probability": null}, {"probability": 1}]}'),
        line(answered='{"predictions": [{"probability": 1' + "0" * 400 + '}, {"probability": 1}]}'),
    ],
)
def test_a_line_of_another_shape_is_counted_and_nothing_of_it_is_taken(broken):
    found = read([broken, line()])
    assert (found.unreadable, found.fallen_short) == (1, 0)
    assert (len(found.instances), len(found.answers)) == (2, 2)


def test_an_answer_to_fewer_rows_than_asked_is_counted_by_itself():
    found = read([line(answered='{"predictions": [{"probability": 0.5}]}')])
    assert (found.fallen_short, found.unreadable, found.instances) == (1, 0, [])


def test_a_record_that_is_there_twice_counts_once():
    once = line()
    found = read([once, line(), once])
    assert (len(found.instances), found.repeated) == (4, 1)


def test_records_without_an_event_id_are_different_ones():
    found = read([line(eventId=None), line(eventId=None)])
    assert (len(found.instances), found.repeated) == (4, 0)


def test_rows_have_the_vectors_that_their_answers_came_from_and_ids_of_their_own():
    told = '{"predictions":[{"probability":1},{"probability":0}],"vectors":[["UA",8.0],[null,9.0]]}'
    short = '{"predictions":[{"probability":1},{"probability":0}],"vectors":[["UA",8.0]]}'
    found = read([line(answered=told, eventId="e"), line(answered=short)])
    assert found.vectors == [["UA", 8.0], [None, 9.0], None, None]
    assert found.ids[:2] == ["e#0", "e#1"] and len(set(found.ids)) == 4


def test_chunks_are_all_the_rows_and_one_more_tells_that_there_are_none():
    whole = [line() for _ in range(5)]
    counts = Captured()
    taken = [len(chunk.instances) for chunk in chunks(counts, [*whole, b"{}", whole[0]], rows=4)]
    assert taken == [4, 4, 2]
    assert (counts.unreadable, counts.repeated, counts.instances) == (1, 1, [])
    assert [chunk.ids for chunk in chunks(Captured(), [])] == [[]]


def test_golden_rows_of_a_rollout_are_nobodys_traffic():
    found = read([line(inferenceId="golden-5f0c"), line(inferenceId="5f0c")])
    assert (found.golden, len(found.instances), found.unreadable) == (1, 2, 0)


def test_classes_and_numbers_are_read_as_what_is_watched_of_them():
    b, a = '{"label":"b","probabilities":{"a":0.25,"b":0.75}}', '{"label":"a","probabilities":{"a":1}}'
    classes = f'{{"predictions":[{b},{a}]}}'
    numbers = '{"predictions":[{"value":-2.5},{"value":3}]}'
    found = read([line(answered=classes), line(answered=numbers)])
    assert found.answers == [
        {"label": "b", "confidence": 0.75},
        {"label": "a", "confidence": 1.0},
        {"value": -2.5},
        {"value": 3.0},
    ]
