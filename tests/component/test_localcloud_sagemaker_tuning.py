"""Tuning jobs search with training jobs that really run: limits, counters, best job, strategies, stops."""

import re

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import SageMakerCloud, wait_for
from tuning_search import children, loss, ranges, request, tune

# three epochs, good or bad from the first one on
EPOCHS = """
import json, os, pathlib, time
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
kind = json.loads((root / "input/config/hyperparameters.json").read_text())["kind"]
for epoch in range(1, 4):
    print(f"loss={(1 if kind == 'good' else 10) / epoch};", flush=True)
    time.sleep(0.05 if kind == "good" else 0.4)
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


def test_the_best_job_has_the_best_last_value_and_only_tuned_hyperparameters(aws):
    job, found = tune(aws, jobs=5)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"] == {
        "Completed": 5,
        "InProgress": 0,
        "RetryableError": 0,
        "NonRetryableError": 0,
        "Stopped": 0,
    }
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 5, "Pending": 0, "Failed": 0}
    best = job["BestTrainingJob"]
    assert loss(best) == min(loss(child) for child in found)
    assert loss(best) == pytest.approx((float(best["TunedHyperParameters"]["x"]) - 0.3) ** 2)
    assert set(best["TunedHyperParameters"]) == {"x", "kind"}
    assert best["ObjectiveStatus"] == "Succeeded"


def test_a_child_is_a_training_job_named_after_its_tuning_job(aws):
    job, found = tune(aws, jobs=2)
    name = job["HyperParameterTuningJobName"]
    assert all(
        re.fullmatch(rf"{name}-00{number}-[0-9a-f]{{8}}", child["TrainingJobName"])
        for number, child in enumerate(found, 1)
    )
    child = aws.sagemaker.describe_training_job(TrainingJobName=found[0]["TrainingJobName"])
    assert child["TuningJobArn"] == job["HyperParameterTuningJobArn"]
    assert child["HyperParameters"] == {
        **found[0]["TunedHyperParameters"],
        "folds": "5",
        "_tuning_objective_metric": "loss",
    }
    assert "objective is loss static is 5" in aws.logs(
        "/aws/sagemaker/TrainingJobs", child["TrainingJobName"]
    )


@pytest.mark.parametrize("strategy", ["Bayesian", "Random"])
def test_one_seed_gives_the_same_search_twice_though_jobs_run_in_parallel(aws, strategy):
    runs = [tune(aws, jobs=6, parallel=3, Strategy=strategy)[1] for _ in range(2)]
    first, second = ([child["TunedHyperParameters"] for child in found] for found in runs)
    assert first == second
    other = tune(aws, jobs=6, parallel=3, Strategy=strategy, RandomSeed=8)[1]
    assert [child["TunedHyperParameters"] for child in other] != first


def test_a_grid_tries_every_combination_once(aws):
    space = {
        "CategoricalParameterRanges": [
            {"Name": "x", "Values": ["0.1", "0.3", "0.5"]},
            {"Name": "kind", "Values": ["a", "b"]},
        ]
    }
    _, found = tune(aws, jobs=None, parallel=4, Strategy="Grid", ParameterRanges=space)
    points = [(child["TunedHyperParameters"]["x"], child["TunedHyperParameters"]["kind"]) for child in found]
    assert sorted(points) == [(x, kind) for x in ("0.1", "0.3", "0.5") for kind in ("a", "b")]


def test_failed_children_are_counted_and_the_search_goes_on(aws):
    grid = {
        "CategoricalParameterRanges": [
            {"Name": "x", "Values": ["0.1", "0.2"]},
            {"Name": "kind", "Values": ["broken", "a"]},
        ]
    }
    job, found = tune(aws, jobs=None, Strategy="Grid", ParameterRanges=grid)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["NonRetryableError"] == 2
    assert job["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 2}
    failed = [child for child in found if child["TrainingJobStatus"] == "Failed"]
    assert {child["TunedHyperParameters"]["kind"] for child in failed} == {"broken"}
    assert "this kind never works" in failed[0]["FailureReason"]


def test_a_search_in_which_everything_fails_fails_with_the_first_reason(aws):
    job, found = tune(aws, jobs=9, parallel=1, ParameterRanges=ranges(kinds=("broken",)))
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert len(found) == 5
    assert job["FailureReason"].startswith("No training job succeeded after 5 attempts.")
    assert "this kind never works" in job["FailureReason"]
    assert "BestTrainingJob" not in job


def test_jobs_that_never_print_the_objective_are_no_success(aws):
    job, found = tune(aws, jobs=2, regex=r"nothing=(\d+)")
    assert job["HyperParameterTuningJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("No objective metrics found after running 2 training jobs.")
    assert {(child["TrainingJobStatus"], child["ObjectiveStatus"]) for child in found} == {
        ("Completed", "Failed")
    }


def test_a_target_reached_completes_the_search_early(aws):
    job, found = tune(
        aws, jobs=9, parallel=1, TuningJobCompletionCriteria={"TargetObjectiveMetricValue": 8.0}
    )
    assert (job["HyperParameterTuningJobStatus"], len(found)) == ("Completed", 1)


def test_no_improvement_completes_the_search_early(aws):
    same = 'print("loss=1;")'
    patience = {"BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 3}}
    job, found = tune(aws, same, jobs=9, parallel=1, TuningJobCompletionCriteria=patience)
    assert (job["HyperParameterTuningJobStatus"], len(found)) == ("Completed", 4)
    assert job["TuningJobCompletionDetails"]["NumberOfTrainingJobsObjectiveNotImproving"] == 3


def test_stopping_a_search_stops_its_children(aws):
    wanted = request(aws, "import time\nprint('loss=1;')\ntime.sleep(60)", jobs=6)
    name = wanted["HyperParameterTuningJobName"]
    aws.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    wait_for(lambda: len(children(aws, name, StatusEquals="InProgress")) == 2)
    aws.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    job = aws.ended("tuning", name)
    assert job["HyperParameterTuningJobStatus"] == "Stopped"
    assert job["TrainingJobStatusCounters"]["Stopped"] == len(children(aws, name)) == 2


def told_metrics(aws, name):
    """Children that run and have printed the objective."""
    running = [child["TrainingJobName"] for child in children(aws, name, StatusEquals="InProgress")]
    described = [aws.sagemaker.describe_training_job(TrainingJobName=child) for child in running]
    return [child for child in described if child.get("FinalMetricDataList")]


def test_the_time_limit_is_on_the_clouds_clock(aws):
    script = "import time\nprint('loss=1;', flush=True)\ntime.sleep(60)"
    wanted = request(aws, script, jobs=6)
    wanted["HyperParameterTuningJobConfig"]["ResourceLimits"]["MaxRuntimeInSeconds"] = 7200
    wanted["TrainingJobDefinition"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 86400}
    name = wanted["HyperParameterTuningJobName"]
    aws.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    wait_for(lambda: len(told_metrics(aws, name)) == 2)
    aws.cloud.clock.advance(7201)
    job = aws.ended("tuning", name)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["TrainingJobStatusCounters"]["Stopped"] == 2
    assert job["ConsumedResources"]["RuntimeInSeconds"] >= 7200


def stopped_early(aws, **options):
    """The kinds of the children that were stopped, and all children."""
    job, found = tune(aws, EPOCHS, parallel=1, **options)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert job["BestTrainingJob"]["TunedHyperParameters"]["kind"] == "good"
    assert {child["ObjectiveStatus"] for child in found} == {"Succeeded"}
    return [
        child["TunedHyperParameters"]["kind"] for child in found if child["TrainingJobStatus"] == "Stopped"
    ]


def test_a_child_worse_than_the_median_of_those_before_it_is_stopped_early(aws):
    kinds = {"Name": "kind", "Values": ["good", "bad"]}  # the grid tries both good ones first
    grid = {"CategoricalParameterRanges": [kinds, {"Name": "again", "Values": ["1", "2"]}]}
    early = {"Strategy": "Grid", "ParameterRanges": grid, "TrainingJobEarlyStoppingType": "Auto"}
    assert stopped_early(aws, jobs=None, **early) == ["bad", "bad"]


def test_hyperband_stops_children_that_fall_behind(aws):
    bands = {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 3}}
    space = ranges(continuous=False, kinds=("good", "bad"))
    stopped = stopped_early(aws, jobs=8, Strategy="Hyperband", StrategyConfig=bands, ParameterRanges=space)
    assert stopped
    assert set(stopped) == {"bad"}


def test_children_are_listed_by_their_objective(aws):
    job, found = tune(aws, jobs=4, parallel=4, Strategy="Random")
    name = job["HyperParameterTuningJobName"]
    by_value = children(aws, name, SortBy="FinalObjectiveMetricValue", SortOrder="Descending")
    assert [loss(child) for child in by_value] == sorted((loss(child) for child in found), reverse=True)


def test_a_search_is_announced_listed_and_deleted(aws):
    job, _ = tune(aws, jobs=1, parallel=1)
    name = job["HyperParameterTuningJobName"]
    events = aws.events("HyperParameterTuningJobName", name)
    assert {event["detail-type"] for event in events} == {"SageMaker HyperParameter Tuning Job State Change"}
    statuses = [event["detail"]["HyperParameterTuningJobStatus"] for event in events]
    assert sorted(statuses) == ["Completed", "InProgress"]
    listed = aws.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)
    (line,) = listed["HyperParameterTuningJobSummaries"]
    assert (line["Strategy"], line["ResourceLimits"]["MaxNumberOfTrainingJobs"]) == ("Bayesian", 1)
    aws.sagemaker.delete_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    assert not aws.sagemaker.list_hyper_parameter_tuning_jobs(NameContains=name)[
        "HyperParameterTuningJobSummaries"
    ]


@pytest.mark.parametrize(
    "changes, word",
    [
        (
            {"HyperParameterTuningJobObjective": {"Type": "Minimize", "MetricName": "auc"}},
            "MetricDefinitions",
        ),
        ({"ParameterRanges": {}}, "at least one range"),
        ({"Strategy": "Grid", "ParameterRanges": ranges(continuous=False)}, "must be 2"),
        (
            {
                "ParameterRanges": {
                    "ContinuousParameterRanges": [{"Name": "folds", "MinValue": "0", "MaxValue": "1"}]
                }
            },
            "static and tuned",
        ),
        (
            {"TuningJobCompletionCriteria": {"ConvergenceDetected": {"CompleteOnConvergence": "Enabled"}}},
            "convergence",
        ),
    ],
    ids=["objective", "no range", "grid size", "static and tuned", "convergence"],
)
def test_a_search_that_cannot_be_run_is_refused_with_the_reason(aws, changes, word):
    with pytest.raises(ClientError, match=word) as refused:
        aws.sagemaker.create_hyper_parameter_tuning_job(**request(aws, **changes))
    assert refused.value.response["Error"]["Code"] == "ValidationException"
