"""From instances to predictions: the one path that evaluation and serving share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.feature_store.looked_up import flat
from tidegate.feature_store.transforms import feature_columns
from tidegate.features import Array
from tidegate.serving.instances import from_json
from tidegate.serving.values import NotFiniteError
from tidegate.training.artefact import Artefact
from tidegate.training.encoding import Matrix
from tidegate.training.metrics import Predictions


@dataclass(frozen=True)
class Predicted:
    """What a model answers to n instances, and what it saw of them."""

    predictions: Predictions  # as tidegate.task has them
    features: Mapping[str, Array]  # feature -> shape (n,), in the declared order

    def vectors(self) -> list[list[Any]]:
        """One list for each instance: numbers (NaN for missing) and texts (None)."""
        return [
            list(row) for row in zip(*(column.tolist() for column in self.features.values()), strict=True)
        ]


def predictions(artefact: Artefact, columns: Mapping[str, Array]) -> Predictions:
    """What the model says of each instance, shaped as tidegate.task has it.

    Args:
        columns: instance member -> shape (n,), as tidegate.instances makes them.

    Raises:
        NotFiniteError: a prediction is not a number.
    """
    return of_columns(artefact, columns).predictions


def of_instances(artefact: Artefact, instances: Sequence[Mapping[str, Any]]) -> Predicted:
    """The same from JSON objects with `views`, as tidegate.looked_up has them.

    Raises:
        ValueError: a member is not of its type.
    """
    rows = [flat(artefact.plan, instance) for instance in instances]
    return of_columns(artefact, from_json(rows, artefact.types))


def of_matrix(artefact: Artefact, matrix: Matrix) -> Predictions:
    """The same from encoded features, shape (n, features), calibrated where the artefact is.

    Raises:
        NotFiniteError: a prediction is not a number.
    """
    found = artefact.predict(matrix)
    if not np.isfinite(found).all():
        raise NotFiniteError("the model answered with values that are not finite")
    return found


def of_columns(artefact: Artefact, columns: Mapping[str, Array]) -> Predicted:
    """What it says of instances, and what it saw of them; see `predictions`."""
    features = feature_columns(artefact.feature_set, columns)
    return Predicted(of_matrix(artefact, artefact.encoding.matrix(features)), features)
