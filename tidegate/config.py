"""`pipeline.toml` as frozen values, every mistake in it found at once and named with file and line.

Durations carry their unit in the name; shares lie in [0, 1]. Tables under `[environments.NAME]` override
the tables above them, so that a laptop bakes for seconds and production for minutes with the same code.
"""

import dataclasses
import difflib
import re
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

from tidegate.errors import ConfigError


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
    max_mebibytes: int = field(default=4096, metadata=_limits(1))
    drift_warning_psi: float = field(default=0.25, metadata=_limits(0))


@dataclass(frozen=True, kw_only=True)
class FeaturesSection:
    partitions: int = field(default=2, metadata=_limits(1, 40))


@dataclass(frozen=True, kw_only=True)
class ParameterRange:
    """One dimension of the search: a number between bounds, or one of some choices."""

    type: Literal["float", "int", "choice"]
    minimum: float | None = None
    maximum: float | None = None
    scale: Literal["linear", "log"] = "linear"
    choices: tuple[str, ...] = ()

    def problem(self) -> str | None:
        if self.type == "choice":
            return None if self.choices else "a choice needs `choices`"
        if self.minimum is None or self.maximum is None or self.minimum >= self.maximum:
            return "needs `minimum` < `maximum`"
        if self.scale == "log" and self.minimum <= 0:
            return "a log scale needs `minimum` > 0"
        return None


@dataclass(frozen=True, kw_only=True)
class TuningSection:
    strategy: Literal["Bayesian", "Random", "Grid"] = "Bayesian"
    trials: int = field(default=12, metadata=_limits(1, 750))
    parallel: int = field(default=2, metadata=_limits(1, 100))
    space: Mapping[str, ParameterRange] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrainingSection:
    task: Literal["binary"]
    estimator: str  # import path
    metric: Literal["roc_auc", "average_precision", "neg_log_loss"] = "roc_auc"
    seed: int = field(default=0, metadata=_limits(0, 2**31 - 1))
    folds: int = field(default=3, metadata=_limits(2, 20))
    gap_hours: float = field(default=24, metadata=_limits(0))
    test_days: float = field(default=7, metadata=_limits(0.01))
    minimum_rows: int = field(default=1000, metadata=_limits(50))
    new_data: Literal["always", "when-no-champion", "never"] = "when-no-champion"
    cooldown_seconds: int = field(default=3600, metadata=_limits(0))
    instance_type: str = "ml.m5.large"
    maximum_runtime_seconds: int = field(default=3600, metadata=_limits(1, 2419200))
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tuning: TuningSection = field(default_factory=TuningSection)


@dataclass(frozen=True, kw_only=True)
class GateSection:
    margin: float = field(default=0.005, metadata=_limits(0, 1))
    minimum_gain: float = field(default=0.0, metadata=_limits(0, 1))
    minimum_metric: float | None = None
    bootstrap_replicates: int = field(default=1000, metadata=_limits(100, 100000))
    approval: Literal["automatic", "manual"] = "manual"


@dataclass(frozen=True, kw_only=True)
class ServingSection:
    instance_type: str = "ml.c7i.large"
    instances: int = field(default=1, metadata=_limits(1, 100))
    capture_percent: int = field(default=100, metadata=_limits(0, 100))
    auth: Literal["iam", "jwt", "none"] = "iam"
    jwt_issuer: str | None = None
    jwt_audience: str | None = None
    timeout_ms: int = field(default=2000, metadata=_limits(50, 25000))


@dataclass(frozen=True, kw_only=True)
class StepSection:
    weight: float = field(metadata=_limits(0.001, 1))
    bake_seconds: int = field(metadata=_limits(1, 86400))
    minimum_requests: int = field(default=100, metadata=_limits(0))


