"""RecordRun after runs that went well, failed or never began: a local cloud's jobs, MLflow on sqlite.

Only the execution's history is made up, in the shape of Step Functions' answers.
"""

import importlib
import json
import secrets
import shutil
import sqlite3
import sys
from types import SimpleNamespace

import boto3
import pytest
from sagemaker_cloud import SageMakerCloud
from serving_account import FLIGHTS, plan

TRAIN = """
import json, os, pathlib
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
given = json.loads((root / "input/config/hyperparameters.json").read_text())
if given["x"] == "broken":
    raise SystemExit("no rows")
(root / "model").mkdir(exist_ok=True)
facts = {"code_version": "test", "parameters": {"max_iter": 8}, "sha256": {"model.skops": "m" * 64}}
(root / "model" / "manifest.json").write_text(json.dumps(facts))
(root / "model" / "signature.json").write_text("{}")
(root / "model" / "model.skops").write_text("x" * 100_000)
print(f"[metric] validation:score={len(given['x']) / 10};")
"""
ALGORITHM = {"MetricDefinitions": [{"Name": "validation:score", "Regex": r"validation:score=([0-9.]+);"}]}
EVALUATION = {
    "metric": "roc_auc",
    "candidate": {"metric": 0.7, "interval": {"value": 0.7, "low": 0.6, "high": 0.8}},
    "gate": {"passed": True, "reasons": ["pass: better"]},
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def trained(cloud):
    """The name of a run whose jobs have ended: two trials, one of them failed, a final fit, an evaluation."""
    run = new_run()
    request = cloud.training_request(cloud.image(TRAIN), algorithm=ALGORITHM)
    request["OutputDataConfig"] = {"S3OutputPath": cloud.uri("models/")}
    del request["TrainingJobName"]
    cloud.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=f"tune-{run}",
        HyperParameterTuningJobConfig={
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "validation:score"},
            "ResourceLimits": {"MaxParallelTrainingJobs": 2},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "x", "Values": ["abc", "broken"]}]},
        },
        TrainingJobDefinition=request,
    )
    cloud.ended("tuning", f"tune-{run}")
    cloud.sagemaker.create_training_job(
        **request, TrainingJobName=f"train-{run}", HyperParameters={"x": "abc", "purpose": "final"}
    )
    cloud.ended("training", f"train-{run}")
    cloud.sagemaker.create_processing_job(
        ProcessingJobName=f"evaluate-{run}",
        RoleArn=cloud.role,
        AppSpecification={"ImageUri": cloud.image("print('judged')"), "ContainerArguments": ["evaluate"]},
        ProcessingResources={
            "ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}
        },
    )
    cloud.ended("processing", f"evaluate-{run}")
    cloud.put(f"evaluations/{run}/evaluation.json", json.dumps(EVALUATION).encode())
    return run


@pytest.fixture
def record_run(cloud, empty_store, tmp_path, monkeypatch):
    """The function with a tracker of its own; `record_run.of(run, ...)` is the end of an execution."""
    (tmp_path / "pipeline").mkdir()
    (tmp_path / "pipeline" / "plan.json").write_text(json.dumps(plan().to_json()))
    shutil.copy(FLIGHTS / "features.py", tmp_path / "pipeline")
    store = tmp_path / "mlflow.db"
    shutil.copy(empty_store, store)
    for name, value in {
        "PIPELINE_DIR": tmp_path / "pipeline",
        "LAKE_BUCKET": cloud.bucket,
        "MLFLOW_TRACKING_URI": f"sqlite:///{store}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": tmp_path / "files",
        "SOURCE_COMMIT": "abc123",
        "SOURCE_DIRTY": "false",
        "SOURCE_LOCK": "l" * 64,
        "POWERTOOLS_SERVICE_NAME": "test",
    }.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    sys.modules.pop("functions.record_run", None)
    module = importlib.import_module("functions.record_run")
    return Tracked(module, store, cloud)


class Tracked:
    def __init__(self, module, store, cloud):
        self.module = module
        self.store = store
        self.cloud = cloud
        self.milliseconds = 180_000

    def of(self, run, *, status="SUCCEEDED", acquired=True, rows=True, output=None, **detail):
        lock = {"acquired": acquired, "reason": "", "run": run}
        answers = [("AcquireTrainingLock", lock)]
        if rows:
            found = {"snapshot": "flights@77", "rows": 90, "test_rows": 9, "feature_hash": "f" * 64}
            answers.append(("BuildTrainingSet", {**found, "train_uri": "s3://t/", "test_uri": "s3://e/"}))
        self.module.stepfunctions = History(answers)
        ended = {
            "executionArn": f"arn:aws:states:us-east-1:123456789012:execution:training:{run}",
            "status": status,
            "startDate": 1_795_773_600_000,
            "stopDate": 1_795_773_660_000,
            "output": json.dumps(output) if output else None,
            **detail,
        }
        return self.handle({"detail-type": "Step Functions Execution Status Change", "detail": ended})

    def handle(self, event):
        context = SimpleNamespace(
            function_name="test",
            memory_limit_in_mb=512,
            invoked_function_arn="arn:aws:lambda:us-east-1:123456789012:function:test",
            aws_request_id="1",
            get_remaining_time_in_millis=lambda: self.milliseconds,
        )
        return self.module.handler(event, context)

    def runs(self):
        """Status of each run in MLflow by its name, without the id."""
        with sqlite3.connect(self.store) as rows:
            return {
                name.split(" 2026")[0]: status
                for name, status in rows.execute("select name, status from runs")
            }

    def values(self, table, name):
        with sqlite3.connect(self.store) as rows:
            query = f"select t.key, t.value from {table} t join runs using (run_uuid) where name like ?"  # noqa: S608
            return dict(rows.execute(query, (f"{name}%",)))

    def waiting(self):
        return self.cloud.keys("tracking/")


