"""A run of the same inputs as an earlier one: what is found of it, and what RecordOutcome leaves."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
from dataclasses import replace

import pytest
from features_account import pipeline, plan_document  # noqa: F401
from serving_account import plan

from tidegate.aws.earlier_runs import earlier_run
from tidegate.aws.state import State
from tidegate.errors import InsufficientDataError
from tidegate.messages.training import EarlierRun

CHOSEN = {"learning_rate": "0.1"}
MADE = {
    "run": "run-1",
    "train_uri": "s3://lake/training/run-1/train/",
    "test_uri": "s3://lake/training/run-1/test/",
    "baseline_uri": "s3://lake/training/run-1/baseline/",
    "rows": 10,
    "test_rows": 2,
    "snapshot": "flights@7",
    "tag": "run-run-1",
    "feature_hash": "f" * 64,
    "champion_package_arn": None,
    "champion_model_uri": None,
    "tuning": {},
    "content_id": "c" * 64,
    "contract_hash": "d" * 64,
    "code_version": "e" * 64,
    "train_sha256": "1" * 64,
    "test_sha256": "2" * 64,
}


@pytest.fixture
def registered(pipeline):
    """Store a model and register it; its ARN and its URI."""
    sagemaker, group = pipeline.aws.client("sagemaker"), pipeline.aws.name("group")
    sagemaker.create_model_package_group(ModelPackageGroupName=group)
    pipeline.s3.put_object(Bucket=pipeline.lake, Key="models/m/model.tar.gz", Body=b"model")
    uri = f"s3://{pipeline.lake}/models/m/model.tar.gz"
    arn = sagemaker.create_model_package(
        ModelPackageGroupName=group,
        InferenceSpecification={
            "Containers": [{"Image": "image", "ModelDataUrl": uri}],
            "SupportedContentTypes": ["application/json"],
            "SupportedResponseMIMETypes": ["application/json"],
        },
    )["ModelPackageArn"]
    return arn, uri


@pytest.fixture
def found(pipeline):
    """What is left of the run that was recorded under an id."""
    state = State(pipeline.dynamodb, pipeline.state)
    return lambda id_: earlier_run(state, pipeline.s3, pipeline.aws.client("sagemaker"), id_)


def ended(made, **changes):
    return {
        "run": made["run"],
        "trigger": {"trigger": "command", "cause": "because"},
        "set": made,
        "model_run": made["run"],
        "hyperparameters": CHOSEN,
        "tuning_job": "arn:tune",
        "training_job": "arn:train",
        **changes,
    }


def event_of(pipeline, run, kind):
    body = pipeline.s3.get_object(Bucket=pipeline.lake, Key=f"lineage/{run}/{kind}.json")["Body"].read()
    return json.loads(body)


def kinds(pipeline, run):
    listed = pipeline.s3.list_objects_v2(Bucket=pipeline.lake, Prefix=f"lineage/{run}/")
    return [item["Key"].rpartition("/")[2] for item in listed.get("Contents", [])]


def versions(datasets):
    return [each["facets"]["version"]["datasetVersion"] for each in datasets]


def test_equal_inputs_have_one_id_and_the_finished_run_is_found(pipeline, registered):
    arn, uri = registered
    pipeline.run(pipeline.version(0, 239))
    first = pipeline.call("build_training_set", {"run": "run-1"})
    assert first["earlier"] is None
    pipeline.call("record_outcome", ended(first, model_uri=uri, artefact_sha256="5" * 64, package_arn=arn))

    second = pipeline.call("build_training_set", {"run": "run-2"})
    assert second["content_id"] == first["content_id"]
    assert (second["earlier"]["run"], second["earlier"]["package_arn"]) == ("run-1", arn)
    assert kinds(pipeline, "run-2") == []  # the run ends here: nothing starts
    assert pipeline.call("build_training_set", {"run": "run-3", "again": True})["earlier"] is None

    # and lineage leads from the model back to the snapshot and to the versions of the views
    start, complete = (event_of(pipeline, "run-1", kind) for kind in ("start", "complete"))
    assert start["run"]["runId"] == complete["run"]["runId"] and start["inputs"] == complete["inputs"]
    head, views = pipeline.catalog.head("flights"), plan().features.views
    assert versions(start["inputs"]) == [str(head.snapshot_id), *(view.version for view in views)]
    rows = [first["train_sha256"], first["test_sha256"]]
    assert versions(complete["outputs"]) == [*rows, "5" * 64, arn.rpartition("/")[2]]

    # and rows that are gone are made again of the state that the run was tagged with, or not at all
    key, client = "training/run-1/train/part-0.parquet", pipeline.s3
    before = client.get_object(Bucket=pipeline.lake, Key=key)["Body"].read()
    client.delete_object(Bucket=pipeline.lake, Key=key)
    pipeline.version(240, 250)
    wanted = {"tag": first["tag"], "train_sha256": "0" * 64}
    made = pipeline.call("build_training_set", {"run": "run-1", "rebuild": wanted})
    assert made == {"train_sha256": first["train_sha256"]}
    assert not client.list_objects_v2(Bucket=pipeline.lake, Prefix=key).get("Contents")
    wanted["train_sha256"] = first["train_sha256"]
    pipeline.call("build_training_set", {"run": "run-1", "rebuild": wanted})
    assert client.get_object(Bucket=pipeline.lake, Key=key)["Body"].read() == before
    with pytest.raises(InsufficientDataError, match="`flights` has no state `run-run-9`"):
        pipeline.call("build_training_set", {"run": "run-9", "rebuild": wanted | {"tag": "run-run-9"}})


def test_of_an_earlier_run_that_only_counts_which_is_still_there(pipeline, registered, found):
    arn, uri = registered
    pipeline.call("record_outcome", ended(MADE, model_uri=uri, package_arn=arn))
    whole = EarlierRun(
        run="run-1",
        hyperparameters=CHOSEN,
        tuning_job="arn:tune",
        training_job="arn:train",
        model_uri=uri,
        package_arn=arn,
    )
    assert found(MADE["content_id"]) == whole
    pipeline.call("record_outcome", ended(MADE, model_uri=uri, package_arn=f"{arn}9"))
    assert found(MADE["content_id"]) == replace(whole, package_arn=None)  # to be registered anew
    pipeline.s3.delete_object(Bucket=pipeline.lake, Key="models/m/model.tar.gz")
    assert found(MADE["content_id"]) == replace(whole, model_uri=None, package_arn=None)


def test_a_failed_run_says_so_and_is_no_reason_to_skip_the_next(pipeline, found):
    pipeline.call("record_outcome", ended(MADE, error="OutOfMemory", cause="12 GB"))
    failed = event_of(pipeline, "run-1", "fail")
    assert failed["run"]["facets"]["errorMessage"]["message"] == "OutOfMemory: 12 GB"
    assert found(MADE["content_id"]) is None


def test_a_run_that_failed_before_its_rows_were_made_has_both_events(pipeline):
    told = {"run": "run-9", "trigger": {"trigger": "command", "cause": "x"}, "set": None}
    pipeline.call("record_outcome", {**told, "error": "DatasetConflictError", "cause": "others won"})
    assert kinds(pipeline, "run-9") == ["fail.json", "start.json"]
    assert event_of(pipeline, "run-9", "start")["inputs"] == []
