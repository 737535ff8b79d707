"""What a tuning job is refused for: by AWS beyond shapes, and by name what this machine cannot do."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from localcloud.sagemaker import space, training, warm_start

Answer = Mapping[str, Any]


def check(request: Answer, parents: Sequence[Answer]) -> None:
    """Raise ValidationError with the first reason to refuse the request.

    Args:
        parents: what Describe says of the tuning jobs that it starts warm from.
    """
    for member in ("TrainingJobDefinitions", "Autotune"):
        if member in request:
            raise ValidationError(f"The local cloud does not have {member} of tuning jobs.")
    definition, config = request["TrainingJobDefinition"], request["HyperParameterTuningJobConfig"]
    if fault := next(_faults(config, definition), None):
        raise ValidationError(fault)
    _check_ranges(config, definition)
    if parents and (fault := next(warm_start.faults(request, parents), None)):
        raise ValidationError(fault)
    resources = definition.get("HyperParameterTuningResourceConfig", definition.get("ResourceConfig", {}))
    training.check({**definition, "ResourceConfig": resources})


def _faults(config: Answer, definition: Answer) -> Iterator[str]:
    criteria, limits = config.get("TuningJobCompletionCriteria", {}), config["ResourceLimits"]
    if criteria.get("ConvergenceDetected", {}).get("CompleteOnConvergence") == "Enabled":
        yield "The local cloud does not detect convergence: leave ConvergenceDetected out."
    metrics = definition["AlgorithmSpecification"].get("MetricDefinitions", [])
    objective = config.get("HyperParameterTuningJobObjective", {}).get("MetricName")
    if objective not in {metric["Name"] for metric in metrics}:
        yield f"The objective metric {objective} must be one of MetricDefinitions."
    if config["Strategy"] != "Grid" and not {"MaxNumberOfTrainingJobs", "MaxRuntimeInSeconds"} & set(limits):
        yield "ResourceLimits needs MaxNumberOfTrainingJobs or MaxRuntimeInSeconds."
    if config["Strategy"] == "Hyperband":
        resources = config.get("StrategyConfig", {}).get("HyperbandStrategyConfig", {})
        if "MaxResource" not in resources:
            yield "The Hyperband strategy needs MaxResource in StrategyConfig.HyperbandStrategyConfig."
        elif resources.get("MinResource", 1) > resources["MaxResource"]:
            yield f"MinResource must not exceed MaxResource ({resources['MaxResource']})."
    elif "StrategyConfig" in config:
        yield "StrategyConfig is for the Hyperband strategy."


def _check_ranges(config: Answer, definition: Answer) -> None:
    try:
        parameters = space.parameters(config.get("ParameterRanges", {}))
        points = space.combinations(parameters) if config["Strategy"] == "Grid" else None
    except ValueError as error:
        raise ValidationError(str(error)) from error
    most = config["ResourceLimits"].get("MaxNumberOfTrainingJobs")
    if points is not None and most not in {None, points}:
        raise ValidationError(
            f"MaxNumberOfTrainingJobs of this grid must be {points} or left out, got {most}."
        )
    both = {parameter.name for parameter in parameters} & set(definition.get("StaticHyperParameters", {}))
    if both:
        raise ValidationError(f"A hyperparameter cannot be static and tuned: {sorted(both)}.")
