"""A pipeline's folder compiled into its plan, with every mistake found before a template exists."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import botocore.session

from tidegate.contract import ContractPlan, compile_contract
from tidegate.errors import ConfigError
from tidegate.feature_store import feature_checks
from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.leaks.sample import ROWS
from tidegate.plan import Plan
from tidegate.serving import api_page, openapi, request_checks
from tidegate.settings import gate_section
from tidegate.settings.config import PipelineConfig, ServingSection, TrainingSection
from tidegate.settings.toml_reader import Lines
from tidegate.training import estimators, metrics
from tidegate.training.splits import ORDERED
from tidegate.training.tuning import draw

CONFIG_FILE = "pipeline.toml"
EXAMPLE_FILE = "one.json"
# which of SageMaker's lists of instance types a setting must be in: one type trains and evaluates
INSTANCE_TYPES = {
    "training.instance_type": ("TrainingInstanceType", "ProcessingInstanceType"),
    "serving.instance_type": ("ProductionVariantInstanceType",),
}


def compile_pipeline(folder: Path, environment: str, *, code_version: str) -> Plan:
    """The plan of the pipeline in `folder`; executes its features file.

    Raises:
        ConfigError: `pipeline.toml`, the contract or the features cannot be used, or do not fit one another.
    """
    file = folder / CONFIG_FILE
    config = PipelineConfig.from_toml(file, environment)
    _check_training(config.training, folder, Lines(file.read_text(encoding="utf-8"), environment))
    contract = ContractPlan.from_json(compile_contract(folder / config.pipeline.contract))
    code, _, attribute = config.pipeline.features.partition(":")
    document = compile_feature_set(folder / code, attribute)
    features = FeatureSetPlan.from_json(document)
    mistakes = [
        *_instance_mistakes(config),
        *feature_checks.mistakes(features, contract, config.training.task),
        *_split_mistakes(config.training, features),
        *_sticky_mistakes(config.serving, features),
        *_gate_mistakes(config, features),
    ]
    if mistakes:
        raise ConfigError(
            f"`{folder}` has {len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}",
            cause="; ".join(mistakes),
            hint=f"mend {CONFIG_FILE}, {config.pipeline.contract} or {code}",
        )
    return Plan(config=config, contract=contract, feature_document=document, code_version=code_version)


def write_plan(plan: Plan, folder: Path, into: Path) -> None:
    """What functions and jobs read, into `into`: the plan, the features' code, what the API says."""
    file = plan.config.pipeline.features.partition(":")[0]
    target = into / file
    target.parent.mkdir(parents=True)
    target.write_bytes((folder / file).read_bytes())
    described = openapi.document(plan, example_row(plan, folder))
    (into / "openapi.json").write_text(json.dumps(described, indent=1) + "\n", encoding="utf-8")
    (into / "api.html").write_text(api_page.page(described), encoding="utf-8")
    (into / "plan.json").write_text(json.dumps(plan.to_json(), indent=1) + "\n", encoding="utf-8")


def example_row(plan: Plan, folder: Path) -> dict[str, Any] | None:
    """The pipeline's own example of a request, where it has one that would be answered."""
    try:
        row = json.loads((folder / EXAMPLE_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return None if request_checks.problems(plan.features, plan.contract, row) else row


def digest(root: Path, files: list[Path]) -> str:
    """sha256 over names and bytes, in the order of the names."""
    total = hashlib.sha256()
    for file in sorted(files):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(root).as_posix()}\0{content}\n".encode())
    return total.hexdigest()


def _check_training(training: TrainingSection, folder: Path, lines: Lines) -> None:
    """Make the estimator with one point of the search, and look the metric up, as the jobs will.

    Raises:
        ConfigError: see `estimators.build` and `metrics.named`; with the line.
    """
    [point] = draw(training, 1)
    checks: dict[str, Callable[[], Any]] = {
        "training.estimator": lambda: estimators.build(training, point, []),
        "training.metric": lambda: metrics.named(training.metric, folder),
    }
    for key, check in checks.items():
        try:
            check()
        except ConfigError as error:
            place = f"{CONFIG_FILE}:{lines.of(key)}: "
            raise ConfigError(place + error.what, cause=error.cause, hint=error.hint) from error


def _instance_mistakes(config: PipelineConfig) -> Iterator[str]:
    """One image serves all jobs, so its CPU type must: SageMaker trains on no Graviton instances."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    for setting, shapes in INSTANCE_TYPES.items():
        section, _, key = setting.partition(".")
        value = getattr(getattr(config, section), key)
        if any(value not in model.shape_for(shape).enum for shape in shapes):
            yield f"`{setting}` is {value!r}, which SageMaker does not offer for this"
        elif _is_arm(value):
            yield f"`{setting}` is {value!r}, an Arm type, and the image is built for x86-64"


def _is_arm(instance_type: str) -> bool:
    """Graviton families carry a g after the generation: ml.c7g, ml.m6gd, ml.r8g."""
    family = instance_type.split(".")[1]
    return "g" in family.lstrip("abcdefghijklmnopqrstuvwxyz").lstrip("0123456789")


def _sticky_mistakes(serving: ServingSection, features: FeatureSetPlan) -> Iterator[str]:
    for column in serving.sticky:
        if column not in features.request:
            yield f"`serving.sticky` names `{column}`, not a column of the feature set's `request`"


def _gate_mistakes(config: PipelineConfig, features: FeatureSetPlan) -> Iterator[str]:
    for key, column in gate_section.columns(config.gate).items():
        if column not in features.request:
            yield f"`{key}` is `{column}`, not a column of the feature set's `request`"


def _split_mistakes(training: TrainingSection, features: FeatureSetPlan) -> Iterator[str]:
    if training.group is not None and training.group not in features.request:
        yield f"`training.group` is `{training.group}`, not a column of the feature set's `request`"
    for trusted in training.trusted:
        if trusted.column not in (*features.features, ROWS):
            yield f"`training.trusted` names `{trusted.column}`, which is not one of `features`"
    if training.split in ORDERED:
        return
    for view in features.views:  # later rows' aggregates hold the outcomes of the rows validated on
        if training.group not in view.keys:
            yield (
                f"`training.split` {training.split} mixes past and future, and aggregate `{view.name}` of "
                "later rows may hold the outcomes of earlier ones: use time or group-time"
            )
