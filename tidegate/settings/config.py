"""`pipeline.toml` as frozen values, every mistake in it found at once and named with file and line.

Durations carry their unit in the name; shares lie in [0, 1]. Tables under `[environments.NAME]` override
the tables above them, so that a laptop bakes for seconds and production for minutes with the same code.
"""

import dataclasses
import math
import re
import tomllib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from tidegate.errors import ConfigError
from tidegate.incidents import sections
from tidegate.incidents.sections import IncidentsSection, RetrainingSection
from tidegate.monitoring import schedules
from tidegate.settings import collect_section, gate_section, scaling_section, tuning_section
from tidegate.settings.collect_section import CollectSection
from tidegate.settings.gate_section import GateSection
from tidegate.settings.scaling_section import ScalingSection
from tidegate.settings.toml_reader import Lines, Problem, build, merge
from tidegate.settings.tuning_section import TuningSection

TaskName = Literal["binary", "multiclass", "regression"]
# by name, the first is what one should begin with; tidegate.metrics computes them
METRICS: Mapping[str, tuple[str, ...]] = {
    "binary": ("roc_auc", "average_precision", "neg_log_loss", "neg_brier_score"),
    "multiclass": ("neg_log_loss", "accuracy", "balanced_accuracy", "f1_macro"),
    "regression": ("neg_mean_absolute_error", "neg_root_mean_squared_error", "r2"),
}
_IMPORTED = re.compile(r"\w+\.py:\w+|\w+(\.\w+)+")  # file.py:function or package.function


def _limits(minimum: float | None = None, maximum: float | None = None) -> dict[str, float | None]:
    return {"minimum": minimum, "maximum": maximum}


@dataclass(frozen=True, kw_only=True)
class PipelineSection:
    """Which pipeline this is and where its contract and features lie, relative to `pipeline.toml`."""

    name: str
    contract: str
    features: str  # file.py:attribute


@dataclass(frozen=True, kw_only=True)
class IngestionSection:
    shard_mebibytes: int = field(default=64, metadata=_limits(1, 1024))
    parallel: int = field(default=40, metadata=_limits(1, 1000))
    max_mebibytes: int = field(default=4096, metadata=_limits(1))
    drift_warning_psi: float = field(default=0.25, metadata=_limits(0))
    overwrites: Literal["append", "replace"] = "append"  # what a new version of an object does to the old


@dataclass(frozen=True, kw_only=True)
class FeaturesSection:
    partitions: int = field(default=8, metadata=_limits(1, 40))
    lambda_rows: int = field(default=5_000_000_000, metadata=_limits(1))
    job_instance_type: str = "ml.m5.4xlarge"
    job_volume_gibibytes: int = field(default=200, metadata=_limits(1, 16384))
    job_maximum_runtime_seconds: int = field(default=86400, metadata=_limits(1, 432000))
    retire_after_days: float = field(default=14, metadata=_limits(0))


@dataclass(frozen=True, kw_only=True)
class TrustedColumn:
    """A feature that a person vouches for against the leak detector."""

    column: str  # a feature; * for whole rows that occur more than once
    reason: str


@dataclass(frozen=True, kw_only=True)
class TrainingSection:
    task: TaskName
    estimator: str  # import path
    metric: str = "roc_auc"  # of METRICS, package.function or file.py:function
    seed: int = field(default=0, metadata=_limits(0, 2**31 - 1))
    split: Literal["time", "group", "group-time", "stratified"] = "time"
    group: str | None = None  # request column whose values never stand on both sides of a fold
    folds: int = field(default=3, metadata=_limits(2, 20))
    nested_trials: int = field(default=0, metadata=_limits(0, 100))
    trusted: tuple[TrustedColumn, ...] = ()
    gap_hours: float = field(default=24, metadata=_limits(0))
    test_days: float = field(default=7, metadata=_limits(0.01))
    minimum_rows: int = field(default=1000, metadata=_limits(50))
    new_data: Literal["always", "when-no-champion", "never"] = "when-no-champion"
    sign: bool = True  # by a key of the account; only signed models are rolled out
    cooldown_seconds: int = field(default=3600, metadata=_limits(0))
    reuse: bool = True  # tune and train nothing whose inputs equal those of an earlier run
    instance_type: str = "ml.m5.large"
    maximum_runtime_seconds: int = field(default=3600, metadata=_limits(1, 2419200))
    calibration: Literal["none", "auto", "isotonic", "platt"] = "none"
    calibration_share: float = field(default=0.15, metadata=_limits(0.02, 0.5))  # of the rows, the newest
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tuning: TuningSection = field(default_factory=TuningSection)