class History:
    """GetExecutionHistory of an execution whose functions answered so."""

    def __init__(self, answers):
        self.events = []
        for state, answer in answers:
            entered = {"name": state, "input": "{}"}
            output = json.dumps({"StatusCode": 200, "Payload": answer})
            self.events += [
                {"type": "TaskStateEntered", "stateEnteredEventDetails": entered},
                {"type": "TaskSucceeded", "taskSucceededEventDetails": {"output": output}},
                {"type": "TaskStateExited", "stateExitedEventDetails": {"name": state}},
            ]

    def get_paginator(self, operation):
        assert operation == "get_execution_history"
        return SimpleNamespace(paginate=lambda executionArn: [{"events": self.events}])  # noqa: N803


def new_run():
    return f"20261127000000-{secrets.token_hex(2)}"


def test_a_run_that_registered_a_model_is_there_with_its_jobs(record_run, trained):
    output = {"outcome": "registered", "trigger": {"trigger": "drift", "cause": "wind"}, "reasons": ["pass"]}
    told = record_run.of(trained, output=output)
    assert told == {"run": trained, "written": [trained], "waiting": {}}
    assert record_run.runs() == {
        "registered": "FINISHED",
        "trial 1": "FINISHED",
        "trial 2": "FAILED",
        "final fit": "FINISHED",
        "evaluation": "FINISHED",
    }
    tags = record_run.values("tags", "registered")
    assert tags["model_sha256"] == "m" * 64
    assert (tags["mlflow.source.git.commit"], tags["git_dirty"]) == ("abc123", "false")
    assert tags["dataset_snapshot"] == "flights@77"
    assert record_run.values("params", "registered")["max_iter"] == "8"
    assert record_run.values("metrics", "registered")["candidate/roc_auc_high"] == 0.8
    assert record_run.values("metrics", "trial 1")["validation_score"] == 0.3  # three letters, a tenth each
    assert "no rows" in record_run.values("tags", "trial 2")["failure"]
    assert {file.name for file in record_run.store.parent.rglob("files/**/*.json")} == {
        "evaluation.json",
        "manifest.json",
        "signature.json",
    }
    assert record_run.waiting() == []


def test_the_same_end_told_twice_is_one_run(record_run, trained):
    for _ in range(2):
        record_run.of(trained, output={"outcome": "registered"})
    assert len(record_run.runs()) == 5
    with sqlite3.connect(record_run.store) as rows:
        assert rows.execute("select count(*) from runs").fetchone() == (5,)


def test_code_of_another_version_is_not_said_to_be_of_this_commit(record_run, trained, monkeypatch):
    monkeypatch.setattr(
        record_run.module, "plan", SimpleNamespace(config=plan().config, code_version="other")
    )
    record_run.of(trained, output={"outcome": "registered"})
    assert "mlflow.source.git.commit" not in record_run.values("tags", "registered")


def test_a_run_that_failed_before_any_job_is_there_with_its_cause(record_run):
    record_run.of(new_run(), status="FAILED", rows=False, error="KeyError", cause="'carrier'")
    assert record_run.runs() == {"failed": "FAILED"}
    assert "'carrier'" in record_run.values("tags", "failed")["mlflow.note.content"]


def test_an_execution_that_found_the_lock_taken_is_no_run(record_run):
    told = record_run.of(new_run(), acquired=False, output={"outcome": "skipped"})
    assert told == {"run": None, "written": [], "waiting": {}}
    assert record_run.runs() == {}


def test_while_the_tracker_is_down_runs_wait_and_the_next_one_takes_them_along(record_run, monkeypatch):
    first, second = new_run(), new_run()
    up = record_run.module.tracking_uri
    record_run.module.tracking_uri = "http://127.0.0.1:1"
    told = record_run.of(first, status="FAILED", rows=False)
    assert told["written"] == [] and "is not in MLflow" in told["waiting"][first]
    assert record_run.waiting() == [f"tracking/{first}.jsonl"]
    record_run.module.tracking_uri = up
    told = record_run.of(second, status="FAILED", rows=False)
    assert sorted(told["written"]) == sorted([first, second])
    assert record_run.waiting() == []


def test_what_waits_is_written_on_demand_and_what_is_damaged_is_told(record_run):
    run = new_run()
    record_run.module.tracking_uri, up = "http://127.0.0.1:1", record_run.module.tracking_uri
    record_run.of(run, status="FAILED", rows=False)
    whole = record_run.cloud.get(record_run.cloud.uri(f"tracking/{run}.jsonl"))
    torn = record_run.cloud.put("tracking/20260101000000-torn.jsonl", whole[: len(whole) // 2])
    record_run.module.tracking_uri = up
    told = record_run.handle({})
    assert (told["run"], told["written"]) == (None, [run])
    assert "cannot be read" in told["waiting"]["20260101000000-torn"]
    bucket, _, key = torn.removeprefix("s3://").partition("/")
    record_run.cloud.client("s3").delete_object(Bucket=bucket, Key=key)


def test_without_time_left_nothing_is_begun_and_nothing_lost(record_run):
    run = new_run()
    record_run.milliseconds = 1000
    assert record_run.of(run, status="FAILED", rows=False)["waiting"] == {run: "no time was left"}
    record_run.milliseconds = 180_000
    assert record_run.handle({})["written"] == [run]
