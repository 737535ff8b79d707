"""Tuning jobs that begin with what earlier ones found: what AWS asks of the parents, and what they give.

Source:
    SageMaker guide, "Run a warm start hyperparameter tuning job"; members are botocore's shapes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Answer = Mapping[str, Any]

MOST_JOBS = 500  # of the parents and the new one together
MOST_CHANGES = 10  # from static to tuned and back
IDENTICAL = "IdenticalDataAndAlgorithm"
_KINDS = ("ContinuousParameterRanges", "IntegerParameterRanges", "CategoricalParameterRanges")


def parent_names(request: Answer) -> list[str]:
    """Of the tuning jobs that the request begins with."""
    parents = request.get("WarmStartConfig", {}).get("ParentHyperParameterTuningJobs", [])
    return [parent["HyperParameterTuningJobName"] for parent in parents]


def faults(request: Answer, parents: Sequence[Answer]) -> Iterator[str]:
    """Why AWS would refuse the request beside these parents, what Describe says of each."""
    strategy = request["HyperParameterTuningJobConfig"]["Strategy"]
    if strategy != "Bayesian":
        yield f"The local cloud starts Bayesian searches warm only, not {strategy}."
    names = [parent["HyperParameterTuningJobName"] for parent in parents]
    if len(set(names)) != len(names):
        yield f"ParentHyperParameterTuningJobs must not name a job twice: {names}."
    for name, parent in zip(names, parents, strict=True):
        yield from (f"Parent tuning job {name}: {fault}" for fault in _faults(request, parent))
    launched = sum(sum(parent["TrainingJobStatusCounters"].values()) for parent in parents)
    own = request["HyperParameterTuningJobConfig"]["ResourceLimits"].get("MaxNumberOfTrainingJobs", 0)
    if launched + own > MOST_JOBS:
        yield (
            f"The training jobs of the parents ({launched}) and of this tuning job ({own}) must not be "
            f"more than {MOST_JOBS}."
        )


def _faults(request: Answer, parent: Answer) -> Iterator[str]:
    status = parent["HyperParameterTuningJobStatus"]
    if status in {"InProgress", "Stopping"}:
        yield f"it is in status {status} and must have ended."
    ours, theirs = (each["HyperParameterTuningJobConfig"] for each in (request, parent))
    if _objective(ours) != _objective(theirs):
        yield "it must have the same objective metric and type."
    tuned, tuned_there = _tuned(ours), _tuned(theirs)
    static, static_there = (
        set(each["TrainingJobDefinition"].get("StaticHyperParameters", {})) for each in (request, parent)
    )
    if len(tuned) + len(static) != len(tuned_there) + len(static_there):
        yield (
            f"it has {len(tuned_there) + len(static_there)} hyperparameters, static and tuned, "
            f"and this tuning job {len(tuned) + len(static)}."
        )
    if changed := sorted(name for name in tuned.keys() & tuned_there if tuned[name] != tuned_there[name]):
        yield f"the type of these hyperparameters has changed: {changed}."
    if len(tuned.keys() ^ tuned_there) > MOST_CHANGES:
        yield f"more than {MOST_CHANGES} hyperparameters have changed between static and tuned."
    if request["WarmStartConfig"]["WarmStartType"] == IDENTICAL and _material(request) != _material(parent):
        yield f"{IDENTICAL} needs the same training image and input data."


def points(parents: Sequence[Any]) -> list[tuple[dict[str, str], float]]:
    """(hyperparameters, objective) of each training job of the parents that has one, in their order."""
    return [
        (dict(trial.job.answer.get("HyperParameters", {})), trial.value)
        for parent in parents
        for trial in parent.trials
        if trial.value is not None
    ]


def overall_best(own: Answer | None, parents: Sequence[Answer], *, minimize: bool) -> Answer | None:
    """OverallBestTrainingJob: the best of a tuning job and its parents; of equals the earliest.

    Args:
        own: BestTrainingJob of this tuning job, when there is one.
    """
    found = [
        {**parent["BestTrainingJob"], "TuningJobName": parent["HyperParameterTuningJobName"]}
        for parent in parents
        if "BestTrainingJob" in parent
    ]
    if own is not None:
        found.append(dict(own))
    sign = 1 if minimize else -1
    value = lambda job: sign * job["FinalHyperParameterTuningJobObjectiveMetric"]["Value"]  # noqa: E731
    return min(found, key=value, default=None)


def _objective(config: Answer) -> tuple[str, str]:
    objective = config["HyperParameterTuningJobObjective"]
    return objective["Type"], objective["MetricName"]


def _tuned(config: Answer) -> dict[str, str]:
    """Kind of range of each tuned hyperparameter."""
    return {each["Name"]: kind for kind in _KINDS for each in config["ParameterRanges"].get(kind, [])}


def _material(request: Answer) -> tuple[Any, Any]:
    definition = request["TrainingJobDefinition"]
    sources = [channel["DataSource"] for channel in definition.get("InputDataConfig", [])]
    return definition["AlgorithmSpecification"].get("TrainingImage"), sources
