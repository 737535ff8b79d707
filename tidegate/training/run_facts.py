"""What is known of one training run when it has ended, and how figures of it are named."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SUFFIXES = {"value": "", "low": "_low", "high": "_high"}  # of the members of an interval

NAME_CHARACTERS, TEXT_CHARACTERS = 250, 5000  # MLflow takes no more; of texts it takes 6,000

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one run; what a failed or shortened run never had is empty."""

    experiment: str
    run: str
    execution: Document  # detail of the machine's Step Functions Execution Status Change
    rows: Document = field(default_factory=dict)  # messages.TrainingSet
    tuning: Document = field(default_factory=dict)  # DescribeHyperParameterTuningJob
    selected: Document = field(default_factory=dict)  # messages.SelectedTrial
    trials: Sequence[Document] = ()  # DescribeTrainingJob of each, in the order they began
    training: Document = field(default_factory=dict)  # DescribeTrainingJob
    evaluating: Document = field(default_factory=dict)  # DescribeProcessingJob
    output: Document = field(default_factory=dict)  # of the machine
    manifest: Document = field(default_factory=dict)  # of the artefact
    files: Mapping[str, str] = field(default_factory=dict)  # evaluation.json, manifest.json, ... as text
    evaluation: Document = field(default_factory=dict)
    metric: str  # name of the metric that is compared
    source: Mapping[str, str] = field(default_factory=dict)  # commit, dirty, lock: of the code that ran
    usd_per_hour: float | None = None  # of one instance, where somebody declared it


def figures(document: Document, metric: str) -> dict[str, list[float]]:
    """Every number of a document by its path: `candidate/roc_auc`, `candidate/roc_auc_low`, ...

    The metric that is compared stands once, under its name, with its interval.
    """
    found: dict[str, list[float]] = {}
    metric = allowed(metric)
    for path, value in _numbers(document, ()):
        *above, last = path
        if above and above[-1] == "interval":
            above, last = above[:-1], f"{metric}{SUFFIXES.get(last, f'_{last}')}"
        elif last == "metric":
            last = metric
        found["/".join([*above, last])[-NAME_CHARACTERS:]] = [value]
    return found


def _numbers(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield from _numbers(member, (*path, allowed(name)))
    elif isinstance(value, bool | int | float) and math.isfinite(value):
        yield path, float(value)


def allowed(name: str) -> str:
    """MLflow takes letters, digits and _-./: and spaces in names."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-. ") else "_" for c in str(name)) or "_"


def cost(facts: Facts, seconds: float) -> dict[str, list[float]]:
    if facts.usd_per_hour is None:
        return {}
    return {"cost_usd": [seconds / 3600 * facts.usd_per_hour]}


def texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value)[:TEXT_CHARACTERS] for name, value in values.items() if value not in (None, "")}
