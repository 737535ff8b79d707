"""What the steps of training hand each other: triggers, locks, training sets, trials."""

from dataclasses import dataclass
from typing import Any, Literal

from tidegate.messages.message import Message


@dataclass(frozen=True, kw_only=True)
class TrainingTrigger(Message):
    """Why a training run was asked for."""

    trigger: Literal["new-data", "quality", "estimate", "drift", "schedule", "command"]
    cause: str
    execution: str = ""  # ARN of the state machine's execution that asks
    again: bool = False  # tune and train even if an earlier run had the same inputs


@dataclass(frozen=True, kw_only=True)
class TrainingLock(Message):
    """Answer of AcquireTrainingLock. `run` names everything the run makes; at most 19 characters."""

    acquired: bool
    reason: str
    run: str


@dataclass(frozen=True, kw_only=True)
class EarlierRun(Message):
    """A finished run of the same inputs: what it found holds for the next one too."""

    run: str
    hyperparameters: dict[str, str]  # chosen by its search
    tuning_job: str  # ARN
    training_job: str  # ARN
    model_uri: str | None  # None when its artefact is gone
    package_arn: str | None  # None when it was rejected, or its package is gone


@dataclass(frozen=True, kw_only=True)
class TrainingSet(Message):
    """Point-in-time correct rows for one run, and what they were made from."""

    run: str
    train_uri: str  # s3://.../train/  Parquet, sorted by event time
    test_uri: str  # s3://.../test/   the newest period, never seen in training or tuning
    baseline_uri: (
        str  # s3://.../baseline/ statistics.json, constraints.json and the profile of the training rows
    )
    rows: int
    test_rows: int
    snapshot: str  # table@snapshot_id
    tag: str  # Iceberg tag that keeps the snapshot from expiring
    feature_hash: str
    champion_package_arn: str | None  # the model to beat, when there is one
    champion_model_uri: str | None
    tuning: dict[str, Any]  # of CreateHyperParameterTuningJob: {"request": members, "definition": members}
    content_id: str  # tidegate.training_inputs.content_id: equal inputs, equal id
    contract_hash: str
    code_version: str
    train_sha256: str  # of the file of rows to train on
    test_sha256: str
    earlier: EarlierRun | None = None  # of the same inputs, unless that does not matter

    def ids(self) -> dict[str, str]:
        """What leads back to each part of it."""
        names = ("content_id", "snapshot", "tag", "feature_hash", "contract_hash", "code_version")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True)
class RunEnd(Message):
    """How a training run ended, and what there is of it by then."""

    run: str
    trigger: TrainingTrigger
    set: TrainingSet | None = None
    model_run: str | None = None  # whose model it is: of an earlier run, when that had the same inputs
    hyperparameters: dict[str, str] | None = None
    tuning_job: str | None = None
    training_job: str | None = None
    model_uri: str | None = None
    artefact_sha256: str | None = None
    package_arn: str | None = None
    error: str | None = None  # None when it ended well, with a candidate or without
    cause: str | None = None

    def ids(self) -> dict[str, str | None]:
        """What leads to each part of it."""
        names = ("model_run", "tuning_job", "training_job", "artefact_sha256", "package_arn")
        return {name: getattr(self, name) for name in names} | {
            "trigger": self.trigger.trigger,
            "cause": self.trigger.cause,
        }


@dataclass(frozen=True, kw_only=True)
class SelectedTrial(Message):
    """The configuration of a search that becomes the model, and why this one."""

    training_job: str
    hyperparameters: dict[str, str]  # searched ones, and the one that Hyperband grew
    score: float
    standard_error: float  # of `best_score`, over its folds
    complexity: float  # numbers that the trial's models store, mean over the folds
    best_training_job: str
    best_score: float
    reason: str
    trials: int  # that have a score
    failed: int
