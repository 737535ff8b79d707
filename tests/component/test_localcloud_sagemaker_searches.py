"""What decides a search beside its proposals: early stops, warm starts; each the same twice."""

import pytest
from botocore.exceptions import ClientError
from sagemaker_cloud import SageMakerCloud, unique
from tuning_search import children, loss, ranges, request, tune

# values of three epochs by x; a trial that is far off is slow, so that it is told last
EPOCHS = """
import json, os, pathlib, time
root = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"])
x = float(json.loads((root / "input/config/hyperparameters.json").read_text())["x"])
for epoch in range(1, EPOCHS + 1):
    print(f"loss={(x - 0.3) ** 2 + 1 / epoch};", flush=True)
    time.sleep(abs(x - 0.3) / 10)
"""
BANDS = {"StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 1, "MaxResource": 3}}}
WARM = "ParentHyperParameterTuningJobs"


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    aws = SageMakerCloud(tmp_path_factory.mktemp("images"))
    yield aws
    aws.close()


@pytest.fixture(scope="module")
def parent(aws):
    """A search that has ended: (description, children)."""
    return tune(aws, jobs=5, parallel=5, Strategy="Random")


def started_warm(aws, *parents, kind="TransferLearning", **changes):
    """The request of a search that begins with those."""
    wanted = request(aws, **changes)
    names = [{"HyperParameterTuningJobName": name} for name in parents]
    wanted["WarmStartConfig"] = {WARM: names, "WarmStartType": kind}
    return wanted


def ended(aws, wanted):
    name = wanted["HyperParameterTuningJobName"]
    aws.sagemaker.create_hyper_parameter_tuning_job(**wanted)
    return aws.ended("tuning", name, seconds=30), children(aws, name)


def story(found):
    """All that a search is: what was tried, how it ended, how it did."""
    return [(c["TunedHyperParameters"], c["TrainingJobStatus"], loss(c)) for c in found]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({"Strategy": "Random", "TrainingJobEarlyStoppingType": "Auto"}, id="random, early"),
        pytest.param({"Strategy": "Bayesian", "TrainingJobEarlyStoppingType": "Auto"}, id="bayesian, early"),
        pytest.param({"Strategy": "Hyperband", **BANDS}, id="hyperband"),
    ],
)
def test_one_seed_stops_the_same_jobs_twice_at_the_same_values_though_two_run_at_a_time(aws, config):
    script = EPOCHS.replace("EPOCHS", "3")
    config = {**config, "ParameterRanges": ranges(kinds=())}
    runs = [tune(aws, script, jobs=8, parallel=2, **config) for _ in range(2)]
    first, second = (story(found) for _, found in runs)
    assert first == second
    statuses = [status for _, status, _ in first]
    assert "Stopped" in statuses and "Completed" in statuses
    for job, found in runs:
        counters = job["TrainingJobStatusCounters"]
        assert (counters["Stopped"], counters["Completed"]) == tuple(
            statuses.count(status) for status in ("Stopped", "Completed")
        )
        assert job["ObjectiveStatusCounters"] == {"Succeeded": 8, "Pending": 0, "Failed": 0}
        assert loss(job["BestTrainingJob"]) == min(map(loss, found))


def test_a_stopped_job_has_the_value_at_which_it_was_stopped(aws):
    _, found = tune(
        aws,
        EPOCHS.replace("EPOCHS", "3"),
        jobs=4,
        parallel=1,
        Strategy="Grid",
        TrainingJobEarlyStoppingType="Auto",
        ParameterRanges={"CategoricalParameterRanges": [{"Name": "x", "Values": ["0.3", "0.5"]}]},
        ResourceLimits={"MaxParallelTrainingJobs": 1},
    )
    assert [status for _, status, _ in story(found)] == ["Completed", "Stopped"]
    # epoch 1: 0.04 + 1 against 1: worse than all there is
    assert loss(found[1]) == pytest.approx(1.04)
    described = aws.sagemaker.describe_training_job(TrainingJobName=found[1]["TrainingJobName"])
    assert [metric["Value"] for metric in described["FinalMetricDataList"]] == [pytest.approx(1.04)]
    assert described["SecondaryStatus"] == "Stopped"


def test_a_job_that_goes_on_after_its_maximum_of_resources_is_stopped_there(aws):
    _, [found] = tune(
        aws,
        EPOCHS.replace("EPOCHS", "50"),
        jobs=1,
        parallel=1,
        Strategy="Hyperband",
        ParameterRanges={"CategoricalParameterRanges": [{"Name": "x", "Values": ["0.8"]}]},
        **BANDS,
    )
    assert found["TrainingJobStatus"] == "Stopped"
    assert loss(found) == pytest.approx(0.25 + 1 / 3)


def test_a_warm_start_proposes_by_what_its_parents_found(aws, parent):
    job, found = parent
    assert len(found) == 5
    name = job["HyperParameterTuningJobName"]
    warm, first = ended(aws, started_warm(aws, name, jobs=2, RandomSeed=3))
    _, again = ended(aws, started_warm(aws, name, jobs=2, RandomSeed=3))
    _, cold = ended(aws, request(aws, jobs=2, RandomSeed=3))
    assert [child["TunedHyperParameters"] for child in first] == [c["TunedHyperParameters"] for c in again]
    assert [child["TunedHyperParameters"] for child in first] != [c["TunedHyperParameters"] for c in cold]
    assert warm["WarmStartConfig"]["WarmStartType"] == "TransferLearning"
    assert "OverallBestTrainingJob" not in warm
    assert sum(warm["TrainingJobStatusCounters"].values()) == 2  # its own


