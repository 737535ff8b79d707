"""The search, in the very shape that SageMaker takes."""

from functools import cache
from pathlib import Path

import botocore.loaders
import pytest
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from localcloud.front import strict
from tidegate.config import ParameterRange, PipelineConfig, TrainingSection, TuningSection
from tidegate.tuning import METRIC, draw, job_config

SPACE = {
    "learning_rate": ParameterRange(type="float", minimum=0.03, maximum=1, scale="log"),
    "max_leaf_nodes": ParameterRange(type="int", minimum=8, maximum=48),
    "class_weight": ParameterRange(type="choice", choices=("balanced", "none")),
}


def training(**tuning):
    return TrainingSection(
        task="binary", estimator="a.B", seed=7, tuning=TuningSection(**{"space": SPACE, **tuning})
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


@cache
def tuning_shape():
    """HyperParameterTuningJobConfig as AWS publishes it with botocore."""
    document = botocore.loaders.Loader().load_service_model("sagemaker", "service-2")
    return ServiceModel(document, "sagemaker").shape_for("HyperParameterTuningJobConfig")


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
