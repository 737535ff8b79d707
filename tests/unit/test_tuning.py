"""The search, in the very shape that SageMaker takes."""

from functools import cache
from pathlib import Path

import botocore.loaders
import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from localcloud.front import strict
from tidegate.settings.config import PipelineConfig, TrainingSection
from tidegate.settings.tuning_section import HyperbandSection, ParameterRange, TuningSection
from tidegate.training.tuning import METRIC, draw, job_config, kind, longest_seconds, request

SPACE = {
    "learning_rate": ParameterRange(type="float", minimum=0.03, maximum=1, scale="log"),
    "max_leaf_nodes": ParameterRange(type="int", minimum=8, maximum=48),
    "class_weight": ParameterRange(type="choice", choices=("balanced", "none")),
}


BAND = HyperbandSection(resource="max_iter", minimum=10, maximum=40, step=5)


def training(*, of=None, **tuning):
    """A section with that search; `of` are its other members."""
    return TrainingSection(
        **{"task": "binary", "estimator": "a.B", "seed": 7, **(of or {})},
        tuning=TuningSection(**{"space": SPACE, **tuning}),
    )


def test_a_search_as_sagemaker_spells_it():
    assert job_config(training(trials=6, parallel=3)) == {
        "Strategy": "Bayesian",
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": METRIC},
        "ResourceLimits": {"MaxNumberOfTrainingJobs": 6, "MaxParallelTrainingJobs": 3},
        "ParameterRanges": {
            "ContinuousParameterRanges": [
                {"Name": "learning_rate", "MinValue": "0.03", "MaxValue": "1", "ScalingType": "Logarithmic"}
            ],
            "IntegerParameterRanges": [
                {"Name": "max_leaf_nodes", "MinValue": "8", "MaxValue": "48", "ScalingType": "Linear"}
            ],
            "CategoricalParameterRanges": [{"Name": "class_weight", "Values": ["balanced", "none"]}],
        },
        "TrainingJobEarlyStoppingType": "Off",
        "RandomSeed": 7,
    }


def test_a_grid_has_as_many_trials_as_points():
    limits = job_config(training(strategy="Grid", space={"class_weight": SPACE["class_weight"]}))[
        "ResourceLimits"
    ]
    assert limits == {"MaxParallelTrainingJobs": 2}


def test_what_is_not_asked_for_is_absent():
    assert request(training(), checkpoints_uri="s3://lake/c/") == {
        "request": {"HyperParameterTuningJobConfig": job_config(training())},
        "definition": {"StoppingCondition": {"MaxRuntimeInSeconds": 3600}},
    }
    assert not {"StrategyConfig", "TuningJobCompletionCriteria"} & set(job_config(training()))


def test_everything_that_can_be_asked_for():
    section = training(
        of={"maximum_runtime_seconds": 600},
        warm_start=2,
        spot=True,
        spot_wait_seconds=300,
        early_stopping="Auto",
        maximum_runtime_seconds=7200,
        target=0.9,
        not_improving=5,
        convergence=True,
    )
    asked = request(section, parents=["tune-3", "tune-2", "tune-1"], checkpoints_uri="s3://lake/c/")
    config = asked["request"]["HyperParameterTuningJobConfig"]
    assert config["TrainingJobEarlyStoppingType"] == "Auto"
    assert config["ResourceLimits"]["MaxRuntimeInSeconds"] == 7200
    assert config["TuningJobCompletionCriteria"] == {
        "TargetObjectiveMetricValue": 0.9,
        "BestObjectiveNotImproving": {"MaxNumberOfTrainingJobsNotImproving": 5},
        "ConvergenceDetected": {"CompleteOnConvergence": "Enabled"},
    }
    assert asked["request"]["WarmStartConfig"] == {
        "ParentHyperParameterTuningJobs": [
            {"HyperParameterTuningJobName": "tune-3"},
            {"HyperParameterTuningJobName": "tune-2"},
        ],
        "WarmStartType": "TransferLearning",
    }
    assert asked["definition"] == {
        "StoppingCondition": {"MaxRuntimeInSeconds": 600, "MaxWaitTimeInSeconds": 900},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": "s3://lake/c/"},
    }


def test_a_warm_start_without_a_search_before_it_is_a_cold_one():
    assert "WarmStartConfig" not in request(training(warm_start=3), checkpoints_uri="s3://c/")["request"]


def test_hyperband_counts_scores_where_the_file_counts_the_resource():
    config = job_config(training(strategy="Hyperband", hyperband=BAND))
    # a score after each 5 iterations: 10 are the second score, 40 the eighth
    assert config["StrategyConfig"] == {"HyperbandStrategyConfig": {"MinResource": 2, "MaxResource": 8}}
    assert BAND.levels == (5, 10, 15, 20, 25, 30, 35, 40)


def test_fewer_trials_than_slots_need_fewer_slots():
    assert job_config(training(trials=3, parallel=8))["ResourceLimits"]["MaxParallelTrainingJobs"] == 3
    grid = training(strategy="Grid", parallel=8, space={"c": SPACE["class_weight"]})
    assert job_config(grid)["ResourceLimits"] == {"MaxParallelTrainingJobs": 2}


def test_choices_that_are_no_texts_go_as_texts_and_come_back_as_they_were():
    mixed = ParameterRange(type="choice", choices=("sqrt", 0.5, 3, True))
    [values] = job_config(training(space={"max_features": mixed}))["ParameterRanges"][
        "CategoricalParameterRanges"
    ]
    assert values["Values"] == ["sqrt", "0.5", "3", "true"]
    assert [mixed.value(text) for text in values["Values"]] == ["sqrt", 0.5, 3, True]
    with pytest.raises(ValueError, match="not in tuple"):
        mixed.value("log2")


