"""SelectTrial over a tuning job that really ran: what it takes, what it refuses, what it remembers."""

import importlib
import json
import sys

import boto3
import pytest
from sagemaker_cloud import SageMakerCloud, unique
from serving_account import plan

from tidegate.aws.state import State
from tidegate.errors import TrialsFailedError
from tidegate.plan import Plan
from tidegate.training import tuning

# score, spread, folds, complexity of each kind: one standard error of the best is 0.02 / sqrt(5 - 1) = 0.01
TOLD = {
    "best": (0.70, 0.02, 5, 160),
    "small": (0.695, 0.05, 5, 40),
    "tiny": (0.65, 0.02, 5, 1),
    "partial": (0.99, 0.02, 2, 1),
}
SCRIPT = f"""
import json, os, pathlib, sys
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
kind = json.loads((root / "input/config/hyperparameters.json").read_text())["kind"]
if kind == "broken":
    sys.exit("this kind never works")
if kind == "mute":
    print("[metric] validation:score=0.9;")
    sys.exit()
score, spread, folds, complexity = {TOLD}[kind]
print("[metric] validation:resource=6.000000;")
print(f"[metric] validation:complexity={{complexity:.6f}};")
print(f"[metric] validation:folds={{folds:.6f}};")
print(f"[metric] validation:score_std={{spread:.6f}};")
print(f"[metric] validation:score={{score:.6f}};")
"""
METRICS = [
    {"Name": name, "Regex": rf"\[metric\] {name}=([-+]?[0-9.]+);"}
    for name in (tuning.METRIC, tuning.SPREAD, tuning.FOLDS, tuning.COMPLEXITY, tuning.RESOURCE)
]
HYPERBAND = {
    "strategy": "Hyperband",
    "hyperband": {"resource": "max_iter", "minimum": 2, "maximum": 6, "step": 2},
}


@pytest.fixture(scope="module")
def cloud(tmp_path_factory):
    cloud = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield cloud
    cloud.close()


@pytest.fixture(scope="module")
def searched(cloud):
    """The name of a tuning job of each kind."""
    return search(cloud, [*TOLD, "broken", "mute"])


def search(cloud, kinds):
    job = cloud.training_request(cloud.image(SCRIPT), algorithm={"MetricDefinitions": METRICS})
    del job["TrainingJobName"]
    name = unique("tune")[:32]
    cloud.sagemaker.create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Grid",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": tuning.METRIC},
            "ResourceLimits": {"MaxParallelTrainingJobs": 3},
            "ParameterRanges": {"CategoricalParameterRanges": [{"Name": "kind", "Values": kinds}]},
        },
        TrainingJobDefinition=job,
    )
    cloud.ended("tuning", name, seconds=30)
    return name


@pytest.fixture
def select(cloud, monkeypatch, context, tmp_path):
    """`select(tuning_job, **members of training.tuning)` gives the answer; `select.state` is the table."""
    table = unique("state")
    dynamodb = cloud.client("dynamodb")
    dynamodb.create_table(
        TableName=table,
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    environment = {
        "AWS_ENDPOINT_URL": cloud.cloud.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": cloud.cloud.region,
        "POWERTOOLS_SERVICE_NAME": "test",
        "PIPELINE_DIR": str(tmp_path),
        "STATE_TABLE": table,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)

    def select(tuning_job, **section):
        document = plan().to_json()
        document["config"]["training"]["tuning"] |= section
        (tmp_path / "plan.json").write_text(json.dumps(document))
        sys.modules.pop("functions.select_trial", None)
        select.training = Plan.load(tmp_path).config.training
        return importlib.import_module("functions.select_trial").handler({"tuning_job": tuning_job}, context)

    select.state = State(dynamodb, table)
    return select


def test_the_smallest_within_one_standard_error_is_taken_and_the_reason_says_so(searched, select):
    found = select(searched)
    assert found["hyperparameters"] == {"kind": "small"}
    assert found["reason"] == (
        "0.6950 is the smallest of 2 within 0.0100 of the best, 0.7000: it stores 25% of its numbers"
    )
    assert (found["score"], found["best_score"], found["complexity"]) == (0.695, 0.7, 40)
    assert found["standard_error"] == pytest.approx(0.01)
    assert (found["trials"], found["failed"]) == (4, 1)  # the mute one has no score to compare
    assert found["training_job"].startswith(f"{searched}-002-")
    assert found["best_training_job"].startswith(f"{searched}-001-")


def test_the_best_is_taken_where_the_file_asks_for_it(searched, select):
    assert select(searched, selection="best")["hyperparameters"] == {"kind": "best"}


def test_the_parameter_that_hyperband_grew_is_a_hyperparameter_of_the_choice(searched, select):
    found = select(searched, **HYPERBAND)
    assert found["hyperparameters"] == {"kind": "small", "max_iter": "6"}


def test_more_failed_trials_than_may_be_end_the_run_with_the_first_ones_reason(searched, select):
    assert select(searched, maximum_failed_trials=1)["failed"] == 1
    with pytest.raises(TrialsFailedError, match=f"1 trials of {searched} failed, 0 may") as refused:
        select(searched, maximum_failed_trials=0)
    assert "this kind never works" in refused.value.cause


def test_a_search_that_told_nothing_to_choose_by_is_refused(cloud, select):
    name = search(cloud, ["mute"])
    with pytest.raises(TrialsFailedError, match=f"no trial of {name} told its score, folds and complexity"):
        select(name)
    assert select.state.searches(tuning.kind(select.training)) == ()


def test_the_last_five_searches_are_remembered_for_a_warm_start(searched, select):
    select(searched)
    kind = tuning.kind(select.training)
    assert select.state.searches(kind) == (searched,)
    for number in range(5):
        select.state.record_search(kind, f"tune-{number}")
    select(searched)
    select(searched)  # a retry after the answer was lost
    assert select.state.searches(kind) == (searched, "tune-4", "tune-3", "tune-2", "tune-1")
    assert select.state.searches("another kind") == ()