@dataclass(frozen=True, kw_only=True)
class DeploymentSection:
    steps: tuple[StepSection, ...]
    poll_seconds: int = field(default=15, metadata=_limits(1, 300))
    maximum_waits: int = field(default=12, metadata=_limits(1, 1000))
    alpha: float = field(default=0.01, metadata=_limits(1e-9, 0.5))
    maximum_error_share: float = field(default=0.05, metadata=_limits(0, 1))


@dataclass(frozen=True, kw_only=True)
class MonitoringSection:
    schedule: str = "rate(1 hour)"
    minimum_rows: int = field(default=300, metadata=_limits(30))
    psi_threshold: float = field(default=0.25, metadata=_limits(0))
    p_value: float = field(default=0.01, metadata=_limits(0, 0.5))
    alarm_period_seconds: int = field(default=3600, metadata=_limits(10, 86400))


@dataclass(frozen=True, kw_only=True)
class AlarmsSection:
    error_share: float = field(default=0.01, metadata=_limits(0, 1))
    p99_latency_ms: float = field(default=200, metadata=_limits(1))
    email: str | None = None


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """One pipeline in one environment."""

    environment: str
    pipeline: PipelineSection
    training: TrainingSection
    deployment: DeploymentSection
    ingestion: IngestionSection = field(default_factory=IngestionSection)
    features: FeaturesSection = field(default_factory=FeaturesSection)
    gate: GateSection = field(default_factory=GateSection)
    serving: ServingSection = field(default_factory=ServingSection)
    monitoring: MonitoringSection = field(default_factory=MonitoringSection)
    alarms: AlarmsSection = field(default_factory=AlarmsSection)
    retain_data: bool = True
    customer_key: bool = False  # encrypt with a KMS key of the account instead of AWS's own

    @property
    def prefix(self) -> str:
        """Begins every name that run-time parts share: `<pipeline>-<environment>`."""
        return f"{self.pipeline.name}-{self.environment}"

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
        problems: list[tuple[str, str]] = []
        merged = _merge(data, environments[environment]) | {"environment": environment}
        config = _build(cls, merged, "", problems)
        if not problems and config is not None:
            problems += _cross_checks(config)
        if problems or config is None:
            lines = _Lines(text, environment)
            raise ConfigError(
                f"`{path}` has {len(problems)} mistake{'s' if len(problems) > 1 else ''}",
                cause="; ".join(f"line {lines.of(where)}: {what}" for where, what in problems),
                hint="docs/reference/pipeline-toml.md lists every key",
            )
        return typing.cast("Self", config)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        problems: list[tuple[str, str]] = []
        config = _build(cls, data, "", problems)
        if problems or config is None:
            raise ConfigError("the compiled pipeline is damaged", cause="; ".join(w for _, w in problems))
        return typing.cast("Self", config)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        both_tables = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = _merge(merged[key], value) if both_tables else value
    return merged


def _build(cls: type, data: Mapping[str, Any], where: str, problems: list[tuple[str, str]]) -> Any:
    """An instance of a section, or None after adding to `problems` (dotted key, sentence)."""
    before = len(problems)
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in data.items():
        path = f"{where}.{key}".lstrip(".")
        if key not in fields:
            near = difflib.get_close_matches(key, fields, 1)
            problems.append(
                (path, f"unknown key `{path}`" + (f", did you mean `{near[0]}`?" if near else ""))
            )
        elif value is not None or not _optional(hints[key]):
            values[key] = _value(hints[key], value, path, fields[key].metadata, problems)
    for name, f in fields.items():
        required = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        if required and name not in data:
            problems.append((where, f"`{f'{where}.{name}'.lstrip('.')}` is missing"))
    return cls(**values) if len(problems) == before else None


def _optional(hint: Any) -> bool:
    return typing.get_origin(hint) is types.UnionType and type(None) in typing.get_args(hint)


