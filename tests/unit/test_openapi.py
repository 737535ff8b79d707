"""What the API says of itself: valid OpenAPI, whose schemas agree with what is checked and answered."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from test_request_checks import FEATURES, GOOD, RULES
from test_request_checks import plan as contract

from tidegate.plan import Plan
from tidegate.serving import answers, api_page, openapi
from tidegate.serving.request_checks import problems
from tidegate.settings.config import PipelineConfig

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "pipeline.toml"
TASKS = ("binary", "multiclass", "regression")


def plan_of(task="binary", **serving):
    config = PipelineConfig.from_toml(FLIGHTS, "dev")
    config = replace(
        config,
        training=replace(config.training, task=task),
        serving=replace(config.serving, **serving),
    )
    return Plan(
        config=config,
        contract=contract(*RULES),
        feature_document=FEATURES.to_json(),
        code_version="test",
    )


def allows(document, name, value):
    """Whether a schema of the document allows a value."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(
    "serving",
    [{"auth": "iam"}, {"auth": "none"}, {"auth": "jwt", "jwt_issuer": "https://id.example/"}],
    ids=lambda serving: serving["auth"],
)
def test_the_document_is_valid_openapi(task, serving):
    document = openapi.document(plan_of(task, **serving))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []
    assert ("security" in document) == (serving["auth"] != "none")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"code": None},
        {"code": "sfo"},
        {"code": 3},
        {"seats": 0},
        {"seats": 3},
        {"seats": 2.5},
        {"seats": 4.0},
        {"seats": 1e300},
        {"seats": True},
        {"seats": None},
        {"fare": 0},
        {"fare": 1e4},
        {"fare": 9999},
        {"fare": "1"},
        {"is_night": 1},
        {"is_night": None},
        {"clock": "25:00"},
        {"clock": "13:30"},
        {"clock": "13:30:00Z"},
        {"note": "day"},
        {"note": "noon"},
        {"note": "d"},
        {"asked_at": None},
        {"asked_at": 3},
        {"outcome": 1},
    ],
    ids=json.dumps,
)
def test_a_schema_allows_a_row_exactly_when_the_request_check_does(changes):
    row = GOOD | changes
    told = allows(openapi.document(plan_of()), "Row", row)
    assert told == (problems(FEATURES, contract(*RULES), row) == [])


def test_a_row_without_one_of_its_columns_is_not_allowed():
    document = openapi.document(plan_of())
    for name in GOOD:
        assert not allows(document, "Row", {k: v for k, v in GOOD.items() if k != name})


@pytest.mark.parametrize(
    ("task", "prediction", "outcome", "wrong"),
    [
        ("binary", 0.25, 1, 2),
        ("multiclass", [0.25, 0.75], "late", ""),
        ("regression", -3.5, 1.5, "1.5"),
    ],
)
def test_answers_and_outcomes_of_a_task_are_allowed_and_those_of_others_are_not(
    task, prediction, outcome, wrong
):
    document = openapi.document(plan_of(task))
    answer = {
        "inference_id": "a-1",
        "variant": None,
        "model_version": 7,
        "degraded": "fallback",
        "predictions": [answers.of(task, ("late", "punctual"), prediction)],
        "features": {"stale": [], "missing": ["rate"], "failed": []},
    }
    assert allows(document, "Predictions", answer)
    for other in set(TASKS) - {task}:
        assert not allows(openapi.document(plan_of(other)), "Predictions", answer)
    assert allows(document, "Outcome", {"inference_id": "a-1", "outcome": outcome})
    assert not allows(document, "Outcome", {"inference_id": "a-1", "outcome": wrong})


def test_batches_have_the_limits_that_are_checked():
    document = openapi.document(plan_of())
    told = {"inference_id": "a-1", "outcome": 1}
    assert allows(document, "Batch", {"instances": [GOOD] * 1000})
    assert not allows(document, "Batch", {"instances": [GOOD] * 1001})
    assert allows(document, "OutcomeBatch", {"outcomes": [told] * 100})
    for wrong in ([], [told] * 101, [told | {"outcome": 2}], told):
        assert not allows(document, "OutcomeBatch", {"outcomes": wrong})
    assert not allows(document, "OutcomeBatch", {"outcomes": [told], "more": 1})
    kept = {"results": [{"inference_id": "a-1", "status": 202}, {"inference_id": "a-1", "status": 409}]}
    assert allows(document, "KeptBatch", kept)


def test_the_page_tells_of_batches_of_both():
    html = api_page.page(openapi.document(plan_of()))
    assert "{&quot;instances&quot;: [...]}" in html and "{&quot;outcomes&quot;: [...]}" in html


def test_the_page_names_every_field_and_status_and_fetches_nothing():
    document = openapi.document(plan_of())
    html = api_page.page(document)
    for name in (*GOOD, "outcome", "Idempotency-Key", "422", "503"):
        assert f"<tr><th>{name}<td>" in html
    addresses = []
    parser = HTMLParser()
    parser.handle_starttag = lambda _tag, attributes: addresses.extend(
        value for name, value in attributes if name in ("src", "href", "action")
    )
    parser.feed(html)
    assert addresses == ["data:,", "#predict", "#feedback", "openapi.json"]
    assert not re.search(r"<script|@import|url\(", html)


def test_the_page_has_a_command_to_paste_for_each_way_in():
    words = {"iam": "--aws-sigv4", "jwt": "Bearer $TOKEN", "none": "curl -X POST $API_URL/predict"}
    for auth, word in words.items():
        issuer = {"jwt_issuer": "https://id.example/"} if auth == "jwt" else {}
        html = api_page.page(openapi.document(plan_of(auth=auth, **issuer), {"note": "it's <b>"}))
        assert word in html and "it&#x27;\\&#x27;&#x27;s &lt;b&gt;" in html
        assert ("--aws-sigv4" in html) == (auth == "iam")


def test_the_page_tells_the_fields_of_an_answer_and_of_each_in_a_list():
    html = api_page.page(openapi.document(plan_of("binary")))
    assert "<tr><th>predictions<td>a list, each an object of <code>probability</code>: number, " in html
    assert "<tr><th>results<td>a list, each an object of <code>inference_id</code>" in html


def test_what_the_pipeline_is_called_cannot_break_the_page():
    document = openapi.document(plan_of())
    document["info"]["title"] = "<script>alert(1)</script>"
    assert "<script>" not in api_page.page(document)
