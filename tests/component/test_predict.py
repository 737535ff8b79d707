"""Predict, called as API Gateway calls it, over DynamoDB in moto and an endpoint on real HTTP."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import base64
import json

import pytest
from serving_account import FLIGHTS, account, call, model, plan, request  # noqa: F401

from tidegate.moments import seconds

FLIGHT = {
    "scheduled_departure": "2013-03-01T13:30:00Z",
    "carrier": "UA",
    "origin": "EWR",
    "dest": "SFO",
    "distance": 2565,
    "hour": 8,
    "humid": 59.4,
    "wind_speed": 10.4,
    "precip": 0.0,
    "visib": None,
}
DEPARTURE = int(seconds(FLIGHT["scheduled_departure"]))
TTL = 14 * 86400


@pytest.fixture
def predict(call, account, model):
    """Status and document of the answer to a body."""
    account.put_online("carrier_delay|UA", "carrier_delay", DEPARTURE - 60, carrier_delay_rate_7d=0.25)
    account.put_online("origin_delay|EWR", "origin_delay", DEPARTURE, origin_delay_rate_7d=0.5)

    def answered(body, **event):
        answer = call("predict", request(body, **event))
        assert answer["headers"]["Content-Type"] == "application/json"
        return answer["statusCode"], json.loads(answer["body"])

    return answered


def test_one_flight_is_answered_with_its_aggregates_looked_up(predict, model, account):
    account.put_state("variant#variant-a", run="run-7")
    account.dynamodb.update_item(
        TableName=account.state,
        Key={"id": {"S": "variant#variant-a"}},
        UpdateExpression="SET model_version = :v",
        ExpressionAttributeValues={":v": {"N": "7"}},
    )
    model.answer = lambda _: (200, {"predictions": [{"probability": 0.125}], "model": "run-7"})
    status, body = predict(FLIGHT)

    [(target, inference_id, instances)] = model.requests
    assert status == 200
    assert body == {
        "inference_id": inference_id,
        "variant": "variant-a",
        "model_version": 7,
        "predictions": [{"probability": 0.125}],
        "features": {"stale": [], "missing": []},
    }
    assert target is None and len(inference_id) == 36
    assert instances == [FLIGHT | {"carrier_delay_rate_7d": 0.25, "origin_delay_rate_7d": 0.5}]


def test_the_version_of_a_model_that_is_not_written_down_yet_is_null(predict, model):
    model.answer = lambda _: (200, {"predictions": [{"probability": 0.5}], "model": "run-8"})
    assert predict(FLIGHT)[1]["model_version"] is None


def test_a_batch_is_answered_row_by_row_in_its_order(predict, model):
    model.answer = lambda rows: (200, {"predictions": [{"probability": row["hour"] / 24} for row in rows]})
    rows = [FLIGHT | {"hour": hour} for hour in (6, 12, 18)]
    status, body = predict({"instances": rows})
    assert status == 200
    assert [each["probability"] for each in body["predictions"]] == [0.25, 0.5, 0.75]


@pytest.mark.parametrize(
    ("age_seconds", "stale"), [(TTL, []), (TTL + 1, ["carrier_delay_rate_7d", "origin_delay_rate_7d"])]
)
def test_an_aggregate_older_than_its_ttl_is_stale_and_not_used(account, call, model, age_seconds, stale):
    account.put_online(
        "carrier_delay|UA", "carrier_delay", DEPARTURE - age_seconds, carrier_delay_rate_7d=0.25
    )
    account.put_online("origin_delay|EWR", "origin_delay", DEPARTURE - age_seconds, origin_delay_rate_7d=0.5)
    answer = json.loads(call("predict", request(FLIGHT))["body"])
    assert answer["features"] == {"stale": stale, "missing": []}
    [(_, _, [instance])] = model.requests
    assert instance["carrier_delay_rate_7d"] == (None if stale else 0.25)


def test_what_nobody_computed_or_only_the_future_knows_is_missing(predict, account, model):
    account.put_online("carrier_delay|B6", "carrier_delay", DEPARTURE + 1, carrier_delay_rate_7d=0.9)
    status, body = predict({"instances": [FLIGHT, FLIGHT | {"carrier": "B6"}, FLIGHT | {"origin": "LGA"}]})
    assert status == 200
    assert body["features"] == {
        "stale": [],
        "missing": ["carrier_delay_rate_7d", "origin_delay_rate_7d"],
    }
    [(_, _, instances)] = model.requests
    assert [row["carrier_delay_rate_7d"] for row in instances] == [0.25, None, 0.25]
    assert [row["origin_delay_rate_7d"] for row in instances] == [0.5, 0.5, None]


def test_another_version_of_a_feature_is_not_taken_for_this_one(account, call, model):
    item = {"entity": {"S": "carrier_delay|UA"}, "view": {"S": "carrier_delay@0000000000000000"}}
    item |= {"v": {"S": '{"carrier_delay_rate_7d":0.9}'}, "et": {"N": str(DEPARTURE)}, "kt": {"N": "0"}}
    account.dynamodb.put_item(TableName=account.online, Item=item)
    answer = json.loads(call("predict", request(FLIGHT))["body"])
    assert "carrier_delay_rate_7d" in answer["features"]["missing"]


def test_a_body_in_base_64_is_the_same_body(predict):
    body = base64.b64encode(json.dumps(FLIGHT).encode()).decode()
    assert predict(body, isBase64Encoded=True)[0] == 200


@pytest.mark.parametrize(
    "body",
    ["", "{", "carrier=UA", '{"hour": NaN}', '{"hour": -Infinity}', "[" * 100_000, json.dumps(FLIGHT)[:-1]],
)
def test_what_is_no_json_is_refused(predict, model, body):
    status, answer = predict(body)
    assert (status, answer["error"]["what"]) == (400, "the body is not JSON")
    assert model.requests == []


def test_base_64_that_is_none_is_refused(predict):
    assert predict("%%%", isBase64Encoded=True)[0] == 400
    assert predict(base64.b64encode(b"\xff").decode(), isBase64Encoded=True)[0] == 400


def test_a_missing_body_is_refused(call, model):
    event = request("")
    del event["body"]
    assert call("predict", event)["statusCode"] == 400


def test_every_field_that_breaks_the_contract_is_named(predict, model):
    rows = [FLIGHT, FLIGHT | {"origin": "SFO", "hour": 24, "carier": "UA"}, "UA"]
    status, answer = predict({"instances": rows})
    assert status == 422
    assert answer["error"]["what"] == "the request breaks the contract"
    assert answer["error"]["fields"] == [
        {"field": "instances[1].carier", "message": "is not a request column"},
        {"field": "instances[1].origin", "message": "must be one of EWR, JFK, LGA, is 'SFO'"},
        {"field": "instances[1].hour", "message": "must be at most 23, is 24"},
        {"field": "instances[2]", "message": "must be an object"},
    ]
    assert model.requests == []


def test_of_very_many_mistakes_the_first_hundred_are_told(predict):
    _, answer = predict({"instances": [{}] * 50})
    assert len(answer["error"]["fields"]) == 100


@pytest.mark.parametrize("instances", [[], {}, "rows", None, 3])
def test_a_batch_that_is_no_list_of_rows_is_refused(predict, instances):
    assert predict({"instances": instances})[0] == 422


@pytest.mark.parametrize("body", [None, [], 3, True, [FLIGHT], {"instances": [FLIGHT], "debug": True}])
def test_a_document_that_is_neither_a_row_nor_a_batch_is_refused(predict, model, body):
    assert predict(json.dumps(body))[0] == 422
    assert model.requests == []


def test_more_rows_than_one_request_may_have_are_refused(predict, model):
    assert predict({"instances": [FLIGHT] * 1000})[0] == 200
    status, answer = predict({"instances": [FLIGHT] * 1001})
    assert (status, answer["error"]["hint"]) == (413, "send at most 1000")


@pytest.mark.parametrize(
    ("status", "document", "kind"),
    [
        (424, {"Message": "UA at EWR is no number", "OriginalStatusCode": 500}, "ModelError"),
        (200, b"<html>", "JSONDecodeError"),
        (200, [0.5], "IncompleteAnswer"),
        (200, {"predictions": []}, "IncompleteAnswer"),
        (200, {"predictions": {"probability": 0.5}}, "IncompleteAnswer"),
        (200, {"answers": [0.5]}, "IncompleteAnswer"),
    ],
)
def test_a_model_that_fails_is_a_503_to_try_again(call, model, status, document, kind):
    model.answer = lambda _: (status, document)
    answer = call("predict", request(FLIGHT))
    error = json.loads(answer["body"])["error"]
    assert answer["statusCode"] == 503
    assert int(answer["headers"]["Retry-After"]) > 0
    assert (error["what"], error["cause"]) == ("no model answers", kind)
    [(_, inference_id, _)] = model.requests  # asked once: the caller's patience is not spent on retries
    assert error["inference_id"] == inference_id


def test_a_model_past_its_deadline_is_a_503(account, call, model):
    account.configure(serving={"timeout_ms": 50})
    model.seconds = 0.4
    error = json.loads(call("predict", request(FLIGHT))["body"])["error"]
    assert (error["what"], error["cause"]) == ("no model answers", "ReadTimeoutError")


def test_no_endpoint_is_a_503(call, model):
    model.close()
    answer = call("predict", request(FLIGHT))
    assert answer["statusCode"] == 503


def test_aggregates_that_cannot_be_looked_up_are_a_503(account, call, model):
    account.dynamodb.delete_table(TableName=account.online)
    answer = call("predict", request(FLIGHT))
    assert answer["statusCode"] == 503
    assert json.loads(answer["body"])["error"]["what"] == "no aggregates can be looked up"
    assert model.requests == []


def test_counts_what_it_did(predict, capsys):
    predict({"instances": [FLIGHT, FLIGHT | {"carrier": "B6"}]})
    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    assert metrics["Predictions"] == [2.0]
    assert metrics["MissingFeatures"] == [1.0]
    assert metrics["StaleFeatures"] == [0.0]
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Tidegate"


def test_counts_what_it_refused(predict, capsys):
    predict("{")
    predict({"instances": [{}] * 3})
    written = capsys.readouterr().out.splitlines()
    metrics = [json.loads(line) for line in written if '"_aws"' in line]
    assert [each["RefusedRequests"] for each in metrics] == [[1.0], [1.0]]


@pytest.mark.parametrize(
    "failure", [None, (424, {"Message": "carrier ZQ, dest XQX", "OriginalStatusCode": 400})]
)
def test_logs_hold_nothing_of_a_request(predict, model, capsys, failure):
    if failure:
        model.answer = lambda _: failure
    predict(FLIGHT | {"carrier": "ZQ", "dest": "XQX", "distance": 4321})
    predict(FLIGHT | {"carrier": "ZQZQ", "dest": "XQX"})
    written = "".join(capsys.readouterr())
    assert written  # metrics at least
    assert not [word for word in ("ZQ", "XQX", "4321", "EWR") if word in written]


def test_the_example_of_the_pipeline_is_a_request_it_answers(predict):
    example = json.loads((FLIGHTS / "one.json").read_text())
    assert set(example) == set(plan().features.request)
    assert predict(example)[0] == 200
