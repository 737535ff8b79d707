"""What one step hands the next: frozen facts, JSON both ways.

A state machine carries these as objects between states; inside a function no dict travels. `from_json`
ignores members it does not know, so that a newer sender does not break an older receiver during an update.
"""

import dataclasses
import types
import typing
from dataclasses import dataclass
from typing import Any, Literal, Self


@dataclass(frozen=True, kw_only=True)
class Message:
    """Base of all messages: JSON members are named as the fields, nested messages and tuples included."""

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        hints = typing.get_type_hints(cls)
        known = {f.name for f in dataclasses.fields(cls)}
        return cls(**{name: _read(hints[name], value) for name, value in data.items() if name in known})

    def to_json(self) -> dict[str, Any]:
        return {f.name: _write(getattr(self, f.name)) for f in dataclasses.fields(self)}


def _read(hint: Any, value: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
        origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple(_read(typing.get_args(hint)[0], item) for item in value)
    if isinstance(hint, type) and issubclass(hint, Message):
        return hint.from_json(value)
    return value


def _write(value: Any) -> Any:
    if isinstance(value, Message):
        return value.to_json()
    if isinstance(value, tuple):
        return [_write(item) for item in value]
    return value


# --- ingestion


@dataclass(frozen=True, kw_only=True)
class ObjectVersion(Message):
    """One version of one S3 object."""

    bucket: str
    key: str
    version_id: str
    etag: str
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class Acceptance(Message):
    """A person's word that a drop is right, whatever the rules and its history say."""

    reason: str
    by: str
    at: str  # ISO 8601 UTC


@dataclass(frozen=True, kw_only=True)
class Drop(ObjectVersion):
    """One delivery of raw data: the exact S3 object version that arrived, or a manifest of several."""

    drop_id: str  # hex digest of bucket, key and version: the same delivery always has the same id
    dataset: str
    arrived_at: str = ""  # ISO 8601 UTC, S3's time of the event
    sequencer: str = ""  # orders the versions of one key; `tidegate.notifications.is_later` compares
    acceptance: Acceptance | None = None


@dataclass(frozen=True, kw_only=True)
class Shard(Message):
    """A part of a drop that one ValidateShard reads: row groups of Parquet, or a byte range of text."""

    index: int
    start: int
    stop: int
    object: int = 0  # which of the drop's objects


@dataclass(frozen=True, kw_only=True)
class ShardPlan(Message):
    """How a drop is split. A shard of Parquet counts row groups, one of text bytes; `stop` is exclusive."""

    format: str  # csv, jsonl or parquet; of a manifest's objects, all that occur
    shards: tuple[Shard, ...]
    objects_key: str | None = None  # of a manifest: the list of its objects, a messages.ObjectVersion each


@dataclass(frozen=True, kw_only=True)
class ShardReport(Message):
    """What ValidateShard found in its shard; what it left for others lies in the lake under its index."""

    index: int
    rows: int  # read
    bad_rows: int  # set aside, not among the rows of the table
    object: int = 0  # which of the drop's objects it is a part of


@dataclass(frozen=True, kw_only=True)
class Reason(Message):
    """One reason of a verdict, down to the column and, where rows are at fault, the first of them."""

    rule: str  # e.g. `required`, `range`, `enum`, `pattern`, `unique`, `row_count`, `columns`, `drift`
    column: str | None
    severity: Literal["error", "warning"]
    message: str
    failed_rows: int = 0
    first_rows: tuple[int, ...] = ()  # 1-based data rows of the drop
    first_values: tuple[str, ...] = ()  # aligned with first_rows, as text, cut to 80 characters


@dataclass(frozen=True, kw_only=True)
class Verdict(Message):
    """What JudgeDrop decided about a drop. `status` is what the state machine branches on."""

    status: Literal["accept", "warn", "quarantine"]
    rows: int
    reasons: tuple[Reason, ...]
    profile_key: str  # the merged profile of the drop
    report_key: str  # this verdict in full: reasons and rows are cut where it travels between states
    checks: int  # how many rules were evaluated
    checks_failed: int
    bad_rows: int = 0  # of `rows`, set aside


@dataclass(frozen=True, kw_only=True)
class DatasetVersion(Message):
    """An accepted, immutable state of a dataset: an Iceberg snapshot and the drop that made it."""

    dataset: str
    version: str  # content address: digest of parent version, drop and contract
    snapshot_id: str  # 64-bit integer as text: state machines pass numbers through floating point
    drop_id: str
    rows: int  # rows of this drop
    total_rows: int
    first_event: str  # ISO 8601 UTC, earliest event time of the drop
    last_event: str
    superseded_by: str | None = None  # a newer version of the object was recorded before: nothing was added


# --- features


@dataclass(frozen=True, kw_only=True)
class FeatureBatch(Message):
    """Shares of the entities that are computed in one pass: their hash modulo `of` is one of `partitions`."""

    index: int
    partitions: tuple[int, ...]
    of: int


@dataclass(frozen=True, kw_only=True)
class FeaturePlan(Message):
    """What one run of the features machine does. Which ticks of which views lies in the lake: `plan_key`."""

    run: str
    dataset: str
    snapshot_id: str
    revision: int  # sequence number of that snapshot: of two rows of one tick the higher one is right
    feature_hash: str  # of the deployed feature set
    reason: str
    plan_key: str  # a tidegate.feature_run.FeatureRun
    engine: Literal["functions", "job"]
    batches: tuple[FeatureBatch, ...]
    views: int
    ticks: int  # of all views
    rows: int  # of the dataset, that are read for them; Iceberg's metadata tells, not exactly
    future_rows: int  # among those that came: no tick sees them yet


@dataclass(frozen=True, kw_only=True)
class FeatureRows(Message):
    """What ComputeFeatures did in one batch, and where it says which files it wrote."""

    index: int
    key: str  # a tidegate.feature_run.BatchManifest
    rows: int
    without_key: int  # source rows of no entity, for a part of the key is missing: left out
    known_early: int  # source rows known before they happened: taken as known when they happened


@dataclass(frozen=True, kw_only=True)
class FeaturesRecorded(Message):
    """What RecordFeatures made visible: Iceberg rows, and the newest value of each entity online."""

    dataset: str
    feature_hash: str
    rows: int
    online_rows: int
    newer_there: int = 0  # values not stored, because a newer one was online already
    without_key: int = 0
    known_early: int = 0
    coverage: float = 1.0  # of the view that has least: share of its active entities with a row online


@dataclass(frozen=True, kw_only=True)
class FeaturesRetired(Message):
    """Versions of views that nobody needs any more, and how many offline rows of them went."""

    versions: tuple[str, ...]
    rows: int


# --- training


@dataclass(frozen=True, kw_only=True)
class TrainingTrigger(Message):
    """Why a training run was asked for."""

    trigger: Literal["new-data", "drift", "schedule", "command"]
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


# --- deployment


@dataclass(frozen=True, kw_only=True)
class RolloutStep(Message):
    """Give the candidate `weight` of the traffic, watch it for `bake_seconds` at a time."""

    weight: float  # share in (0, 1]
    bake_seconds: int
    minimum_requests: int  # of the candidate in this step, before it may advance
    hold_hours: float = 0.0  # it lasts at least so long
    minimum_outcomes: int = 0  # of the candidate; above 0 the step is judged by outcomes too


@dataclass(frozen=True, kw_only=True)
class RolloutPlan(Message):
    """Everything the deployment machine needs to know about a candidate before it touches the endpoint."""

    model_package_arn: str
    model_version: int
    model_name: str
    config_name: str  # both variants, candidate at weight 0; the candidate alone when it is the first
    final_config_name: str  # the candidate alone
    candidate_variant: str
    champion_variant: str | None
    champion_model_name: str | None
    champion_config_name: str | None
    manifest_sha256: str  # of the artefact that was verified, in hexadecimal; serving takes no other
    started: str  # ISO 8601 UTC; traffic is counted from here
    steps: tuple[RolloutStep, ...]
    champion_package_arn: str | None = None
    champion_version: int | None = None
    champion_since: str | None = None  # ISO 8601 UTC
    candidate_instances: int = 1  # it begins with


BadEvent = Literal["errors", "slow", "timeouts", "fallbacks", "invalid"]


@dataclass(frozen=True, kw_only=True)
class VariantCounts(Message):
    """Requests of one variant since some moment, and how many of them went wrong; one may in several ways."""

    variant: str
    requests: int
    errors: int  # no answer with status 2xx
    slow: int = 0  # above the latency objective
    timeouts: int = 0  # seen by Predict
    fallbacks: int = 0  # answered by something else than the variant
    invalid: int = 0  # answers that are none of the task


@dataclass(frozen=True, kw_only=True)
class GuardrailEvidence(Message):
    """What one kind of bad events says against the candidate in the current step."""

    name: BadEvent
    candidate: int  # bad events
    champion: int
    evidence: float  # e-value; 1 is none
    limit: float = 0.0  # share of the candidate's requests that may be so at most


@dataclass(frozen=True, kw_only=True)
class OutcomeEvidence(Message):
    """What outcomes say: bounds on how much larger the candidate's mean loss is, that hold at all times."""

    champion: int  # outcomes known
    candidate: int
    champion_loss: float
    candidate_loss: float
    margin: float  # the candidate's loss may be larger by so much
    lower: float | None  # None while too few are known
    upper: float | None
    more: int | None = None  # of the candidate until the bounds decide, going on as so far


@dataclass(frozen=True, kw_only=True)
class SplitEvidence(Message):
    """Whether the traffic was split as told: requests in whole minutes of the step alone."""

    candidate: int
    champion: int
    evidence: float  # e-value; 1 is none
    needed: float  # so much freezes the rollout


@dataclass(frozen=True, kw_only=True)
class MirrorReport(Message):
    """How the candidate answered copied requests. Differences are absolute, of probabilities or values."""

    requests: int
    rows: int  # answered
    failed: int  # requests without an answer
    invalid: int  # rows
    slow: int  # requests
    flipped: int  # rows for which another class follows, or the other side of one half
    median_difference: float | None  # None without rows, or when infinite
    p99_difference: float | None
    largest_difference: float | None
    median_ms: float | None
    p99_ms: float | None
    evidence: float  # e-value against the candidate
    needed: float


@dataclass(frozen=True, kw_only=True)
class RolloutJudgement(Message):
    """What JudgeRollout says after a bake. Missing data never advances a rollout."""

    decision: Literal["advance", "wait", "hold", "roll-back"]
    reason: str
    candidate_requests: int
    candidate_errors: int
    champion_requests: int
    champion_errors: int
    evidence: float  # e-value against the candidate, over all guardrails
    totals: tuple[VariantCounts, ...]  # since the rollout started; the next step counts from here
    needed: float = 0.0  # roll back at so much evidence
    more_requests: int = 0  # of the candidate until it has the least that the step asks for
    guardrails: tuple[GuardrailEvidence, ...] = ()
    outcomes: OutcomeEvidence | None = None
    split: SplitEvidence | None = None  # None where entities are dealt, or all traffic is the candidate's


# --- monitoring


@dataclass(frozen=True, kw_only=True)
class CaptureWindow(Message):
    """Captured traffic not measured yet. `ready` is false while it holds too few rows to say anything.

    Then its rows wait for more, and older windows are looked at again. Without a champion `run` is empty.
    """

    ready: bool
    reason: str
    run: str
    start: str
    end: str
    records: int
    manifest_uri: str  # SageMaker manifest of the champion's capture files
    baseline_uri: str  # profile of the rows that trained the champion
    predictions_uri: str  # profile of the champion's predictions on its test rows
    model_package_arn: str
    others_uri: str = ""  # manifest of what other models answered meanwhile; empty when nothing
    reference_uri: str = ""  # rows and measures of the champion's training; empty for older models
    model_uri: str = ""  # the champion's model.tar.gz


@dataclass(frozen=True, kw_only=True)
class SkewMeasured(Message):
    """How far the captured feature vectors of a window differ from those that training would have seen."""

    run: str
    rows: int  # compared
    not_compared: int
    maximum: float | None  # the worst feature's share of differing vectors; None when no row was compared
    feature: str | None  # that feature; None too when all vectors are right
    report_key: str  # everything, in the lake


@dataclass(frozen=True, kw_only=True)
class OperationsMeasured(Message):
    """How the endpoint did while a window was captured, and how old what it serves is; None is not known."""

    run: str
    requests: int  # of all variants
    error_share: float | None  # 5xx
    p99_ms: float | None  # of the slowest variant in its slowest period
    fallback_share: float | None  # of answered rows that the endpoint did not answer
    model_age_days: float | None
    feature_age_seconds: float | None  # of the view that waits longest
    report_key: str


@dataclass(frozen=True, kw_only=True)
class QualityMeasured(Message):
    """How good the champion's predictions were, by outcomes known so far, and should be where they lack."""

    run: str
    status: Literal["kept", "breach", "insufficient", "suspicious"]  # suspicious: the labels, see the report
    rows: int  # labelled predictions of the champion
    value: float | None
    low: float | None  # of a 95 % interval
    high: float | None
    promised: float  # by the champion's evaluation
    coverage: float | None  # share of predictions with an outcome; None without predictions
    estimate_status: Literal["kept", "breach", "insufficient", "unlicensed"]
    estimate: float | None
    report_key: str
