"""OpenLineage events against the specification's own words on RunEvent and on the facets in use."""

import uuid
from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from tidegate.messages.training import RunEnd, TrainingSet, TrainingTrigger
from tidegate.training import lineage
from tidegate.training.lineage import Catalog

# what the specification 2-0-2 says of a run event, and 1-0-1 of the two facets, put down by hand
FACET = {
    "type": "object",
    "properties": {
        "_producer": {"type": "string", "format": "uri"},
        "_schemaURL": {"type": "string", "format": "uri"},
    },
    "required": ["_producer", "_schemaURL"],
}
VERSION = {**FACET, "required": [*FACET["required"], "datasetVersion"]}
ERROR = {**FACET, "required": [*FACET["required"], "message", "programmingLanguage"]}
DATASET = {
    "type": "object",
    "properties": {
        "namespace": {"type": "string"},
        "name": {"type": "string"},
        "facets": {
            "type": "object",
            "properties": {"version": VERSION},
            "additionalProperties": FACET,
        },
    },
    "required": ["namespace", "name"],
}
RUN_EVENT = {
    "type": "object",
    "properties": {
        "eventType": {"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        "eventTime": {"type": "string", "format": "date-time"},
        "producer": {"type": "string", "format": "uri"},
        "schemaURL": {"type": "string", "format": "uri"},
        "run": {
            "type": "object",
            "properties": {
                "runId": {"type": "string", "format": "uuid"},
                "facets": {
                    "type": "object",
                    "properties": {"errorMessage": ERROR},
                    "additionalProperties": FACET,
                },
            },
            "required": ["runId"],
        },
        "job": {
            "type": "object",
            "properties": {"namespace": {"type": "string"}, "name": {"type": "string"}},
            "required": ["namespace", "name"],
        },
        "inputs": {"type": "array", "items": DATASET},
        "outputs": {"type": "array", "items": DATASET},
    },
    "required": ["eventTime", "producer", "schemaURL", "run", "job"],
}
VALID = Draft202012Validator(RUN_EVENT, format_checker=Draft202012Validator.FORMAT_CHECKER)

SET = TrainingSet(
    run="run-1",
    train_uri="s3://lake/training/run-1/train/",
    test_uri="s3://lake/training/run-1/test/",
    baseline_uri="s3://lake/training/run-1/baseline/",
    rows=10,
    test_rows=2,
    snapshot="flights@7",
    tag="run-run-1",
    feature_hash="f" * 64,
    champion_package_arn=None,
    champion_model_uri=None,
    tuning={},
    content_id="c" * 64,
    contract_hash="d" * 64,
    code_version="e" * 64,
    train_sha256="1" * 64,
    test_sha256="2" * 64,
)
CATALOG = Catalog(arn="arn:aws:lambda:eu-west-1:123456789012:function:f", database="flights_dev")
ENDED = RunEnd(
    run="run-1",
    trigger=TrainingTrigger(trigger="drift", cause="the alarm rang"),
    set=SET,
    model_uri="s3://lake/models/train-run-1/output/model.tar.gz",
    artefact_sha256="3" * 64,
    training_job="arn:aws:sagemaker:eu-west-1:123456789012:training-job/train-run-1",
    package_arn="arn:aws:sagemaker:eu-west-1:123456789012:model-package/flights-dev/2",
)


def event(kind, **changes):
    return lineage.event(
        kind,
        pipeline="flights-dev",
        run="run-1",
        at="2026-01-02T03:04:05+00:00",
        **{
            "ids": {**SET.ids(), **ENDED.ids()},
            "inputs": lineage.sources(SET, CATALOG, {"features_carrier": "carrier@12"}),
            "outputs": lineage.products(
                SET,
                model_uri=ENDED.model_uri,
                artefact_sha256=ENDED.artefact_sha256,
                package_arn=ENDED.package_arn,
            ),
            **changes,
        },
    )


def named(datasets):
    return [(d["namespace"], d["name"], d["facets"]["version"]["datasetVersion"]) for d in datasets]


@pytest.mark.parametrize(
    "found",
    [event("START", outputs=[]), event("COMPLETE"), event("FAIL", error="OutOfMemory: 12 GB")],
    ids=lambda found: found["eventType"],
)
def test_an_event_is_as_the_specification_says(found):
    assert [error.message for error in VALID.iter_errors(found)] == []


def test_the_schema_would_notice_a_facet_without_its_schema_and_a_run_without_its_id():
    broken = event("FAIL", error="x")
    del broken["run"]["facets"]["errorMessage"]["_schemaURL"]
    broken["run"]["runId"] = "run-1"
    assert len(list(VALID.iter_errors(broken))) == 2


def test_inputs_are_the_tables_in_the_versions_that_were_read():
    glue = "arn:aws:glue:eu-west-1:123456789012"
    assert named(event("START")["inputs"]) == [
        (glue, "table/flights_dev/flights", "7"),
        (glue, "table/flights_dev/features_carrier", "carrier@12"),
    ]


def test_outputs_are_the_rows_the_model_and_its_package():
    assert named(event("COMPLETE")["outputs"]) == [
        ("s3://lake", "training/run-1/train/", "1" * 64),
        ("s3://lake", "training/run-1/test/", "2" * 64),
        ("s3://lake", "models/train-run-1/output/model.tar.gz", "3" * 64),
        ("arn:aws:sagemaker:eu-west-1:123456789012", "model-package/flights-dev", "2"),
    ]


def test_a_run_that_registered_nothing_has_its_rows_only():
    found = lineage.products(SET, model_uri=None, artefact_sha256=None, package_arn=None)
    assert [each.name for each in found] == ["training/run-1/train/", "training/run-1/test/"]


def test_both_events_of_a_run_have_its_uuid_and_other_runs_another():
    started, ended = event("START")["run"]["runId"], event("COMPLETE")["run"]["runId"]
    assert started == ended == str(uuid.UUID(started))
    assert lineage.run_id("flights-dev", "run-2") != started != lineage.run_id("flights-prod", "run-1")


def test_ids_that_there_are_not_are_left_out():
    facet = event("FAIL", ids=replace(ENDED, package_arn=None, set=None).ids(), error="x")["run"]["facets"]
    assert "package_arn" not in facet["tidegate"]
    assert facet["tidegate"]["trigger"] == "drift"
    assert facet["errorMessage"]["message"] == "x"
