"""The search of a training run, as SageMaker asks for it."""

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


def _bounds(name: str, bounds: ParameterRange) -> dict[str, str]:
    number = (lambda v: str(int(v))) if bounds.type == "int" else repr
    return {
        "Name": name,
        "MinValue": number(bounds.minimum),
        "MaxValue": number(bounds.maximum),
        "ScalingType": _SCALES[bounds.scale],
    }
