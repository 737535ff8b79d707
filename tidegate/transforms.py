"""From an instance to a feature vector: the same code for a million training rows and for one request.

Pure: arrays in, arrays out. Element-wise numpy gives the same bits for one row as for many (on one type of
processor), which is what keeps training and serving from drifting apart.
"""

from collections.abc import Mapping

import numpy as np

from tidegate.errors import ConfigError
from tidegate.features import Array, FeatureSet

Columns = Mapping[str, Array]


def feature_columns(feature_set: FeatureSet, columns: Columns) -> dict[str, Array]:
    """The features in their declared order.

    Args:
        columns: request columns and aggregates, each of shape (n,): timestamps as float seconds since the
            epoch, text as objects with None for missing, everything else float64 with NaN for missing.

    Returns:
        feature -> shape (n,); numbers as float64, text as it came.

    Raises:
        ConfigError: a transform returned another number or length of arrays than it declares.
    """
    known = dict(columns)
    for transform in feature_set.transforms:
        inputs = [known[name] for name in transform.plan.inputs]
        outputs = transform(*inputs)
        names = list(transform.plan.outputs)
        if len(outputs) != len(names) or any(out.shape != inputs[0].shape for out in outputs):
            shapes = [getattr(out, "shape", "?") for out in outputs]
            raise ConfigError(
                f"transform `{transform.plan.name}` returned {shapes}",
                cause=f"it declares {', '.join(names)} of shape {inputs[0].shape}",
            )
        for name, out in zip(names, outputs, strict=True):
            known[name] = out.astype(transform.plan.outputs[name])
    return {name: _as_feature(known[name]) for name in feature_set.features}


def _as_feature(column: Array) -> Array:
    return column if column.dtype == object else column.astype(np.float64, copy=False)
