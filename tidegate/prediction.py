"""From instances to probabilities: the one path that evaluation and serving share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate import calibration
from tidegate.artefact import Artefact
from tidegate.encoding import Matrix
from tidegate.features import Array
from tidegate.instances import from_json
from tidegate.looked_up import flat
from tidegate.metrics import Probabilities
from tidegate.transforms import feature_columns


class NotFiniteError(ValueError):
    """The model answered NaN or infinity."""


@dataclass(frozen=True)
class Predicted:
    """What a model answers to n instances, and what it saw of them."""

    probabilities: Probabilities  # shape (n,), in [0, 1]
    features: Mapping[str, Array]  # feature -> shape (n,), in the declared order

    def vectors(self) -> list[list[Any]]:
        """One list for each instance: numbers (NaN for missing) and texts (None)."""
        return [
            list(row) for row in zip(*(column.tolist() for column in self.features.values()), strict=True)
        ]


def probabilities(artefact: Artefact, columns: Mapping[str, Array]) -> Probabilities:
    """P(label = 1) of each instance.

    Args:
        columns: instance member -> shape (n,), as tidegate.instances makes them.

    Returns:
        shape (n,), in [0, 1].

    Raises:
        NotFiniteError: a probability is not a number.
    """
    return _predicted(artefact, columns).probabilities


def of_instances(artefact: Artefact, instances: Sequence[Mapping[str, Any]]) -> Predicted:
    """The same from JSON objects with `views`, as tidegate.looked_up has them.

    Raises:
        ValueError: a member is not of its type.
    """
    rows = [flat(artefact.plan, instance) for instance in instances]
    return _predicted(artefact, from_json(rows, artefact.types))


def of_matrix(artefact: Artefact, matrix: Matrix) -> Probabilities:
    """The same from encoded features, shape (n, features), calibrated where the artefact is.

    Raises:
        NotFiniteError: a probability is not a number.
    """
    found = of_estimator(artefact.estimator, matrix)
    if not np.isfinite(found).all():
        raise NotFiniteError("the model answered with values that are not finite")
    return calibration.apply(artefact.calibration, found)


def of_estimator(estimator: Any, matrix: Matrix) -> Probabilities:
    """What a fitted estimator answers, uncalibrated, in the form that metrics take."""
    found: Probabilities = estimator.predict_proba(matrix)[:, 1]
    return found


def _predicted(artefact: Artefact, columns: Mapping[str, Array]) -> Predicted:
    features = feature_columns(artefact.feature_set, columns)
    return Predicted(of_matrix(artefact, artefact.encoding.matrix(features)), features)
