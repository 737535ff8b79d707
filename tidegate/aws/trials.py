"""The trials of a tuning job, as their training jobs told them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidegate.training import tuning
from tidegate.training.selection import ScoredTrial

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True, kw_only=True)
class Trials:
    """All that ended: those with a score in the order of the search, and why the others failed."""

    scored: tuple[ScoredTrial, ...]
    failures: tuple[str, ...]  # FailureReason of each that failed


def read(sagemaker: "SageMakerClient", tuning_job: str, *, resource: str | None = None) -> Trials:
    """Ask for every trial of the tuning job.

    Args:
        resource: the hyperparameter that Hyperband grew; its last value joins the searched ones.
    """
    pages = sagemaker.get_paginator("list_training_jobs_for_hyper_parameter_tuning_job").paginate(
        HyperParameterTuningJobName=tuning_job, SortBy="Name", SortOrder="Ascending"
    )
    scored, failures = [], []
    for summary in (summary for page in pages for summary in page["TrainingJobSummaries"]):
        if summary["TrainingJobStatus"] == "Failed":
            failures.append(summary.get("FailureReason", ""))
        elif summary["TrainingJobStatus"] in ("Completed", "Stopped"):
            job = sagemaker.describe_training_job(TrainingJobName=summary["TrainingJobName"])
            if trial := _scored(job, dict(summary["TunedHyperParameters"]), resource):
                scored.append(trial)
    return Trials(scored=tuple(scored), failures=tuple(failures))


def _scored(job: Any, searched: dict[str, str], resource: str | None) -> ScoredTrial | None:
    """None for a trial that was stopped before it told a score."""
    told = {metric["MetricName"]: metric["Value"] for metric in job.get("FinalMetricDataList", [])}
    needed = (tuning.METRIC, tuning.SPREAD, tuning.FOLDS, tuning.COMPLEXITY)
    if any(name not in told for name in needed):
        return None
    grown = {resource: str(int(told[tuning.RESOURCE]))} if resource and tuning.RESOURCE in told else {}
    return ScoredTrial(
        name=job["TrainingJobName"],
        hyperparameters=searched | grown,
        score=told[tuning.METRIC],
        spread=told[tuning.SPREAD],
        folds=int(told[tuning.FOLDS]),
        complexity=told[tuning.COMPLEXITY],
    )