def _value(
    hint: Any, value: Any, path: str, limits: Mapping[str, Any], problems: list[tuple[str, str]]
) -> Any:
    if _optional(hint):
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value not in arguments:
            problems.append((path, f"`{path}` is {value!r}, must be one of {', '.join(arguments)}"))
        return value
    if origin is tuple:
        if not isinstance(value, list | tuple):
            problems.append((path, f"`{path}` must be a list"))
            return ()
        return tuple(_value(arguments[0], v, f"{path}.{i}", limits, problems) for i, v in enumerate(value))
    if origin is Mapping and isinstance(value, dict):
        if arguments[1] is Any:
            return dict(value)
        return {k: _value(arguments[1], v, f"{path}.{k}", {}, problems) for k, v in value.items()}
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _build(typing.cast("type", hint), value, path, problems)
    accepted: tuple[type, ...] = (int, float) if hint is float else (hint,)
    if not (isinstance(hint, type) and isinstance(value, accepted)) or (
        isinstance(value, bool) and hint is not bool
    ):
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        problems.append((path, f"`{path}` is {value!r}, must be {names.get(hint, 'a table')}"))
        return value
    _check_limits(value, path, limits, problems)
    return value


def _check_limits(value: Any, path: str, limits: Mapping[str, Any], problems: list[tuple[str, str]]) -> None:
    low, high = limits.get("minimum"), limits.get("maximum")
    if low is not None and value < low:
        problems.append((path, f"`{path}` is {value}, must be at least {low}"))
    if high is not None and value > high:
        problems.append((path, f"`{path}` is {value}, must be at most {high}"))


def _cross_checks(config: PipelineConfig) -> list[tuple[str, str]]:
    problems: list[tuple[str, str]] = []
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,19}", config.pipeline.name):
        problems.append(("pipeline.name", "`pipeline.name` must be 1-20 of a-z, 0-9 and -, a letter first"))
    if not re.fullmatch(r"[\w./-]+\.py:\w+", config.pipeline.features):
        problems.append(("pipeline.features", "`pipeline.features` must look like features.py:feature_set"))
    weights = [step.weight for step in config.deployment.steps]
    if not weights or weights != sorted(set(weights)) or weights[-1] != 1:
        problems.append(("deployment.steps", "`deployment.steps` must have rising weights that end at 1.0"))
    for name, space in config.training.tuning.space.items():
        if problem := space.problem():
            problems.append((f"training.tuning.space.{name}", f"search of `{name}`: {problem}"))
        if name in config.training.parameters:
            problems.append((f"training.tuning.space.{name}", f"`{name}` is both fixed and searched"))
        if config.training.tuning.strategy == "Grid" and space.type != "choice":
            problems.append((f"training.tuning.space.{name}", "a Grid search takes choices only"))
    if not config.training.tuning.space:
        problems.append(("training.tuning", "`training.tuning.space` is empty: name a parameter to search"))
    serving = config.serving
    if serving.auth == "jwt" and not (serving.jwt_issuer and serving.jwt_audience):
        problems.append(("serving.auth", "`serving.auth` is jwt: give `jwt_issuer` and `jwt_audience`"))
    if not re.fullmatch(r"(rate|cron)\(.+\)", config.monitoring.schedule):
        problems.append(("monitoring.schedule", "`monitoring.schedule` must be rate(...) or cron(...)"))
    return problems


class _Lines:
    """Where a dotted key stands in the text; the line of its table when the key itself is not there."""

    def __init__(self, text: str, environment: str) -> None:
        self.found: dict[str, int] = {}
        table = ""
        for number, line in enumerate(text.splitlines(), 1):
            if header := re.match(r"\s*\[+([^\]]+)\]+", line):
                table = header[1].strip().removeprefix(f"environments.{environment}").strip(".")
                self.found[table] = number
            elif key := re.match(r"\s*([\w.-]+)\s*=", line):
                self.found[f"{table}.{key[1]}".lstrip(".")] = number

    def of(self, path: str) -> int:
        while path and path not in self.found:
            path = path.rpartition(".")[0]
        return self.found.get(path, 1)
