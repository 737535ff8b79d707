"""Feedback: outcomes told once, again, and otherwise."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from serving_account import account, call, request  # noqa: F401

ID = "0b6c7f1e-9a57-4c55-a0a1-1f2e3d4c5b6a"
GOOD = {"inference_id": ID, "outcome": 1, "observed_at": "2013-03-01T18:00:00-05:00"}


@pytest.fixture
def feedback(call):
    """Status and document of the answer to a body."""

    def answered(body, **event):
        answer = call("feedback", request(body, **event))
        return answer["statusCode"], json.loads(answer["body"])

    return answered


@pytest.fixture
def kept(account):
    """The records kept so far."""

    def read():
        objects = account.s3.list_objects_v2(Bucket=account.lake, Prefix="ground-truth/").get("Contents", [])
        bodies = [
            account.s3.get_object(Bucket=account.lake, Key=item["Key"])["Body"].read() for item in objects
        ]
        return [json.loads(line) for body in bodies for line in body.splitlines()]

    return read


def test_an_outcome_is_kept_in_sagemakers_ground_truth_form(feedback, kept):
    assert feedback(GOOD) == (202, {"inference_id": ID})
    assert kept() == [
        {
            "groundTruthData": {"data": "1", "encoding": "CSV"},
            "eventMetadata": {"eventId": ID, "observedTime": "2013-03-01T23:00:00Z"},
            "eventVersion": "0",
        }
    ]


def test_the_same_outcome_told_again_is_accepted_and_kept_once(feedback, kept):
    assert feedback(GOOD)[0] == 202
    assert feedback(GOOD | {"observed_at": "2013-03-02T00:00:00Z"})[0] == 202
    assert [each["eventMetadata"]["observedTime"] for each in kept()] == ["2013-03-01T23:00:00Z"]


def test_another_outcome_is_a_contradiction_and_the_first_stays(feedback, kept):
    feedback(GOOD)
    status, body = feedback(GOOD | {"outcome": 0})
    assert (status, body["error"]["what"]) == (409, "another outcome was told before")
    assert [each["groundTruthData"]["data"] for each in kept()] == ["1"]


def test_outcomes_of_two_predictions_are_two(feedback, kept):
    feedback(GOOD)
    assert feedback(GOOD | {"inference_id": "another", "outcome": 0})[0] == 202
    assert sorted(each["groundTruthData"]["data"] for each in kept()) == ["0", "1"]


@pytest.mark.parametrize("observed_at", [None, "absent"])
def test_without_a_time_of_observation_it_is_now(feedback, kept, observed_at):
    body = {name: value for name, value in GOOD.items() if name != "observed_at"}
    assert feedback(body if observed_at else body | {"observed_at": None})[0] == 202
    [record] = kept()
    observed = datetime.fromisoformat(record["eventMetadata"]["observedTime"])
    assert abs(datetime.now(UTC) - observed) < timedelta(minutes=1)


def test_a_body_in_base_64_is_the_same_body(feedback):
    body = base64.b64encode(json.dumps(GOOD).encode()).decode()
    assert feedback(body, isBase64Encoded=True)[0] == 202


@pytest.mark.parametrize("body", ["", "{", "outcome=1", '{"outcome": NaN}', "[" * 100_000])
def test_what_is_no_json_is_refused(feedback, kept, body):
    status, answer = feedback(body)
    assert (status, answer["error"]["what"]) == (400, "the body is not JSON")
    assert kept() == []


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"inference_id": None}, ["inference_id"]),
        ({"inference_id": 7}, ["inference_id"]),
        ({"inference_id": ""}, ["inference_id"]),
        ({"inference_id": "../../models/x"}, ["inference_id"]),
        ({"inference_id": f"{ID}\n"}, ["inference_id"]),
        ({"inference_id": "a" * 65}, ["inference_id"]),
        ({"outcome": None}, ["outcome"]),
        ({"outcome": 2}, ["outcome"]),
        ({"outcome": 0.5}, ["outcome"]),
        ({"outcome": "1"}, ["outcome"]),
        ({"outcome": True}, ["outcome"]),
        ({"outcome": [1]}, ["outcome"]),
        ({"observed_at": "tomorrow"}, ["observed_at"]),
        ({"observed_at": ""}, ["observed_at"]),
        ({"observed_at": 1362178800}, ["observed_at"]),
        ({"observed_at": "0001-01-01T00:00:00+14:00"}, ["observed_at"]),
        ({"inference_id": "?", "outcome": 3, "observed_at": "-"}, ["inference_id", "outcome", "observed_at"]),
    ],
)
def test_every_wrong_field_is_named_and_nothing_is_kept(feedback, kept, changes, fields):
    status, answer = feedback(GOOD | changes)
    assert status == 422
    assert [mistake["field"] for mistake in answer["error"]["fields"]] == fields
    assert kept() == []


@pytest.mark.parametrize("body", ["null", "[]", "3", '"text"'])
def test_a_body_that_is_no_object_is_refused(feedback, body):
    assert feedback(body)[0] == 422


def test_a_whole_number_may_be_written_as_a_float(feedback, kept):
    assert feedback(json.dumps(GOOD).replace('"outcome": 1', '"outcome": 1.0'))[0] == 202
    assert [each["groundTruthData"]["data"] for each in kept()] == ["1"]


def test_a_class_or_a_number_is_kept_where_the_task_is_one(account, call, kept):
    account.configure(training={"task": "regression", "metric": "r2"})
    assert call("feedback", request(GOOD | {"outcome": 12.5}))["statusCode"] == 202
    assert call("feedback", request(GOOD | {"outcome": "late"}))["statusCode"] == 422
    assert [each["groundTruthData"] for each in kept()] == [{"data": "12.5", "encoding": "CSV"}]
