"""The jobs of a training run as runs below it.

Every trial is a run although none of them logs anything: SageMaker keeps their parameters, scores, times and
failures, so recording costs a trial nothing.
"""

import dataclasses
import math
from collections.abc import Mapping
from datetime import datetime

from tidegate.settings.tuning_section import RESERVED
from tidegate.training.run_facts import Document, Facts, cost, figures, texts
from tidegate.training.tracking import Run, Status

STATUSES: Mapping[str, Status] = {"Completed": "FINISHED", "Failed": "FAILED", "Stopped": "KILLED"}


def trial(facts: Facts, number: int, job: Document) -> Run:
    run = _of_training(facts, f"trial-{number}", f"trial {number}", job, "trial")
    if job.get("TrainingJobName") != facts.selected.get("training_job"):
        return run
    reason = str(facts.selected["reason"])
    return dataclasses.replace(run, tags={**run.tags, "selected": "true"}, description=reason)


def final_fit(facts: Facts) -> Run:
    run = _of_training(facts, "final-fit", "final fit", facts.training, "final fit")
    scores = facts.manifest.get("cross_validation", {}).get("scores", [])
    metrics = {**run.metrics, **({"fold_score": [float(score) for score in scores]} if scores else {})}
    folds = facts.manifest.get("provenance", {}).get("folds", [])
    tags = {
        f"fold_{number}": " ".join(f"{k}={v}" for k, v in fold.items()) for number, fold in enumerate(folds)
    }
    return dataclasses.replace(run, metrics=metrics, tags={**run.tags, **texts(tags)})


def _of_training(facts: Facts, key: str, name: str, job: Document, kind: str) -> Run:
    specification = job.get("AlgorithmSpecification", {})
    given = job.get("HyperParameters", {})
    tuned = {n: v for n, v in given.items() if not n.startswith("_") and n not in RESERVED}
    seconds = float(job.get("BillableTimeInSeconds") or 0)
    scores = {
        m["MetricName"].replace(":", "_"): [float(m["Value"])] for m in job.get("FinalMetricDataList", [])
    }
    started, ended = _times(job, "TrainingStartTime", "TrainingEndTime")
    return Run(
        key=key,
        name=name,
        status=STATUSES.get(job["TrainingJobStatus"], "FAILED"),
        started_ms=started,
        ended_ms=ended,
        params=texts({n: v.strip('"') for n, v in tuned.items()}),
        metrics={**scores, "billable_seconds": [seconds], **cost(facts, seconds)},
        tags=texts(
            {
                "kind": kind,
                "training_job_arn": job.get("TrainingJobArn"),
                "tuning_job_arn": job.get("TuningJobArn"),
                "image": specification.get("TrainingImage"),
                "entry_point": " ".join(specification.get("ContainerEntrypoint", [])) or "the image's",
                "arguments": " ".join(specification.get("ContainerArguments", [])) or "train",
                "instance_type": job.get("ResourceConfig", {}).get("InstanceType"),
                "failure": job.get("FailureReason"),
            }
        ),
        description=str(job.get("FailureReason", "")),
    )


def evaluation(facts: Facts) -> Run:
    job = facts.evaluating
    started, ended = _times(job, "ProcessingStartTime", "ProcessingEndTime")
    seconds = math.ceil((ended - started) / 1000)
    app, cluster = (
        job.get("AppSpecification", {}),
        job.get("ProcessingResources", {}).get("ClusterConfig", {}),
    )
    return Run(
        key="evaluation",
        name="evaluation",
        status=STATUSES.get(job["ProcessingJobStatus"], "FAILED"),
        started_ms=started,
        ended_ms=ended,
        metrics={
            **figures(facts.evaluation, facts.metric),
            "billable_seconds": [float(seconds)],
            **cost(facts, seconds),
        },
        tags=texts(
            {
                "kind": "evaluation",
                "processing_job_arn": job.get("ProcessingJobArn"),
                "image": app.get("ImageUri"),
                "entry_point": " ".join(app.get("ContainerEntrypoint", [])),
                "arguments": " ".join(app.get("ContainerArguments", [])),
                "instance_type": cluster.get("InstanceType"),
                "failure": job.get("FailureReason"),
            }
        ),
        description=str(job.get("FailureReason", "")),
    )


def _times(job: Document, started: str, ended: str) -> tuple[int, int]:
    """A job that never began has its creation for both."""
    began: datetime = job.get(started) or job["CreationTime"]
    return _ms(began), _ms(job.get(ended) or began)


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