@dataclass(frozen=True, kw_only=True)
class ServingSection:
    instance_type: str = "ml.c7i.large"
    instances: int = field(default=1, metadata=_limits(1, 100))
    capture_percent: int = field(default=100, metadata=_limits(0, 100))
    auth: Literal["iam", "jwt", "none"] = "iam"
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    timeout_ms: int = field(default=2000, metadata=_limits(50, 25000))
    look_up_timeout_ms: int = field(default=1000, metadata=_limits(50, 5000))
    scaling: ScalingSection = field(default_factory=ScalingSection)
    sticky: tuple[str, ...] = ()  # request columns that name who always gets the same variant
    default: float | str | None = None  # the answer when no model has one
    last_good_seconds: int = field(default=0, metadata=_limits(0, 86400))
    predict_per_second: int = field(default=200, metadata=_limits(1, 100_000))
    predict_burst: int = field(default=400, metadata=_limits(1, 100_000))
    feedback_per_second: int = field(default=200, metadata=_limits(1, 100_000))
    feedback_burst: int = field(default=400, metadata=_limits(1, 100_000))
    public_docs: bool = False  # whether GET /docs and /openapi.json need no signature or token


@dataclass(frozen=True, kw_only=True)
class StepSection:
    weight: float = field(metadata=_limits(0.001, 1))
    bake_seconds: int = field(metadata=_limits(1, 86400))
    minimum_requests: int = field(default=100, metadata=_limits(0))
    hold_hours: float = field(default=0, metadata=_limits(0, 336))
    minimum_outcomes: int = field(default=0, metadata=_limits(0))


@dataclass(frozen=True, kw_only=True)
class DeploymentSection:
    steps: tuple[StepSection, ...]
    poll_seconds: int = field(default=15, metadata=_limits(1, 300))
    maximum_waits: int = field(default=12, metadata=_limits(1, 1000))
    alpha: float = field(default=0.01, metadata=_limits(1e-9, 0.5))
    maximum_error_share: float = field(default=0.05, metadata=_limits(0, 1))
    latency_objective_ms: float | None = field(default=None, metadata=_limits(1))
    maximum_slow_share: float = field(default=0.05, metadata=_limits(0, 1))
    outcome_alpha: float = field(default=0.05, metadata=_limits(1e-9, 0.5))
    outcome_margin: float = field(default=0.02, metadata=_limits(0, 1))
    mirror_rows: int = field(default=200, metadata=_limits(0, 5000))
    mirror_minutes: int = field(default=60, metadata=_limits(1, 1440))
    approval: Literal["none", "manual"] = "none"
    approval_hours: float = field(default=72, metadata=_limits(0.001, 336))
    warm_seconds: int = field(default=3600, metadata=_limits(0, 86400))
    watch_seconds: int = field(default=120, metadata=_limits(0, 3600))


@dataclass(frozen=True, kw_only=True)
class MonitoringSection:
    schedule: str = "rate(1 hour)"
    minimum_rows: int = field(default=300, metadata=_limits(30))
    psi_threshold: float = field(default=0.25, metadata=_limits(0))
    p_value: float = field(default=0.01, metadata=_limits(0, 0.5))
    alarm_period_seconds: int = field(default=3600, metadata=_limits(10, 86400))
    label_days: float = field(default=30, metadata=_limits(0.01, 400))
    quality_margin: float = field(default=0.02, metadata=_limits(0))
    quality_rows: int = field(default=10000, metadata=_limits(100, 100000))
    skew_rows: int = field(default=10000, metadata=_limits(100, 100000))
    propagation_seconds: int = field(default=300, metadata=_limits(0, 86400))


@dataclass(frozen=True, kw_only=True)
class TrackingSection:
    enabled: bool = True
    uri: str | None = None  # of an MLflow server, or the ARN of an MLflow App, that is there already
    instance_usd_per_hour: float | None = field(default=None, metadata=_limits(0))


