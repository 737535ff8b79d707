"""Feedback: outcomes told once, again, and otherwise."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from serving_account import account, call, request  # noqa: F401

from tidegate.aws import tellings

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


def batch(*told):
    return {
        "outcomes": [{"inference_id": inference_id, "outcome": outcome} for inference_id, outcome in told]
    }


def results(answered):
    status, body = answered
    assert status == 207
    return [(each["inference_id"], each["status"]) for each in body["results"]]


def test_a_batch_has_a_status_for_each_outcome_in_its_order(feedback, kept):
    feedback(GOOD)
    told = results(feedback(batch(("b", 0), (ID, 0), ("c", 1), (ID, 1))))
    assert told == [("b", 202), (ID, 409), ("c", 202), (ID, 202)]
    by_id = {each["eventMetadata"]["eventId"]: each["groundTruthData"]["data"] for each in kept()}
    assert by_id == {"b": "0", ID: "1", "c": "1"}


def test_a_batch_that_is_sent_again_says_the_same_and_is_kept_once(feedback, kept):
    body = batch(*((f"id-{number}", number % 2) for number in range(100)))
    first, again = results(feedback(body)), results(feedback(body))
    assert first == again == [(f"id-{number}", 202) for number in range(100)]
    assert len(kept()) == 100


def test_of_two_outcomes_in_one_batch_the_first_is_kept(feedback, kept):
    told = results(feedback(batch(("a", 1), ("a", 0), ("a", 1))))
    assert told == [("a", 202), ("a", 409), ("a", 202)]
    assert [each["groundTruthData"]["data"] for each in kept()] == ["1"]


def test_quality_is_told_of_every_outcome_of_a_batch(feedback, account):
    feedback(batch(("a", 1), ("b", 0), ("a", 0)))
    lines = tellings.since(account.s3, account.lake, datetime.now(UTC) - timedelta(hours=1))
    told = [json.loads(line) for line in lines]
    pairs = [(each["eventMetadata"]["eventId"], each["groundTruthData"]["data"]) for each in told]
    assert pairs == [("a", "1"), ("b", "0"), ("a", "0")]


def test_a_batch_with_a_wrong_outcome_is_refused_whole_and_each_field_named(feedback, kept):
    body = batch(("a", 1), ("?", 1), ("c", 2))
    status, answer = feedback({"outcomes": [*body["outcomes"], 7]})
    assert status == 422 and kept() == []
    fields = [mistake["field"] for mistake in answer["error"]["fields"]]
    assert fields == ["outcomes[1].inference_id", "outcomes[2].outcome", "outcomes[3]"]


@pytest.mark.parametrize("told", [[], {}, None, "text", 3])
def test_a_batch_that_is_no_list_of_outcomes_is_refused(feedback, told):
    status, answer = feedback({"outcomes": told})
    assert (status, answer["error"]["fields"][0]["field"]) == (422, "outcomes")


def test_a_batch_beside_other_members_is_none(feedback):
    status, answer = feedback(batch(("a", 1)) | {"more": 1})
    assert (status, answer["error"]["fields"][0]["field"]) == (422, "inference_id")


def test_more_outcomes_than_one_request_may_have_are_refused(feedback, kept):
    status, answer = feedback(batch(*((f"id-{number}", 1) for number in range(101))))
    assert (status, answer["error"]["hint"]) == (413, "send at most 100") and kept() == []


def test_of_a_batch_kept_and_refused_outcomes_are_counted(feedback, capsys):
    feedback(batch(("a", 1), ("a", 0), ("b", 0)))
    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert (metrics["Outcomes"], metrics["RefusedOutcomes"]) == ([2.0], [1.0])


def test_a_class_or_a_number_is_kept_where_the_task_is_one(account, call, kept):
    account.configure(training={"task": "regression", "metric": "r2"})
    assert call("feedback", request(GOOD | {"outcome": 12.5}))["statusCode"] == 202
    assert call("feedback", request(GOOD | {"outcome": "late"}))["statusCode"] == 422
    assert [each["groundTruthData"] for each in kept()] == [{"data": "12.5", "encoding": "CSV"}]
