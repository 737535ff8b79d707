"""Predict without an endpoint: who answers then, how it is flagged, and that the model would say it."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
import time
from types import SimpleNamespace

import pytest
from aws_lambda_powertools.utilities.circuit_breaker import base
from served_model import archived, make_champion, write_artefact
from serving_account import account, call, model, request  # noqa: F401
from test_predict import DEPARTURE, FLIGHT

from tidegate.aws import fallbacks, lazy_client, stand_in
from tidegate.aws.live_models import LiveModel
from tidegate.errors import ArtefactError
from tidegate.feature_store.looked_up import fresh
from tidegate.serving import fallback_file
from tidegate.serving.assignment import Split, variant_of
from tidegate.serving.prediction import of_instances
from tidegate.settings.config import ServingSection
from tidegate.training import artefact

RATES = {"carrier_delay_rate_7d": 0.25, "origin_delay_rate_7d": 0.5}
BUSY = (500, {"Message": "busy"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_artefact(tmp_path_factory.mktemp("model") / "artefact")


@pytest.fixture(autouse=True)
def new_process(monkeypatch):
    """Powertools counts failures in its module; each test begins as a new process does."""
    for counts in ("_LOCAL_FAILURES", "_LOCAL_SUCCESSES", "_LAST_OBSERVED_STATE"):
        monkeypatch.setattr(base, counts, {})


@pytest.fixture
def ask(load, context, account):
    """One warm instance of the function; status and document of the answer to a body."""
    account.put_online("carrier_delay|UA", "carrier_delay", DEPARTURE, carrier_delay_rate_7d=0.25)
    account.put_online("origin_delay|EWR", "origin_delay", DEPARTURE, origin_delay_rate_7d=0.5)
    handlers = []

    def answered(body=FLIGHT, **event):
        if not handlers:
            handlers.append(load("functions.predict.handler", **account.environment))
        answer = handlers[0](request(body, **event), context)
        return answer["statusCode"], json.loads(answer["body"])

    return answered


def said_by(folder, rows):
    """What the container would answer to rows whose aggregates are `RATES`."""
    served = artefact.read(folder)
    instances = [row | {"views": fresh(served.plan, RATES, DEPARTURE)} for row in rows]
    return served.task.answers(of_instances(served, instances).predictions)


def metrics_of(text):
    [metrics] = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    return metrics


# --- the champion inside the function


def test_without_an_endpoint_the_champion_in_the_function_says_the_same(ask, account, model, folder, capsys):
    make_champion(account, archived(folder))
    model.answer = lambda _: BUSY
    rows = [FLIGHT | {"hour": hour, "dest": dest} for hour, dest in ((6, "SFO"), (23, "LAX"), (12, "ORD"))]
    status, body = ask({"instances": rows})
    assert (status, body["degraded"], body["variant"], body["model_version"]) == (200, "fallback", None, 7)
    assert [each["probability"] for each in body["predictions"]] == pytest.approx(
        [each["probability"] for each in said_by(folder, rows)], abs=1e-12
    )
    assert len({each["probability"] for each in body["predictions"]}) > 1
    metrics = metrics_of(capsys.readouterr().out)
    assert (metrics["DegradedPredictions"], metrics["Predictions"]) == ([3.0], [3.0])


def test_an_endpoint_that_is_not_there_is_stood_in_for(ask, account, model, folder):
    make_champion(account, archived(folder))
    model.close()
    assert ask()[1]["degraded"] == "fallback"


def test_an_answer_of_the_endpoint_is_not_flagged(ask, account, model, folder):
    make_champion(account, archived(folder))
    assert ask()[1]["degraded"] is None


def test_a_candidate_that_fails_is_stood_in_for_by_the_champion(ask, account, model, folder):
    make_champion(account, archived(folder), variant="variant-b", version=3)
    account.put_state("variant#variant-a", run="run-9", feature_set_hash="f" * 64, fallback="0" * 64)
    model.answer = lambda _: BUSY
    _, body = ask()
    assert (body["degraded"], body["model_version"]) == ("fallback", 3)


@pytest.mark.parametrize("sha256", ["0" * 64, ""])
def test_a_champion_without_a_fallback_leaves_a_503(ask, account, model, sha256):
    account.put_state("variant#variant-a", run="run-7", fallback=sha256)
    account.put_champion()
    model.answer = lambda _: BUSY
    assert ask()[0] == 503


def test_a_fallback_with_other_bytes_is_never_loaded(ask, account, model, folder):
    sha256 = make_champion(account, archived(folder))
    document = json.loads(json.dumps(dict(fallbacks.get(account.s3, account.lake, sha256))))
    document["code"] += "\nimport os\n"
    body = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    account.s3.put_object(Bucket=account.lake, Key=f"fallbacks/{sha256}.json", Body=body)
    model.answer = lambda _: BUSY
    assert ask()[0] == 503


def test_a_fallback_that_cannot_be_loaded_is_not_asked_for_at_every_request(account, monkeypatch, aws):
    asked, clock = [], [100.0]
    monkeypatch.setattr(stand_in, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(fallbacks, "get", lambda *_: asked.append(1) or fallback_file.opened(b"", "0"))
    found = stand_in.StandIn(lazy_client.LazyClient("s3", None), account.lake, ServingSection(), "binary")
    champion = LiveModel(version=1, feature_set="", fallback="0" * 64)
    for passed in (0, 4.9, 0.2):
        clock[0] += passed
        assert found.answer(champion, [FLIGHT], [FLIGHT]) is None
    assert len(asked) == 2


# --- what comes after it


def test_a_last_good_answer_to_the_same_row_is_repeated_when_it_is_wanted(ask, account, model):
    account.configure(serving={"last_good_seconds": 60})
    model.answer = lambda rows: (200, {"predictions": [{"probability": 0.75}] * len(rows)})
    ask()
    model.answer = lambda _: BUSY
    status, body = ask()
    assert (status, body["degraded"], body["predictions"]) == (200, "last-good", [{"probability": 0.75}])
    assert ask({"instances": [FLIGHT, FLIGHT | {"hour": 9}]})[0] == 503  # of all rows, or of none


def test_a_declared_default_is_the_last_resort(ask, account, model):
    account.configure(serving={"default": 0.125})
    model.answer = lambda _: BUSY
    status, body = ask({"instances": [FLIGHT, FLIGHT]})
    assert (status, body["degraded"], body["model_version"]) == (200, "default", None)
    assert body["predictions"] == [{"probability": 0.125}, {"probability": 0.125}]


# --- the circuit


def test_an_endpoint_that_fails_three_times_is_left_alone_by_every_process(
    ask, account, model, load, context
):
    account.configure(serving={"default": 0.5})
    model.answer = lambda _: BUSY
    for _ in range(5):
        assert ask()[1]["degraded"] == "default"
    assert len(model.requests) == 3
    assert account.state_item("circuit#endpoint")["state"] == {"S": "OPEN"}
    another = load("functions.predict.handler", **account.environment)
    assert json.loads(another(request(FLIGHT), context)["body"])["degraded"] == "default"
    assert len(model.requests) == 3


def test_an_endpoint_that_is_well_again_is_found_by_one_probe(ask, account, model, load, context):
    account.configure(serving={"default": 0.5})
    account.dynamodb.put_item(
        TableName=account.state,
        Item={
            "id": {"S": "circuit#endpoint"},
            "state": {"S": "OPEN"},
            "failure_count": {"N": "3"},
            "opened_at": {"N": str(int(time.time()) - 60)},
        },
    )
    assert ask()[1]["degraded"] is None
    assert account.state_item("circuit#endpoint")["state"] == {"S": "CLOSED"}


def test_every_other_request_failing_opens_the_circuit_too(ask, account, model):
    account.configure(serving={"default": 0.5})
    good = model.answer
    for i in range(20):
        model.answer = (lambda _: BUSY) if i % 2 else good
        ask()
    assert len(model.requests) == 20
    assert account.state_item("circuit#endpoint")["state"] == {"S": "OPEN"}


def test_a_request_that_the_model_refuses_is_no_news_of_its_health(ask, account, model):
    account.configure(serving={"default": 0.5})
    model.answer = lambda _: (424, {"Message": "no", "OriginalStatusCode": 400})
    for _ in range(5):
        ask()
    assert len(model.requests) == 5
    assert account.state_item("circuit#endpoint") is None


# --- sticky variants


@pytest.fixture
def split(account):
    """Half of the carriers each."""
    account.configure(serving={"sticky": ["carrier"], "default": 0.5})
    item = {"id": {"S": "split"}, "champion": {"S": "variant-a"}, "candidate": {"S": "variant-b"}}
    item |= {"weight": {"N": "0.5"}, "salt": {"S": "rollout-1"}}
    account.dynamodb.put_item(TableName=account.state, Item=item)
    return Split(champion="variant-a", candidate="variant-b", weight=0.5, salt="rollout-1")


def test_during_a_rollout_a_carrier_always_gets_the_variant_of_its_hash(ask, model, split):
    carriers = ["UA", "AA", "B6", "DL", "EV", "F9", "HA", "MQ"]
    for carrier in carriers * 2:
        ask(FLIGHT | {"carrier": carrier})
    targets = [target for target, _, _ in model.requests]
    assert targets[:8] == targets[8:]
    assert targets[:8] == [variant_of(split, ["carrier"], [{"carrier": each}], "any") for each in carriers]
    assert set(targets) == {"variant-a", "variant-b"}


def test_a_variant_that_fails_opens_its_own_circuit_only(ask, account, model, split):
    model.failing = variant_of(split, ["carrier"], [FLIGHT], "any")
    other = next(
        c
        for c in ("AA", "B6", "DL", "EV")
        if variant_of(split, ["carrier"], [{"carrier": c}], "any") != model.failing
    )
    good = model.answer
    for _ in range(4):
        model.answer = lambda _: BUSY
        assert ask()[1]["degraded"] == "default"
    model.answer = good
    assert ask(FLIGHT | {"carrier": other})[1]["degraded"] is None
    assert ask()[1]["degraded"] == "default"
    assert account.state_item(f"circuit#{model.failing}")["state"] == {"S": "OPEN"}


@pytest.mark.parametrize(
    "damaged", [{"weight": {"N": "1"}}, {"candidate": {"S": "variant-z"}}, {"salt": {"N": "1"}}]
)
def test_a_split_that_shares_nothing_leaves_it_to_the_weights(ask, account, model, split, damaged):
    item = account.state_item("split") | damaged
    account.dynamodb.put_item(TableName=account.state, Item=item)
    ask()
    assert model.requests[0][0] is None


# --- failures by variant, whoever asks


def counted(text):
    """{(metric, variant): sum} of the lines a function printed."""
    lines = [json.loads(line) for line in text.splitlines() if '"_aws"' in line]
    found = {}
    for line in (each for each in lines if "variant" in each):
        for name in ("VariantTimeouts", "VariantFallbacks", "VariantInvalidAnswers"):
            if name in line:
                key = (name, line["variant"])
                found[key] = found.get(key, 0) + sum(line[name])
    return found


@pytest.fixture
def alike(account, split):
    """The same split, nobody sticky: each request is dealt by its own id."""
    account.configure(serving={"sticky": [], "default": 0.5, "timeout_ms": 300})


def test_without_sticky_a_timeout_is_laid_to_the_variant_that_was_asked(ask, model, alike, capsys):
    model.seconds = 0.9
    assert ask()[1]["degraded"] == "default"
    target = model.requests[0][0]
    assert target in ("variant-a", "variant-b")
    assert counted(capsys.readouterr().out) == {
        ("VariantTimeouts", target): 1,
        ("VariantFallbacks", target): 1,
    }


def test_an_open_circuit_is_laid_to_the_variant_behind_it(ask, model, alike, capsys):
    model.answer = lambda _: BUSY
    for _ in range(30):
        ask()
    asked = [target for target, _, _ in model.requests]
    assert len(asked) < 30  # both circuits opened, or one did and the other was hardly asked
    found = counted(capsys.readouterr().out)
    assert sum(found.values()) == 30 and {name for name, _ in found} == {"VariantFallbacks"}


@pytest.mark.parametrize(
    "answer",
    [{"probability": float("nan")}, 0.5, {"value": 0.5}, {"probability": 1.5}, {"probability": None}],
)
def test_an_answer_that_is_none_does_not_reach_a_user_and_is_laid_to_its_variant(
    ask, account, model, capsys, answer
):
    account.configure(serving={"default": 0.5})
    model.answer = lambda rows: (200, {"predictions": [answer] * len(rows)})
    status, body = ask()
    assert (status, body["degraded"], body["predictions"]) == (200, "default", [{"probability": 0.5}])
    assert counted(capsys.readouterr().out) == {
        ("VariantInvalidAnswers", "variant-a"): 1,
        ("VariantFallbacks", "variant-a"): 1,
    }


def test_at_all_the_traffic_a_timeout_is_laid_to_the_candidate(ask, account, model, alike, capsys):
    item = account.state_item("split") | {"weight": {"N": "1"}}
    account.dynamodb.put_item(TableName=account.state, Item=item)
    model.seconds = 0.9
    ask()
    assert model.requests[0][0] is None
    assert counted(capsys.readouterr().out)[("VariantTimeouts", "variant-b")] == 1


# --- the artefact


def test_a_model_that_is_not_compiled_has_no_fallback(folder):
    assert fallback_file.packed(archived(folder, {"compiled.json": None})) is None


def test_an_artefact_whose_code_was_changed_gives_no_fallback(folder):
    with pytest.raises(ArtefactError, match=r"features\.py"):
        fallback_file.packed(archived(folder, {"features.py": b"import os"}))
    with pytest.raises(ArtefactError, match=r"manifest\.json"):
        fallback_file.packed(archived(folder), "0" * 64)
    with pytest.raises(ArtefactError, match="no archive"):
        fallback_file.packed(b"artefact")