@dataclass(frozen=True, kw_only=True)
class AlarmsSection:
    error_share: float = field(default=0.01, metadata=_limits(0, 1))
    p99_latency_ms: float = field(default=200, metadata=_limits(1))
    feature_skew: float = field(default=0.01, metadata=_limits(0, 1))
    feature_stale: float = field(default=0.1, metadata=_limits(0, 1))
    feature_failed: float = field(default=0.01, metadata=_limits(0, 1))
    feature_null: float = field(default=0.25, metadata=_limits(0, 1))
    feature_coverage: float = field(default=0.9, metadata=_limits(0, 1))
    degraded_share: float = field(default=0.01, metadata=_limits(0, 1))
    out_of_contract_share: float = field(default=0.01, metadata=_limits(0, 1))
    domain_auc: float = field(default=0.6, metadata=_limits(0.5, 1))
    attribution_drift: float = field(default=0.1, metadata=_limits(0, 1))
    label_contradictions: int = field(default=10, metadata=_limits(0))
    model_age_days: float = field(default=90, metadata=_limits(0.01))
    feature_age_hours: float = field(default=48, metadata=_limits(0.01))
    traffic_stop_minutes: int = field(default=60, metadata=_limits(1, 1440))
    traffic_band: float = field(default=3, metadata=_limits(1, 100))  # standard deviations
    email: str | None = None
    page_email: str | None = None  # of whoever is woken
    runbooks: str = "docs/guides/runbooks.md"  # where the links of alarms lead


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """One pipeline in one environment."""

    environment: str
    pipeline: PipelineSection
    training: TrainingSection
    deployment: DeploymentSection
    collect: tuple[CollectSection, ...] = ()
    ingestion: IngestionSection = field(default_factory=IngestionSection)
    features: FeaturesSection = field(default_factory=FeaturesSection)
    gate: GateSection = field(default_factory=GateSection)
    serving: ServingSection = field(default_factory=ServingSection)
    monitoring: MonitoringSection = field(default_factory=MonitoringSection)
    retraining: RetrainingSection = field(default_factory=RetrainingSection)
    alarms: AlarmsSection = field(default_factory=AlarmsSection)
    incidents: IncidentsSection = field(default_factory=IncidentsSection)
    tracking: TrackingSection = field(default_factory=TrackingSection)
    retain_data: bool = True
    customer_key: bool = False  # encrypt with a KMS key of the account instead of AWS's own

    @property
    def prefix(self) -> str:
        """Begins every name that run-time parts share: `<pipeline>-<environment>`."""
        return f"{self.pipeline.name}-{self.environment}"

    @property
    def latency_objective_ms(self) -> float:
        """A request that takes longer is slow; the alarm's limit unless the deployment has one of its own."""
        return self.deployment.latency_objective_ms or self.alarms.p99_latency_ms

    @classmethod
    def from_toml(cls, path: Path, environment: str) -> Self:
        """Read and check `path`.

        Raises:
            ConfigError: the file is missing or not TOML, or holds unknown keys, wrong types, values out of
                range or no such environment; one line for each mistake.
        """
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except FileNotFoundError as cause:
            raise ConfigError(
                f"`{path}` does not exist", hint="name the folder of a pipeline, e.g. examples/flights"
            ) from cause
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as cause:
            raise ConfigError(f"`{path}` is not TOML", cause=str(cause)) from cause
        environments = data.pop("environments", {})
        if environment not in environments:
            raise ConfigError(
                f"`{path}` has no environment `{environment}`",
                cause=f"it has {', '.join(sorted(environments)) or 'none'}",
                hint=f"add a table [environments.{environment}]",
            )
        problems: list[Problem] = []
        merged = merge(data, environments[environment]) | {"environment": environment}
        config = build(cls, merged, "", problems)
        if not problems and config is not None:
            problems += _contradictions(config)
        if problems or config is None:
            lines = Lines(text, environment)
            raise ConfigError(
                f"`{path}` has {len(problems)} mistake{'s' if len(problems) > 1 else ''}",
                cause="\n".join(f"line {lines.of(where)}: {what}" for where, what in problems),
                hint="docs/reference/pipeline-toml.md lists every key",
            )
        return typing.cast("Self", config)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        problems: list[Problem] = []
        config = build(cls, data, "", problems)
        if problems or config is None:
            raise ConfigError("the compiled pipeline is damaged", cause="; ".join(w for _, w in problems))
        return typing.cast("Self", config)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _contradictions(config: PipelineConfig) -> list[Problem]:
    """Values that are well-formed each by itself and wrong together."""
    training = config.training
    problems = [
        *tuning_section.problems(training.tuning, training.parameters),
        *_split_problems(training),
        *_metric_problems(training),
    ]
    problems += collect_section.problems(config.collect)
    is_binary = training.task == "binary"
    problems += gate_section.problems(config.gate, is_binary=is_binary)
    problems += sections.problems(config.retraining, config.incidents)
    if training.calibration != "none" and not is_binary:
        problems.append(("training.calibration", "`training.calibration` needs task binary"))
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", config.pipeline.name):
        problems.append(("pipeline.name", "`pipeline.name` must be 1-20 of a-z, 0-9 and -, a letter first"))
    if not re.fullmatch(r"[\w./-]+\.py:\w+", config.pipeline.features):
        problems.append(("pipeline.features", "`pipeline.features` must look like features.py:feature_set"))
    weights = [step.weight for step in config.deployment.steps]
    if not weights or weights != sorted(set(weights)) or weights[-1] != 1:
        problems.append(("deployment.steps", "`deployment.steps` must have rising weights that end at 1.0"))
    if config.deployment.approval == "manual" and len(weights) == 1:
        needs = "`deployment.steps` needs a step to judge by before the last"
        problems.append(("deployment.approval", f"`deployment.approval` is manual: {needs}"))
    serving = config.serving
    problems += scaling_section.problems(serving.scaling, serving.instances)
    if serving.auth == "jwt" and not (serving.jwt_issuer and serving.jwt_audience):
        problems.append(("serving.auth", "`serving.auth` is jwt: give `jwt_issuer` and `jwt_audience`"))
    if sentence := _default_problem(training.task, serving.default):
        problems.append(("serving.default", f"`serving.default` is {serving.default!r}, must be {sentence}"))
    try:
        schedules.shortest_interval_seconds(config.monitoring.schedule)
    except ValueError as cause:
        problems.append(("monitoring.schedule", f"`monitoring.schedule`: {cause}"))
    uri = config.tracking.uri
    if uri is not None and not re.fullmatch(r"https?://.+|arn:[\w-]+:sagemaker:.+:mlflow-app/.+", uri):
        problems.append(("tracking.uri", "`tracking.uri` must be http(s)://... or the ARN of an MLflow App"))
    return problems