def test_the_best_of_a_search_and_its_parents_on_identical_data_is_told(aws, parent):
    job, _ = parent
    name = job["HyperParameterTuningJobName"]
    wanted = started_warm(aws, name, kind="IdenticalDataAndAlgorithm", jobs=1, parallel=1)
    image = job["TrainingJobDefinition"]["AlgorithmSpecification"]["TrainingImage"]
    wanted["TrainingJobDefinition"]["AlgorithmSpecification"]["TrainingImage"] = image
    worst = {"ContinuousParameterRanges": [{"Name": "x", "MinValue": "0.99", "MaxValue": "1"}]}
    wanted["HyperParameterTuningJobConfig"]["ParameterRanges"] |= worst
    warm, _ = ended(aws, wanted)
    overall = warm["OverallBestTrainingJob"]
    assert overall["TrainingJobName"] == job["BestTrainingJob"]["TrainingJobName"]
    assert overall["TuningJobName"] == name
    assert loss(warm["BestTrainingJob"]) > 0.47  # its own, all of it far off


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"Strategy": "Random"}, "starts Bayesian searches warm only, not Random", id="strategy"),
        pytest.param(
            {"HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "loss"}},
            "it must have the same objective metric and type",
            id="objective",
        ),
        pytest.param(
            {"ParameterRanges": ranges(kinds=())}, "has 3 hyperparameters, static and tuned", id="fewer"
        ),
        pytest.param(
            {
                "ParameterRanges": {
                    "IntegerParameterRanges": [{"Name": "x", "MinValue": "0", "MaxValue": "1"}],
                    "CategoricalParameterRanges": [{"Name": "kind", "Values": ["a"]}],
                }
            },
            "the type of these hyperparameters has changed: \\['x'\\]",
            id="type",
        ),
        pytest.param({"kind": "IdenticalDataAndAlgorithm"}, "needs the same training image", id="image"),
        pytest.param({"jobs": 496}, "must not be more than 500", id="too many"),
    ],
)
def test_a_warm_start_that_aws_would_refuse_is_refused_with_the_reason(aws, parent, changes, sentence):
    name = parent[0]["HyperParameterTuningJobName"]
    with pytest.raises(ClientError, match=sentence):
        aws.sagemaker.create_hyper_parameter_tuning_job(**started_warm(aws, name, **changes))


def test_a_parent_must_be_there_and_have_ended(aws):
    with pytest.raises(ClientError, match="not found"):
        aws.sagemaker.create_hyper_parameter_tuning_job(**started_warm(aws, "tune-none"))
    running = request(aws, "import time\ntime.sleep(60)", jobs=1, parallel=1)
    running["HyperParameterTuningJobName"] = name = unique("tune")[:32]
    aws.sagemaker.create_hyper_parameter_tuning_job(**running)
    with pytest.raises(ClientError, match="status InProgress and must have ended"):
        aws.sagemaker.create_hyper_parameter_tuning_job(**started_warm(aws, name))
    aws.sagemaker.stop_hyper_parameter_tuning_job(HyperParameterTuningJobName=name)
    aws.ended("tuning", name)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        pytest.param({"Strategy": "Hyperband"}, "needs MaxResource", id="no resource"),
        pytest.param(
            {
                "Strategy": "Hyperband",
                "StrategyConfig": {"HyperbandStrategyConfig": {"MinResource": 4, "MaxResource": 3}},
            },
            "MinResource must not exceed MaxResource",
            id="resources in the wrong order",
        ),
        pytest.param(
            BANDS, "StrategyConfig is for the Hyperband strategy", id="resources of another strategy"
        ),
        pytest.param(
            {"Strategy": "Hyperband", "TrainingJobEarlyStoppingType": "Auto", **BANDS},
            "must be Off with the Hyperband strategy",
            id="early stopping",
        ),
    ],
)
def test_a_hyperband_search_that_cannot_be_run_is_refused(aws, changes, sentence):
    with pytest.raises(ClientError, match=sentence):
        aws.sagemaker.create_hyper_parameter_tuning_job(**request(aws, **changes))


def test_spot_without_a_wait_is_refused_for_trials_too(aws):
    wanted = request(aws)
    wanted["TrainingJobDefinition"]["EnableManagedSpotTraining"] = True
    with pytest.raises(ClientError, match="Invalid MaxWaitTimeInSeconds"):
        aws.sagemaker.create_hyper_parameter_tuning_job(**wanted)


def test_a_trial_on_spot_capacity_keeps_its_checkpoints_under_its_own_name(aws):
    script = """
import os, pathlib
folder = pathlib.Path(os.environ["SAGEMAKER_BASE_DIR"], "checkpoints")
assert folder.is_dir()
(folder / "folds.json").write_text("{}")
print("loss=1;")
"""
    wanted = request(aws, script, jobs=1, parallel=1)
    key = unique("checkpoints")
    wanted["TrainingJobDefinition"] |= {
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": aws.uri(f"{key}/")},
        "StoppingCondition": {"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 120},
    }
    job, [found] = ended(aws, wanted)
    assert job["HyperParameterTuningJobStatus"] == "Completed"
    assert aws.keys(key) == [f"{key}/{found['TrainingJobName']}/folds.json"]
    described = aws.sagemaker.describe_training_job(TrainingJobName=found["TrainingJobName"])
    assert described["EnableManagedSpotTraining"] is True
