"""The search of a training run, as SageMaker asks for it."""

import hashlib
import json
import math
import random
from collections.abc import Sequence
from typing import Any

from tidegate.settings.config import TrainingSection
from tidegate.settings.tuning_section import ParameterRange, TuningSection

METRIC = "validation:score"  # what a trial prints; larger is better for every metric we offer
SPREAD = f"{METRIC}_std"  # over the folds, of the population
FOLDS = "validation:folds"  # how many the score is the mean of
COMPLEXITY = "validation:complexity"  # numbers that the fitted model stores, mean over the folds
RESOURCE = "validation:resource"  # how far Hyperband grew its parameter
_SCALES = {
    "linear": "Linear",
    "log": "Logarithmic",
    "reverse-log": "ReverseLogarithmic",
    "auto": "Auto",
}


def request(
    training: TrainingSection, *, parents: Sequence[str] = (), checkpoints_uri: str
) -> dict[str, dict[str, Any]]:
    """What CreateHyperParameterTuningJob takes beside what every pipeline's search has.

    Args:
        parents: names of earlier searches of this kind, the newest first; as many are used as
            `warm_start` says.
        checkpoints_uri: where trials on spot capacity keep what they have finished.

    Returns:
        {"request": members of the request, "definition": members of its TrainingJobDefinition}. What is
        not wanted is absent: the service takes no empty members.
    """
    members: dict[str, Any] = {"HyperParameterTuningJobConfig": job_config(training)}
    if learnt_from := parents[: training.tuning.warm_start]:
        # each run has a training set of its own, which the other type of warm start forbids
        members["WarmStartConfig"] = {
            "ParentHyperParameterTuningJobs": [{"HyperParameterTuningJobName": name} for name in learnt_from],
            "WarmStartType": "TransferLearning",
        }
    return {"request": members, "definition": _definition(training, checkpoints_uri)}


def job_config(training: TrainingSection) -> dict[str, Any]:
    """HyperParameterTuningJobConfig of CreateHyperParameterTuningJob; every bound is text there."""
    tuning = training.tuning
    space = tuning.space.items()
    return {
        "Strategy": tuning.strategy,
        "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": METRIC},
        "ResourceLimits": _limits(tuning),
        "ParameterRanges": {
            "ContinuousParameterRanges": [_bounds(name, r) for name, r in space if r.type == "float"],
            "IntegerParameterRanges": [_bounds(name, r) for name, r in space if r.type == "int"],
            "CategoricalParameterRanges": [
                {"Name": name, "Values": list(r.texts)} for name, r in space if r.type == "choice"
            ],
        },
        "TrainingJobEarlyStoppingType": tuning.early_stopping,
        "RandomSeed": training.seed,
    } | _optional(tuning)


def kind(training: TrainingSection) -> str:
    """Names the searches that this one may learn from: of the same parameters, types, metric and model.

    SageMaker refuses a parent with another objective or other hyperparameters; of another estimator or
    other fixed parameters it would learn what does not hold here.
    """
    told = {
        "estimator": training.estimator,
        "metric": training.metric,
        "parameters": dict(training.parameters),
        "space": {name: bounds.type for name, bounds in training.tuning.space.items()},
        "task": training.task,
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]


def longest_seconds(training: TrainingSection) -> int:
    """The most that the search may take: its own limit, or as long as all trials one batch after another."""
    tuning = training.tuning
    if tuning.maximum_runtime_seconds is not None:
        return tuning.maximum_runtime_seconds
    limits = _limits(tuning)
    points = math.prod(len(bounds.choices) for bounds in tuning.space.values())
    batches = -(-limits.get("MaxNumberOfTrainingJobs", points) // limits["MaxParallelTrainingJobs"])
    wait = tuning.spot_wait_seconds if tuning.spot else 0
    return batches * (training.maximum_runtime_seconds + wait)


def draw(training: TrainingSection, count: int) -> list[dict[str, str]]:
    """`count` configurations at random from the search space, as text; the same for the same seed.

    What Hyperband grows is at its maximum.
    """
    band = training.tuning.hyperband
    grown = {band.resource: str(band.maximum)} if band else {}
    source = random.Random(training.seed)  # noqa: S311  a search, no secret; numpy is not for control functions
    return [
        {name: _drawn(source, bounds) for name, bounds in training.tuning.space.items()} | grown
        for _ in range(count)
    ]


def _limits(tuning: TuningSection) -> dict[str, int]:
    limits = {"MaxParallelTrainingJobs": tuning.parallel}
    if tuning.strategy == "Grid":  # as many jobs as it has points
        points = math.prod(len(bounds.choices) for bounds in tuning.space.values())
        limits["MaxParallelTrainingJobs"] = min(tuning.parallel, points)
    else:
        limits["MaxNumberOfTrainingJobs"] = tuning.trials
        limits["MaxParallelTrainingJobs"] = min(tuning.parallel, tuning.trials)
    if tuning.maximum_runtime_seconds is not None:
        limits["MaxRuntimeInSeconds"] = tuning.maximum_runtime_seconds
    return limits


def _optional(tuning: TuningSection) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if band := tuning.hyperband:  # the service counts scores, not what they cost
        steps = {"MinResource": band.minimum // band.step, "MaxResource": band.maximum // band.step}
        found["StrategyConfig"] = {"HyperbandStrategyConfig": steps}
    criteria: dict[str, Any] = {}
    if tuning.target is not None:
        criteria["TargetObjectiveMetricValue"] = tuning.target
    if tuning.not_improving is not None:
        criteria["BestObjectiveNotImproving"] = {"MaxNumberOfTrainingJobsNotImproving": tuning.not_improving}
    if tuning.convergence:
        criteria["ConvergenceDetected"] = {"CompleteOnConvergence": "Enabled"}
    return found | ({"TuningJobCompletionCriteria": criteria} if criteria else {})


def _definition(training: TrainingSection, checkpoints_uri: str) -> dict[str, Any]:
    stopping = {"MaxRuntimeInSeconds": training.maximum_runtime_seconds}
    if not training.tuning.spot:
        return {"StoppingCondition": stopping}
    wait = training.maximum_runtime_seconds + training.tuning.spot_wait_seconds
    return {
        "StoppingCondition": stopping | {"MaxWaitTimeInSeconds": wait},
        "EnableManagedSpotTraining": True,
        "CheckpointConfig": {"S3Uri": checkpoints_uri},
    }


def _drawn(source: random.Random, bounds: ParameterRange) -> str:
    if bounds.type == "choice" or bounds.minimum is None or bounds.maximum is None:
        return source.choice(bounds.texts)
    low, high = bounds.minimum, bounds.maximum
    if bounds.type == "int" and bounds.scale != "log":
        return str(source.randint(int(low), int(high)))
    value = source.uniform(low, high)
    if bounds.scale == "log":
        value = math.exp(source.uniform(math.log(low), math.log(high)))
    elif bounds.scale == "reverse-log":
        value = 1 - math.exp(source.uniform(math.log1p(-high), math.log1p(-low)))
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