@pytest.mark.parametrize(
    ("section", "seconds"),
    [
        pytest.param(training(of={"maximum_runtime_seconds": 100}), 600, id="12 trials, two at a time"),
        pytest.param(training(trials=5, of={"maximum_runtime_seconds": 100}), 300, id="an odd one out"),
        pytest.param(training(maximum_runtime_seconds=500), 500, id="its own limit"),
        pytest.param(
            training(spot=True, spot_wait_seconds=50, of={"maximum_runtime_seconds": 100}), 900, id="spot"
        ),
        pytest.param(
            training(
                strategy="Grid",
                parallel=2,
                space={"a": ParameterRange(type="choice", choices=("1", "2", "3"))},
                of={"maximum_runtime_seconds": 100},
            ),
            200,
            id="a grid of three",
        ),
    ],
)
def test_a_search_takes_no_longer_than(section, seconds):
    assert longest_seconds(section) == seconds


def test_a_search_learns_from_searches_of_its_own_kind_only():
    same = [training(), training(trials=99, strategy="Random"), training(of={"seed": 8})]
    wider = ParameterRange(type="float", minimum=0.001, maximum=1, scale="log")
    same.append(training(space={**SPACE, "learning_rate": wider}))
    assert {kind(section) for section in same} == {kind(training())}
    others = [
        training(of={"estimator": "a.C"}),
        training(of={"metric": "neg_log_loss"}),
        training(of={"parameters": {"max_iter": 40}}),
        training(space={"max_leaf_nodes": SPACE["max_leaf_nodes"]}),
        training(space={**SPACE, "max_leaf_nodes": SPACE["learning_rate"]}),
    ]
    assert len({kind(section) for section in [*others, training()]}) == 6


@cache
def shape(name):
    """A structure of SageMaker as AWS publishes it with botocore."""
    document = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    return ServiceModel(document, "sagemaker").shape_for(name)


def tuning_shape():
    return shape("HyperParameterTuningJobConfig")


@pytest.mark.parametrize(
    "tuning",
    [
        pytest.param({}, id="defaults"),
        pytest.param({"strategy": "Random", "trials": 750, "parallel": 100}, id="as many as may be"),
        pytest.param({"strategy": "Grid", "space": {"c": SPACE["class_weight"]}}, id="grid"),
        pytest.param(
            {"space": {"n": ParameterRange(type="float", minimum=1e-7, maximum=1e21, scale="log")}},
            id="extremes",
        ),
        pytest.param(
            {"space": {"n": ParameterRange(type="float", minimum=0, maximum=0.99, scale="reverse-log")}},
            id="near 1",
        ),
        pytest.param({"strategy": "Hyperband", "hyperband": BAND}, id="hyperband"),
        pytest.param(
            {
                "early_stopping": "Auto",
                "maximum_runtime_seconds": 120,
                "target": 1.0,
                "not_improving": 3,
                "convergence": True,
            },
            id="every limit",
        ),
    ],
)
def test_every_search_is_accepted_by_botocores_own_model(tuning):
    config = job_config(training(**tuning))
    report = ParamValidator().validate(config, tuning_shape())
    assert not report.has_errors(), report.generate_report()
    assert list(strict.findings(tuning_shape(), config, "config")) == []  # patterns, enums and lengths too


def test_the_check_above_can_fail():
    config = job_config(training()) | {"Strategy": "Genetic", "RandomSeed": "7"}
    assert ParamValidator().validate(config, tuning_shape()).has_errors()
    assert list(strict.findings(tuning_shape(), config, "config"))


def test_the_flights_example_asks_for_what_its_file_says():
    file = Path(__file__).parents[2] / "examples" / "flights" / "pipeline.toml"
    config = job_config(PipelineConfig.from_toml(file, "dev").training)
    assert {r["Name"] for r in config["ParameterRanges"]["IntegerParameterRanges"]} == {
        "max_leaf_nodes",
        "min_samples_leaf",
    }
    assert not ParamValidator().validate(config, tuning_shape()).has_errors()


def test_configurations_drawn_at_random_lie_in_the_space_and_are_those_of_their_seed():
    drawn = draw(training(), 200)
    assert drawn == draw(training(), 200)
    rates = [float(each["learning_rate"]) for each in drawn]
    assert min(rates) >= 0.03 and max(rates) <= 1
    # on a log scale half of them lie below the geometric mean, 0.173; on a linear one 15 % would
    assert 0.4 < sum(rate < 0.173 for rate in rates) / 200 < 0.6
    leaves = {int(each["max_leaf_nodes"]) for each in drawn}
    assert leaves <= set(range(8, 49)) and len(leaves) > 30
    assert {each["class_weight"] for each in drawn} == {"balanced", "none"}


def test_a_reverse_logarithm_draws_near_one():
    near = ParameterRange(type="float", minimum=0.9, maximum=0.999, scale="reverse-log")
    drawn = [float(each["n"]) for each in draw(training(space={"n": near}), 200)]
    assert min(drawn) >= 0.9 and max(drawn) <= 0.999
    # half of the distances from 1 lie below their geometric mean, 0.01; on a linear scale 9 % would
    assert 0.4 < sum(value > 0.99 for value in drawn) / 200 < 0.6


def test_drawn_configurations_are_fully_grown():
    drawn = draw(training(strategy="Hyperband", hyperband=BAND), 3)
    assert {each["max_iter"] for each in drawn} == {"40"}


def test_a_warm_start_fits_botocores_shape():
    asked = request(training(warm_start=5), parents=[f"tune-{n}" for n in range(5)], checkpoints_uri="s3://c")
    warm = asked["request"]["WarmStartConfig"]
    assert list(strict.findings(shape("HyperParameterTuningJobWarmStartConfig"), warm, "warm")) == []
