"""Tuning jobs: training jobs with hyperparameters that a search proposes.

Limits, each refused by name where a request asks for it: one training job definition, no Autotune, no
detection of convergence, a warm start of Bayesian searches only.

Source:
    SageMaker guide, "Track and set completion criteria for your tuning job" and "Define a hyperparameter
    tuning job's objective metric"; members are botocore's shapes.
"""

import contextlib
import math
import threading
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from moto.sagemaker.exceptions import ValidationError

from localcloud import cloud
from localcloud.sagemaker import jobs, space, tuning_checks, warm_start
from localcloud.sagemaker.jobs import Job
from localcloud.sagemaker.listing import listing, pick
from localcloud.sagemaker.training import TrainingJob
from localcloud.sagemaker.trials import Trial, Trials

if TYPE_CHECKING:
    from localcloud.sagemaker.search import Search

ATTEMPTS = 5  # training jobs without an objective value before the tuning job fails
OBJECTIVE_PARAMETER = "_tuning_objective_metric"
SUMMARY = (
    "HyperParameterTuningJobName",
    "HyperParameterTuningJobArn",
    "HyperParameterTuningJobStatus",
    "CreationTime",
    "HyperParameterTuningEndTime",
    "LastModifiedTime",
    "TrainingJobStatusCounters",
    "ObjectiveStatusCounters",
)


