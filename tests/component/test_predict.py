"""Predict, called as API Gateway calls it, over DynamoDB in moto and an endpoint on real HTTP."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import base64
import dataclasses
import json
import socket
import sys
import time
from types import SimpleNamespace

import pytest
from serving_account import (  # noqa: F401
    FLIGHTS,
    VERSIONS,
    account,
    call,
    model,
    other_features,
    plan,
    request,
)

from tidegate.aws import feature_sets
from tidegate.aws.state import State
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
CARRIER, ORIGIN = VERSIONS["carrier_delay"], VERSIONS["origin_delay"]
MISSING = {"state": "missing"}


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


def record(account, variant="variant-a", *, version=7, run="run-7", feature_set=None):
    State(account.dynamodb, account.state).record_variant(
        variant, version=version, arn="arn", run=run, feature_set=feature_set or plan().features.hash
    )


def looked_up(instances, version, output="carrier_delay_rate_7d"):
    """The output in each instance, or why there is none."""
    members = [instance["views"][version] for instance in instances]
    return [member["v"][output] if "v" in member else member["state"] for member in members]


def written_metrics(capsys):
    """Of the one request since the last look."""
    [metrics] = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]
    return metrics


def test_one_flight_is_answered_with_its_aggregates_looked_up(predict, model, account):
    record(account)
    model.answer = lambda _: (200, {"predictions": [{"probability": 0.125}], "model": "run-7"})
    status, body = predict(FLIGHT)

    [(target, inference_id, instances)] = model.requests
    assert status == 200
    assert body == {
        "inference_id": inference_id,
        "variant": "variant-a",
        "model_version": 7,
        "degraded": None,
        "predictions": [{"probability": 0.125}],
        "features": {"stale": [], "missing": [], "failed": []},
    }
    assert target is None and len(inference_id) == 36
    carrier = {"v": {"carrier_delay_rate_7d": 0.25}, "et": DEPARTURE - 60, "kt": DEPARTURE - 60, "rev": 3}
    origin = {"v": {"origin_delay_rate_7d": 0.5}, "et": DEPARTURE, "kt": DEPARTURE, "rev": 3}
    assert instances == [FLIGHT | {"views": {CARRIER: carrier, ORIGIN: origin}}]


def test_vectors_are_asked_for_to_be_captured_and_not_told_to_the_caller(predict, model):
    model.answer = lambda _: (200, {"predictions": [{"probability": 0.5}], "vectors": [[1.0, "UA", None]]})
    _, body = predict(FLIGHT)
    assert model.bodies[0]["vectors"] is True
    assert "vectors" not in body


def test_columns_of_other_names_than_asked_for_never_reach_the_model(predict, model):
    assert predict(FLIGHT | {"views": {CARRIER: {"v": {"carrier_delay_rate_7d": 0.99}, "et": 0}}})[0] == 422
    assert model.requests == []


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
    then = DEPARTURE - age_seconds
    account.put_online("carrier_delay|UA", "carrier_delay", then, carrier_delay_rate_7d=0.25)
    account.put_online("origin_delay|EWR", "origin_delay", then, origin_delay_rate_7d=0.5)
    answer = json.loads(call("predict", request(FLIGHT))["body"])
    assert answer["features"] == {"stale": stale, "missing": [], "failed": []}
    [(_, _, [instance])] = model.requests
    if stale:
        assert instance["views"][CARRIER] == {"state": "stale", "et": then}
    else:
        assert instance["views"][CARRIER]["v"] == {"carrier_delay_rate_7d": 0.25}


def test_what_nobody_computed_or_only_the_future_knows_is_missing(predict, account, model):
    account.put_online("carrier_delay|B6", "carrier_delay", DEPARTURE + 1, carrier_delay_rate_7d=0.9)
    status, body = predict({"instances": [FLIGHT, FLIGHT | {"carrier": "B6"}, FLIGHT | {"origin": "LGA"}]})
    assert status == 200
    assert body["features"] == {
        "stale": [],
        "missing": ["carrier_delay_rate_7d", "origin_delay_rate_7d"],
        "failed": [],
    }
    [(_, _, instances)] = model.requests
    assert looked_up(instances, CARRIER) == [0.25, "missing", 0.25]
    assert looked_up(instances, ORIGIN, "origin_delay_rate_7d") == [0.5, 0.5, "missing"]
    assert instances[1]["views"][CARRIER] == {"state": "missing", "et": DEPARTURE + 1}
    assert instances[2]["views"][ORIGIN] == MISSING


def test_a_value_that_is_no_number_in_json_is_null_and_one_that_is_broken_a_failed_read(
    account, call, model, capsys
):
    account.put_online("carrier_delay|UA", "carrier_delay", DEPARTURE, text='{"carrier_delay_rate_7d": NaN}')
    account.put_online("origin_delay|EWR", "origin_delay", DEPARTURE, text='{"origin_delay_ra')
    answer = call("predict", request(FLIGHT))
    assert json.loads(answer["body"])["features"]["failed"] == ["origin_delay_rate_7d"]
    [(_, _, instances)] = model.requests
    assert looked_up(instances, CARRIER) == [None]
    assert instances[0]["views"][ORIGIN] == {"state": "failed"}
    metrics = written_metrics(capsys)
    assert (metrics["NullFeatures"], metrics["FailedFeatures"]) == ([2.0], [1.0])


def test_another_version_of_a_feature_is_not_taken_for_this_one(account, call, model):
    account.put_online(
        "carrier_delay|UA", "carrier_delay@0000000000000000", DEPARTURE, carrier_delay_rate_7d=0.9
    )
    answer = json.loads(call("predict", request(FLIGHT))["body"])
    assert "carrier_delay_rate_7d" in answer["features"]["missing"]
    [(_, _, [instance])] = model.requests
    assert instance["views"].keys() == {CARRIER, ORIGIN}


# --- champion and candidate


@pytest.fixture
def two_models(account, model):
    """Champion and candidate; the version of carrier_delay that the candidate looks up instead."""
    others = other_features()
    feature_sets.put(account.s3, account.lake, others)
    record(account, "variant-a", version=1, run="run-1")
    record(account, "variant-b", version=2, run="run-2", feature_set=others.hash)
    return next(view.version for view in others.views if view.name == "carrier_delay")


def test_versions_of_champion_and_candidate_are_looked_up_in_one_read(warm, account, model, two_models):
    account.put_online("carrier_delay|UA", two_models, DEPARTURE, carrier_delay_rate_7d=0.75)
    warm.ask(FLIGHT)  # learns of the candidate
    warm.calls.clear()
    body = warm.ask(FLIGHT)
    assert warm.calls == ["BatchGetItem"]
    instances = model.requests[-1][2]
    assert instances[0]["views"].keys() == {CARRIER, ORIGIN, two_models}
    assert looked_up(instances, CARRIER) == [0.25]
    assert looked_up(instances, two_models) == [0.75]
    assert body["features"]["missing"] == []


def test_the_first_request_after_a_candidate_has_come_has_its_values_too(warm, account, model, two_models):
    account.put_online("carrier_delay|UA", two_models, DEPARTURE, carrier_delay_rate_7d=0.75)
    warm.ask(FLIGHT)
    # the last is of the circuit, whose state is known for some seconds then
    assert warm.calls == ["BatchGetItem", "GetObject", "BatchGetItem", "GetItem"]
    assert looked_up(model.requests[-1][2], two_models) == [0.75]


def test_what_is_lacking_is_told_of_the_model_that_answered(predict, account, model, two_models):
    model.variant, model.answer = "variant-b", answers_of("run-2")
    _, body = predict(FLIGHT)
    assert (body["model_version"], body["features"]["missing"]) == (2, ["carrier_delay_rate_7d"])
    model.variant, model.answer = "variant-a", answers_of("run-1")
    _, body = predict(FLIGHT)
    assert (body["model_version"], body["features"]["missing"]) == (1, [])


def test_a_model_of_a_longer_ttl_gets_a_value_that_is_stale_for_the_other(predict, account, model):
    longer = other_features()
    views = tuple(
        dataclasses.replace(view, ttl_seconds=TTL + 60) if view.name == "origin_delay" else view
        for view in longer.views
    )
    feature_sets.put(account.s3, account.lake, dataclasses.replace(longer, views=views))
    record(account, "variant-a", version=1, run="run-1")
    record(account, "variant-b", version=2, run="run-2", feature_set=longer.hash)
    account.put_online("origin_delay|JFK", "origin_delay", DEPARTURE - TTL - 60, origin_delay_rate_7d=0.5)
    told = {}
    for variant in ("variant-a", "variant-b"):
        model.variant = variant
        told[variant] = predict(FLIGHT | {"origin": "JFK"})[1]["features"]["stale"]
    assert looked_up(model.requests[-1][2], ORIGIN, "origin_delay_rate_7d") == [0.5]
    assert told == {"variant-a": ["origin_delay_rate_7d"], "variant-b": []}


def test_who_serves_is_read_again_after_a_second_and_not_before(warm, account, monkeypatch):
    clock = [1000.0]
    monkeypatch.setattr("tidegate.aws.live.time", SimpleNamespace(monotonic=lambda: clock[0]))
    for passed, tables in (
        (0, {account.online, account.state}),
        (0.9, {account.online}),
        (0.2, {account.state}),
    ):
        clock[0] += passed
        warm.calls.tables.clear()
        warm.ask(FLIGHT)
        assert tables <= set(warm.calls.tables) <= tables | {account.online}


def test_a_model_whose_plan_is_nowhere_gets_what_the_function_knows(predict, account, model):
    record(account, "variant-a", version=9, run="run-9", feature_set="d" * 64)
    model.answer = answers_of("run-9")
    status, body = predict(FLIGHT)
    assert (status, body["model_version"], body["features"]["missing"]) == (200, 9, [])
    assert model.requests[-1][2][0]["views"].keys() == {CARRIER, ORIGIN}


def answers_of(run):
    return lambda rows: (200, {"predictions": [{"probability": 0.5}] * len(rows), "model": run})


@pytest.fixture
def warm(predict, load, context, account):
    """One instance of the function that is asked again and again; `calls` are what its clients do."""
    handler = load("functions.predict.handler", **account.environment)
    live = sys.modules["functions.predict"].live
    calls = Calls()
    for client in (live.dynamodb, live.s3.client):
        client.meta.events.register("before-parameter-build.*.*", calls.add)
    ask = lambda body: json.loads(handler(request(body), context)["body"])  # noqa: E731
    return SimpleNamespace(ask=ask, calls=calls)


class Calls(list):
    def __init__(self):
        super().__init__()
        self.tables = []

    def add(self, params, model, **_):
        self.append(model.name)
        self.tables += params.get("RequestItems", {})


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


def test_no_endpoint_is_a_503_that_asks_whether_there_ever_was_one(call, model):
    model.close()
    answer = call("predict", request(FLIGHT))
    assert answer["statusCode"] == 503
    hint = json.loads(answer["body"])["error"]["hint"]
    assert hint == "no model is known to serve: has one been rolled out yet?"


def test_while_a_champion_is_known_nobody_is_asked_whether_there_is_one(call, model, account):
    account.put_champion()
    model.close()
    answer = call("predict", request(FLIGHT))
    assert answer["statusCode"] == 503 and "hint" not in json.loads(answer["body"])["error"]


# --- failed reads


def test_without_an_online_table_the_model_is_asked_all_the_same_and_the_failure_told(
    account, call, model, capsys, caplog
):
    account.dynamodb.delete_table(TableName=account.online)
    answer = call("predict", request(FLIGHT))
    assert answer["statusCode"] == 200
    both = ["carrier_delay_rate_7d", "origin_delay_rate_7d"]
    assert json.loads(answer["body"])["features"] == {"stale": [], "missing": [], "failed": both}
    [(_, _, [instance])] = model.requests
    assert instance["views"] == {CARRIER: {"state": "failed"}, ORIGIN: {"state": "failed"}}
    assert [record.kind for record in caplog.records] == ["ResourceNotFoundException"]
    metrics = written_metrics(capsys)
    assert (metrics["FailedFeatures"], metrics["FeaturesLookedUp"]) == ([2.0], [2.0])
    assert metrics["EntitiesLookedUp"] == [0.0] and "FeatureAgeSeconds" not in metrics


@pytest.mark.parametrize("answers", ["nothing", "nobody"])
def test_a_store_that_does_not_answer_costs_no_more_than_its_deadline(
    account, call, model, monkeypatch, answers
):
    account.configure(serving={"look_up_timeout_ms": 200})
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", f"http://127.0.0.1:{silent.getsockname()[1]}")
        if answers == "nobody":
            silent.close()
        began = time.monotonic()
        answer = call("predict", request(FLIGHT))
        # two deadlines at most; the rest is the cold start of the function
        assert time.monotonic() - began < 2 * 0.2 + 2
    assert answer["statusCode"] == 200
    assert len(json.loads(answer["body"])["features"]["failed"]) == 2


def test_who_served_last_is_remembered_while_the_state_cannot_be_read(
    warm, account, model, two_models, monkeypatch
):
    warm.ask(FLIGHT)
    account.dynamodb.delete_table(TableName=account.state)
    monkeypatch.setattr("tidegate.aws.live.time", SimpleNamespace(monotonic=lambda: float("inf")))
    body = warm.ask(FLIGHT)
    assert body["features"] == {"stale": [], "missing": [], "failed": []}
    assert model.requests[-1][2][0]["views"].keys() == {CARRIER, ORIGIN, two_models}


# --- metrics


def test_counts_what_it_did(predict, account, capsys):
    account.put_online("carrier_delay|AA", "carrier_delay", DEPARTURE - TTL - 5, carrier_delay_rate_7d=0.9)
    account.put_online("carrier_delay|DL", "carrier_delay", DEPARTURE, carrier_delay_rate_7d=None)
    carriers = ("UA", "AA", "B6", "DL")  # fresh, stale, unknown, null
    predict({"instances": [FLIGHT | {"carrier": carrier} for carrier in carriers]})
    metrics = written_metrics(capsys)
    told = {name: values for name, values in metrics.items() if isinstance(values, list)}
    assert told == {
        "Predictions": [4.0],
        "FeaturesLookedUp": [8.0],  # 4 rows, 2 columns
        "StaleFeatures": [1.0],
        "MissingFeatures": [1.0],
        "FailedFeatures": [0.0],
        "NullFeatures": [3.0],
        "EntitiesLookedUp": [8.0],
        "EntitiesFound": [7.0],
        "FeatureAgeSeconds": [TTL + 5.0],
    }
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


# --- limits, repeats, privacy


def test_a_body_of_more_than_four_mebibytes_is_refused_unread(predict, model):
    status, answer = predict('{"carrier": "' + "U" * (4 << 20) + '"}')
    assert (status, answer["error"]["what"]) == (413, "the body is too large")
    assert model.requests == []


def test_the_same_key_and_body_are_the_same_prediction(predict, model):
    keyed = {"headers": {"idempotency-key": "order-17"}}
    ids = [
        predict(FLIGHT, **keyed)[1]["inference_id"],
        predict(FLIGHT, **keyed)[1]["inference_id"],
        predict(FLIGHT | {"hour": 9}, **keyed)[1]["inference_id"],
        predict(FLIGHT, headers={"idempotency-key": "order-18"})[1]["inference_id"],
        predict(FLIGHT)[1]["inference_id"],
        predict(FLIGHT)[1]["inference_id"],
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 5
    assert [asked for _, asked, _ in model.requests] == ids


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_that_is_none_is_refused(predict, key):
    assert predict(FLIGHT, headers={"idempotency-key": key})[0] == 400


PERSONAL = 57.318264  # a measured value like no other


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (FLIGHT | {"humid": PERSONAL}, 200),
        (FLIGHT | {"origin": f"{PERSONAL}"}, 422),
        (FLIGHT | {"humid": f"{PERSONAL}", "distance": -PERSONAL}, 422),
        (f'{{"humid": {PERSONAL}', 400),
        ({"instances": [FLIGHT | {"humid": PERSONAL}] * 1001}, 413),
    ],
    ids=["answered", "refused", "twice", "no JSON", "too many"],
)
@pytest.mark.parametrize("fault", ["none", "model", "store", "deadline"])
def test_no_value_of_a_request_is_ever_logged(  # noqa: PLR0917  fixtures
    account, predict, model, capfd, caplog, body, status, fault
):
    if fault == "model":
        model.answer = lambda rows: (424, {"Message": f"cannot take {rows}", "OriginalStatusCode": 500})
    if fault == "store":
        account.dynamodb.delete_table(TableName=account.online)
    if fault == "deadline":
        account.configure(serving={"timeout_ms": 50})
        model.seconds = 0.2
    found, _ = predict(body, headers={"idempotency-key": f"{PERSONAL}"})
    assert found == (503 if status == 200 and fault in ("model", "deadline") else status)
    written = capfd.readouterr()
    everything = written.out + written.err + caplog.text + "".join(str(vars(r)) for r in caplog.records)
    assert "_aws" in everything and str(PERSONAL) not in everything


def test_an_integer_written_with_a_fraction_of_zero_is_that_integer(predict, model):
    assert predict(FLIGHT | {"distance": 2565.0})[0] == 200
    assert repr(model.requests[0][2][0]["distance"]) == "2565"
