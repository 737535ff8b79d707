"""What a tuning job has tried: its training jobs, how they did, and which is best."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.sagemaker.training import TrainingJob

FAULT = "InternalServerError"  # such a failure could be retried; all others are the container's own
SUMMARY = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingStartTime",
    "TrainingEndTime",
    "TrainingJobStatus",
    "FailureReason",
)


@dataclass
class Trial:
    """One proposal of the search and the training job that tries it."""

    proposal: Any  # the search's own handle
    values: dict[str, str]
    job: TrainingJob
    objective: Mapping[str, str]
    curve: list[float] = field(default_factory=list)  # every objective value the job has printed
    told: bool = False  # whether the search knows how it did
    given_up: bool = False  # whether the search stops it: what it still prints does not count

    @property
    def value(self) -> float | None:
        """The objective value that counts: the last one, of a job that did not fail."""
        ended_well = self.job.status in {"Completed", "Stopped"}
        return self.curve[-1] if ended_well and self.curve else None

    @property
    def objective_status(self) -> str:
        if self.job.status in {"InProgress", "Stopping"}:
            return "Pending"
        return "Failed" if self.value is None else "Succeeded"

    @property
    def counter(self) -> str:
        """Under which of TrainingJobStatusCounters it counts."""
        status = self.job.status
        if status == "Failed":
            faulty = self.job.answer["FailureReason"].startswith(FAULT)
            return "RetryableError" if faulty else "NonRetryableError"
        return "InProgress" if status == "Stopping" else status

    def summary(self) -> dict[str, Any]:
        answer = self.job.answer
        found: dict[str, Any] = {name: answer[name] for name in SUMMARY if name in answer}
        if (value := self.value) is not None:
            found["FinalHyperParameterTuningJobObjectiveMetric"] = {**self.objective, "Value": value}
        return {**found, "TunedHyperParameters": self.values, "ObjectiveStatus": self.objective_status}


class Trials:
    """All trials of one tuning job, in the order of the proposals."""

    def __init__(self, objective: Mapping[str, str]) -> None:
        self.objective = {name: objective[name] for name in ("Type", "MetricName")}
        self._all: list[Trial] = []

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Trial]:
        return iter(list(self._all))

    def append(self, trial: Trial) -> None:
        self._all.append(trial)

    def better(self, value: float, than: float | None) -> bool:
        if than is None:
            return True
        return value < than if self.objective["Type"] == "Minimize" else value > than

    def best(self) -> Trial | None:
        """The first of those with the best value."""
        best: Trial | None = None
        for trial in self:
            value = trial.value
            if value is not None and (best is None or self.better(value, best.value)):
                best = trial
        return best

    def not_improving(self) -> int:
        """How many training jobs have ended since the best one."""
        told = [trial for trial in self if trial.told]
        best = self.best()
        return len(told) - 1 - told.index(best) if best in told else 0

    def answer(self) -> dict[str, Any]:
        """What Describe says of them."""
        jobs = dict.fromkeys(("Completed", "InProgress", "RetryableError", "NonRetryableError", "Stopped"), 0)
        objectives = dict.fromkeys(("Succeeded", "Pending", "Failed"), 0)
        for trial in self:
            jobs[trial.counter] += 1
            objectives[trial.objective_status] += 1
        found: dict[str, Any] = {"TrainingJobStatusCounters": jobs, "ObjectiveStatusCounters": objectives}
        if best := self.best():
            found["BestTrainingJob"] = best.summary()
        return found

    def why_none(self) -> str:
        """Why there is no best one: in SageMaker's words, and then the first training job's own."""
        failed = [trial.job for trial in self if trial.job.status == "Failed"]
        if len(failed) < len(self):
            return (
                f"No objective metrics found after running {len(self)} training jobs. Please ensure that the "
                "custom algorithm is emitting the objective metric as defined by the regular expression "
                "provided."
            )
        text = (
            f"No training job succeeded after {len(failed)} attempts. For additional details, please take a "
            "look at the training job failures by listing training jobs for the hyperparameter tuning job."
        )
        return f"{text} First failure: {failed[0].answer['FailureReason']}" if failed else text