class TuningJob(Job):
    """A search over hyperparameters, so many training jobs at a time."""

    kind = "HyperParameterTuning"
    title = "HyperParameter Tuning"
    times_as_text = False

    def __init__(self, backend: Any, request: Mapping[str, Any], parents: Sequence["TuningJob"]) -> None:
        self._backend = backend
        self._parents = parents
        config = request["HyperParameterTuningJobConfig"]
        self._config: Mapping[str, Any] = config
        self.trials = Trials(config["HyperParameterTuningJobObjective"])
        self._changed = threading.Condition()  # a training job ended, or the tuning job is to stop
        arn = backend.arn("hyper-parameter-tuning-job", request["HyperParameterTuningJobName"])
        super().__init__(arn, request)
        limits = config["ResourceLimits"]
        grid = config["Strategy"] == "Grid"
        points = space.combinations(space.parameters(config["ParameterRanges"])) if grid else math.inf
        self._budget: float = min(limits.get("MaxNumberOfTrainingJobs", math.inf), points)
        self._parallel: int = limits["MaxParallelTrainingJobs"]
        self._began = cloud.current().clock.time()
        self._until = self._began + limits.get("MaxRuntimeInSeconds", math.inf)

    @property
    def answer(self) -> dict[str, Any]:
        """What Describe says: the counters and the best job are those of this moment."""
        found = {**super().answer, **self.trials.answer()}
        if found.get("WarmStartConfig", {}).get("WarmStartType") == warm_start.IDENTICAL:
            minimize = self.trials.objective["Type"] == "Minimize"
            own, theirs = found.get("BestTrainingJob"), [parent.answer for parent in self._parents]
            if best := warm_start.overall_best(own, theirs, minimize=minimize):
                found["OverallBestTrainingJob"] = best
        return found

    def stop(self) -> None:
        super().stop()
        self._wake()

    def run(self) -> None:
        from localcloud.sagemaker.search import Search  # Optuna costs a second: not in the request's thread

        search = Search(self._config, warm_start.points(self._parents))
        while not (reason := self._ends()):
            self._launch(search)
            self._await(everything=search.in_batches)
            self._collect(search)
        self._stop_running()
        self._collect(search)
        completion = {"NumberOfTrainingJobsObjectiveNotImproving": self.trials.not_improving()}
        used = {"RuntimeInSeconds": math.ceil(cloud.current().clock.time() - self._began)}
        self.update(TuningJobCompletionDetails=completion, ConsumedResources=used)
        if reason == "stop":
            self.finish("Stopped")
        elif self.trials.best() is None:
            self.fail(self.trials.why_none())
        else:
            self.finish("Completed")

    def _ends(self) -> str | None:
        """Why no more training jobs start, or None."""
        told = sum(trial.told for trial in self.trials)
        if self.stop_asked.is_set():
            return "stop"
        if told >= self._budget:
            return "budget"
        if cloud.current().clock.time() >= self._until:
            return "time"
        if told >= ATTEMPTS and self.trials.best() is None:
            return "failures"
        return self._criterion()

    def _criterion(self) -> str | None:
        criteria = self._config.get("TuningJobCompletionCriteria", {})
        target, best = criteria.get("TargetObjectiveMetricValue"), self.trials.best()
        if target is not None and best is not None and not self.trials.better(target, best.value):
            return "target"
        patience = criteria.get("BestObjectiveNotImproving", {}).get("MaxNumberOfTrainingJobsNotImproving")
        if patience is not None and self.trials.not_improving() >= patience:
            return "no improvement"
        return None

    def _launch(self, search: "Search") -> None:
        running = sum(not trial.told for trial in self.trials)
        while running < self._parallel and len(self.trials) < self._budget:
            proposal, values = search.ask()
            request = self._training_request(values)
            job = TrainingJob(
                self._backend.arn("training-job", request["TrainingJobName"]),
                request,
                on_metric=lambda job, name, value: self._hear(search, job, name, value),
                TuningJobArn=self.arn,
            )
            jobs.register(self._backend.training_jobs, job)
            self.trials.append(Trial(proposal, values, job, self.trials.objective))
            job.start(on_end=lambda _: self._wake())
            running += 1

    def _training_request(self, values: Mapping[str, str]) -> dict[str, Any]:
        definition = dict(self.answer["TrainingJobDefinition"])
        name = f"{self.name}-{len(self.trials) + 1:03}-{uuid.uuid4().hex[:8]}"
        resources = definition.pop("HyperParameterTuningResourceConfig", None)
        definition.pop("DefinitionName", None)
        if checkpoints := definition.get("CheckpointConfig"):
            place = f"{checkpoints['S3Uri'].rstrip('/')}/{name}"
            definition["CheckpointConfig"] = {**checkpoints, "S3Uri": place}
        return {
            "ResourceConfig": resources,
            **definition,
            "TrainingJobName": name,
            "HyperParameters": {
                **definition.pop("StaticHyperParameters", {}),
                **values,
                OBJECTIVE_PARAMETER: self.trials.objective["MetricName"],
            },
        }

    def _hear(self, search: "Search", job: TrainingJob, name: str, value: float) -> bool:
        """A running training job printed a metric: it may be stopped for it. Whether the value counts."""
        number, trial = next((n, trial) for n, trial in enumerate(self.trials) if trial.job is job)
        if trial.given_up:
            return False
        if name != self.trials.objective["MetricName"]:
            return True
        if search.has_enough(trial.curve):
            self._give_up(trial)
            return False
        trial.curve.append(value)
        ended = [(n, t.curve) for n, t in enumerate(self.trials) if t.told and t.value is not None]
        if search.gives_up(number, trial.curve, ended):
            self._give_up(trial)
        return True

    def _give_up(self, trial: Trial) -> None:
        """Stop it before its next line is read: whether it ends by itself just now must not matter."""
        trial.given_up = True
        with contextlib.suppress(ValidationError):  # it has ended
            trial.job.stop()

    def _await(self, *, everything: bool) -> None:
        """Wait until a slot is free, or all are where a whole batch is waited for."""

        def is_free() -> bool:
            ended = [trial.job.ended.is_set() for trial in self.trials if not trial.told]
            return self.stop_asked.is_set() or (all(ended) if everything else any(ended))

        clock = cloud.current().clock
        left = self._until - clock.time()
        clock.wait_for(self._changed, is_free, None if left == math.inf else left)

    def _collect(self, search: "Search") -> None:
        """Tell the search what has ended, in the order of its proposals."""
        for trial in self.trials:
            if not trial.told and trial.job.ended.is_set():
                search.tell(trial.proposal, trial.value)
                trial.told = True

    def _stop_running(self) -> None:
        for trial in self.trials:
            with contextlib.suppress(ValidationError):  # it has just ended
                trial.job.stop()
        for trial in self.trials:
            trial.job.ended.wait()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    parents = [
        jobs.find(backend.hyper_parameter_tuning_jobs, name) for name in warm_start.parent_names(request)
    ]
    tuning_checks.check(request, [parent.answer for parent in parents])
    job = TuningJob(backend, request, parents)
    jobs.register(backend.hyper_parameter_tuning_jobs, job)
    job.start()
    return {"HyperParameterTuningJobArn": job.arn}


def delete(backend: Any, name: str) -> None:
    job = jobs.find(backend.hyper_parameter_tuning_jobs, name)
    if job.status in {"InProgress", "Stopping"}:
        raise ValidationError(f"The tuning job {name} is in status {job.status}: stop it first.")
    del backend.hyper_parameter_tuning_jobs[name]


def summary(job: TuningJob) -> dict[str, Any]:
    """A line of ListHyperParameterTuningJobs."""
    config = job.answer["HyperParameterTuningJobConfig"]
    return {
        **pick(job.answer, SUMMARY),
        "Strategy": config["Strategy"],
        "ResourceLimits": config["ResourceLimits"],
    }


def list_training_jobs(job: TuningJob, request: Mapping[str, Any]) -> dict[str, Any]:
    """Its training jobs; sorted by the objective, those that have none are left out, as AWS does."""
    found = [trial.summary() for trial in job.trials]
    if request.get("SortBy") == "FinalObjectiveMetricValue":
        member = "FinalHyperParameterTuningJobObjectiveMetric"
        found = [
            {**each, "FinalObjectiveMetricValue": each[member]["Value"]} for each in found if member in each
        ]
    return listing(found, request, noun="TrainingJob", into="TrainingJobSummaries", sort_by="Name")