def _default_problem(task: TaskName, default: float | str | None) -> str | None:
    """What an answer of the task would be, when the declared one is none."""
    if default is None:
        return None
    if task == "multiclass":
        return None if isinstance(default, str) and default else "the name of a class"
    if isinstance(default, str) or not math.isfinite(default):
        return "a number"
    return None if task == "regression" or 0 <= default <= 1 else "a probability"


def _metric_problems(training: TrainingSection) -> Iterator[Problem]:
    known = METRICS[training.task]
    if training.metric not in known and not _IMPORTED.fullmatch(training.metric):
        offered = f"for task {training.task} it is one of {', '.join(known)}"
        sentence = f"`training.metric` is {training.metric!r}; {offered}, a.function or file.py:function"
        yield "training.metric", sentence


def _split_problems(training: TrainingSection) -> Iterator[Problem]:
    if training.split == "stratified" and training.task == "regression":
        yield "training.split", "`training.split` stratified deals classes, and a regression has none"
    by_group = training.split in ("group", "group-time")
    if by_group and training.group is None:
        yield "training.split", f"`training.split` is {training.split}: name the column in `training.group`"
    if not by_group and training.group is not None:
        yield "training.group", f"`training.group` is not used by `training.split` {training.split}"
    for position, trusted in enumerate(training.trusted):
        where = f"training.trusted.{position}"
        if not trusted.reason.strip():
            yield where, f"`{trusted.column}` is trusted without a `reason`"
        if trusted.column in [other.column for other in training.trusted[:position]]:
            yield where, f"`{trusted.column}` is trusted twice"
