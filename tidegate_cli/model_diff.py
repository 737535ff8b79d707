"""What differs between two model versions. Pure: what each says of itself in, differences out."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

Pair = tuple[Any, Any]
_SCORES = ("metric", "interval", "run", "model_sha256", "artefact_sha256")  # told as the metric, or elsewhere
_DATA = ("snapshot", "rows", "positive_rate")
_CODE = ("code_version", "code_sha256", "estimator", "seed")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One version, by its artefact's manifest and its evaluation; either may be of an older release."""

    name: str
    manifest: Mapping[str, Any]
    evaluation: Mapping[str, Any] | None
    metadata: Mapping[str, str]
    size_bytes: int

    @property
    def scores(self) -> dict[str, Any]:
        """The metric with its interval, and the other numbers of the evaluation."""
        if self.evaluation is None:
            return {}
        candidate = self.evaluation["candidate"]
        others = {
            name: value
            for name, value in candidate.items()
            if name not in _SCORES and isinstance(value, int | float)
        }
        interval = candidate.get("interval") or {"value": candidate["metric"]}
        return {self.evaluation["metric"]: dict(interval), **others}

    @property
    def data(self) -> dict[str, Any]:
        found = {name: self.manifest.get(name) for name in _DATA}
        test_rows = None if self.evaluation is None else self.evaluation.get("rows")
        return found | {"train_sha256": self.metadata.get("train_sha256"), "test_rows": test_rows}

    @property
    def versions(self) -> dict[str, Any]:
        return {**self.manifest.get("libraries", {}), "python": self.manifest.get("python")}


@dataclass(frozen=True, kw_only=True)
class ModelDiff:
    """Two values for each member that differs, of A and of B; scores are told whether they differ or not."""

    scores: dict[str, Pair] = field(default_factory=dict)
    parameters: dict[str, Pair] = field(default_factory=dict)
    data: dict[str, Pair] = field(default_factory=dict)
    code: dict[str, Pair] = field(default_factory=dict)
    versions: dict[str, Pair] = field(default_factory=dict)
    artefact: dict[str, Pair] = field(default_factory=dict)
    same_test_rows: bool = True  # else no score of A can be held against one of B

    @property
    def empty(self) -> bool:
        return not any((self.parameters, self.data, self.code, self.versions, self.artefact))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def diff(a: Side, b: Side) -> ModelDiff:
    """What differs from `a` to `b`."""
    both = {**a.scores, **b.scores}
    return ModelDiff(
        scores={name: (a.scores.get(name), b.scores.get(name)) for name in both},
        parameters=_apart(a.manifest.get("parameters", {}), b.manifest.get("parameters", {})),
        data=_apart(a.data, b.data),
        code=_apart(_picked(a.manifest, _CODE), _picked(b.manifest, _CODE)),
        versions=_apart(a.versions, b.versions),
        artefact=_apart(_artefact(a), _artefact(b)),
        same_test_rows=_test(a) == _test(b),
    )


def _apart(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Pair]:
    return {name: (a.get(name), b.get(name)) for name in {**a, **b} if a.get(name) != b.get(name)}


def _picked(document: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: document.get(name) for name in names}


def _artefact(side: Side) -> dict[str, Any]:
    return {"size_bytes": side.size_bytes, **side.manifest["sha256"]}


def _test(side: Side) -> tuple[Any, ...]:
    return side.metadata.get("test_sha256"), side.metadata.get("train_snapshot")
