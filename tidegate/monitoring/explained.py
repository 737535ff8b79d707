"""What the answers of a window rest on beside what those of training rested on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from tidegate.feature_store.transforms import feature_columns
from tidegate.monitoring import attributions
from tidegate.monitoring.reference import Reference
from tidegate.serving.instances import from_table
from tidegate.serving.prediction import of_matrix
from tidegate.training.artefact import Artefact
from tidegate.training.encoding import Matrix


@dataclass(frozen=True, kw_only=True)
class Explained:
    """`features`: name, attribution in training and now, the largest in training first."""

    status: Literal["stable", "alarm", "insufficient"]
    rows: int
    drift: float | None = None  # 1 - NDCG
    features: tuple[tuple[str, float, float], ...] = ()

    def to_json(self) -> dict[str, Any]:
        features = [{"feature": name, "training": before, "now": now} for name, before, now in self.features]
        return {**asdict(self), "features": features}


def trained(model: Artefact, reference: Reference, seed: int) -> dict[str, float]:
    """Attributions by feature of the rows that trained the model, which later ones are ranked against."""
    matrix = training_matrix(model, reference)
    found = attributions.attributions(matrix, matrix, lambda rows: of_matrix(model, rows), seed)
    return dict(zip(model.encoding.features, found.tolist(), strict=True))


def explained(
    model: Artefact,
    reference: Reference,
    vectors: Sequence[Sequence[Any]],
    *,
    alarm: float,
    seed: int,
    minimum_rows: int,
) -> Explained:
    """What `vectors`, as the model saw them, say.

    Args:
        vectors: features in declared order: numbers, texts, None for missing. One that is not of this model's
            features is passed over.
        alarm: the drift, in [0, 1], above which `status` is alarm.
    """
    fitting = [each for each in vectors if _fits(model, each)]
    if len(fitting) < minimum_rows or not reference.attributions:
        return Explained(status="insufficient", rows=len(fitting))
    now = attributions.attributions(
        vector_matrix(model, fitting[: attributions.ROWS]),
        training_matrix(model, reference),
        lambda rows: of_matrix(model, rows),
        seed,
    )
    found = dict(zip(model.encoding.features, now.tolist(), strict=True))
    moved = attributions.drift(reference.attributions, found)
    ranked = sorted(reference.attributions.items(), key=lambda each: -each[1])
    return Explained(
        status="insufficient" if moved is None else "alarm" if moved > alarm else "stable",
        rows=min(len(fitting), attributions.ROWS),
        drift=moved,
        features=tuple((name, before, found[name]) for name, before in ranked if name in found),
    )


def training_matrix(model: Artefact, reference: Reference) -> Matrix:
    """The reference's rows as the model takes them, shape (n, features)."""
    columns = feature_columns(model.feature_set, from_table(reference.rows, model.types))
    return model.encoding.matrix(columns)


def vector_matrix(model: Artefact, vectors: Sequence[Sequence[Any]]) -> Matrix:
    """Captured vectors as the model takes them."""
    columns = {}
    for place, name in enumerate(model.encoding.features):
        values = [each[place] for each in vectors]
        text = name in model.encoding.categories
        columns[name] = np.array(values, dtype=object if text else np.float64)  # None becomes NaN
    return model.encoding.matrix(columns)


def _fits(model: Artefact, vector: Sequence[Any]) -> bool:
    if len(vector) != len(model.encoding.features):
        return False
    kinds: dict[bool, Any] = {True: str, False: int | float}
    pairs = zip(model.encoding.features, vector, strict=True)
    return all(
        value is None or isinstance(value, kinds[name in model.encoding.categories]) for name, value in pairs
    )
