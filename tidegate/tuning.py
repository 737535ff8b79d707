"""The search of a training run, as SageMaker asks for it."""

import math
import random
from typing import Any

from tidegate.config import ParameterRange, TrainingSection

METRIC = "validation:score"  # what a trial prints; larger is better for every metric we offer
_SCALES = {"linear": "Linear", "log": "Logarithmic"}


def job_config(training: TrainingSection) -> dict[str, Any]:
    """HyperParameterTuningJobConfig of CreateHyperParameterTuningJob; every bound is text there."""
    tuning = training.tuning
    space = tuning.space.items()
    limits: dict[str, Any] = {"MaxParallelTrainingJobs": tuning.parallel}
    if tuning.strategy != "Grid":  # a grid has as many jobs as it has points
        limits["MaxNumberOfTrainingJobs"] = tuning.trials
    return {
        "Strategy": tuning.strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": METRIC},
        "ResourceLimits": limits,
        "ParameterRanges": {
            "ContinuousParameterRanges": [_bounds(name, r) for name, r in space if r.type == "float"],
            "IntegerParameterRanges": [_bounds(name, r) for name, r in space if r.type == "int"],
            "CategoricalParameterRanges": [
                {"Name": name, "Values": list(r.choices)} for name, r in space if r.type == "choice"
            ],
        },
        "TrainingJobEarlyStoppingType": "Off",
        "RandomSeed": training.seed,
    }


def draw(training: TrainingSection, count: int) -> list[dict[str, str]]:
    """`count` configurations at random from the search space, as text; the same for the same seed."""
    source = random.Random(training.seed)  # noqa: S311  a search, no secret; numpy is not for control functions
    return [
        {name: _drawn(source, bounds) for name, bounds in training.tuning.space.items()} for _ in range(count)
    ]


def _drawn(source: random.Random, bounds: ParameterRange) -> str:
    if bounds.type == "choice" or bounds.minimum is None or bounds.maximum is None:
        return source.choice(bounds.choices)
    low, high = bounds.minimum, bounds.maximum
    if bounds.type == "int" and bounds.scale == "linear":
        return str(source.randint(int(low), int(high)))
    value = source.uniform(low, high)
    if bounds.scale == "log":
        value = math.exp(source.uniform(math.log(low), math.log(high)))
    value = min(max(value, low), high)
    return str(round(value)) if bounds.type == "int" else repr(value)


def _bounds(name: str, bounds: ParameterRange) -> dict[str, str]:
    number = (lambda v: str(int(v))) if bounds.type == "int" else repr
    return {
        "Name": name,
        "MinValue": number(bounds.minimum),
        "MaxValue": number(bounds.maximum),
        "ScalingType": _SCALES[bounds.scale],
    }
