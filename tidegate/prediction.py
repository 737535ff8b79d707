"""From instances to probabilities: the one path that evaluation and serving share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.artefact import Artefact
from tidegate.features import Array
from tidegate.instances import from_json
from tidegate.metrics import Probabilities
from tidegate.transforms import feature_columns


class NotFiniteError(ValueError):
    """The model answered NaN or infinity."""


def probabilities(artefact: Artefact, columns: Mapping[str, Array]) -> Probabilities:
    """P(label = 1) of each instance.

    Args:
        columns: instance member -> shape (n,), as tidegate.instances makes them.

    Returns:
        shape (n,), in [0, 1].

    Raises:
        NotFiniteError: a probability is not a number.
    """
    matrix = artefact.encoding.matrix(feature_columns(artefact.feature_set, columns))
    found: Probabilities = artefact.estimator.predict_proba(matrix)[:, 1]
    if not np.isfinite(found).all():
        raise NotFiniteError("the model answered with values that are not finite")
    return found


def of_instances(artefact: Artefact, rows: Sequence[Mapping[str, Any]]) -> Probabilities:
    """The same from JSON objects.

    Raises:
        ValueError: a member is not of its type.
    """
    return probabilities(artefact, from_json(rows, artefact.types))
