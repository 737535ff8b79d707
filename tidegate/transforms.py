"""From an instance to a feature vector: the same code for a million training rows and for one request.

Pure: arrays in, arrays out. Element-wise numpy gives the same bits for one row as for many (on one type of
processor), which is what keeps training and serving from drifting apart.
"""

from collections.abc import Mapping
from typing import Any

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
        names, wanted = list(transform.plan.outputs), [inputs[0].shape] * len(transform.plan.outputs)
        shapes = [getattr(out, "shape", None) for out in outputs] if isinstance(outputs, tuple) else None
        if shapes != wanted:
            raise ConfigError(
                f"transform `{transform.plan.name}` returned {_told(outputs)}",
                cause=f"it declares a tuple of {', '.join(names)}, each of shape {inputs[0].shape}",
            )
        for name, out in zip(names, outputs, strict=True):
            known[name] = _in_dtype(out, transform.plan.outputs[name])
    return {name: known[name] for name in feature_set.features}


def _in_dtype(column: Array, dtype: str) -> Array:
    """float64 that holds values of `dtype` only, and NaN: no integer could say that a value is missing."""
    numbers: Array = column.astype(np.float64)
    if dtype == "bool":
        return np.where(np.isnan(numbers), np.nan, (numbers != 0).astype(np.float64))
    if dtype in ("int64", "int32"):
        return np.trunc(numbers)
    return numbers.astype(dtype).astype(np.float64)


def _told(outputs: Any) -> str:
    if isinstance(outputs, tuple):
        return f"({', '.join(map(_told, outputs))})"
    return f"shape {outputs.shape}" if isinstance(outputs, np.ndarray) else type(outputs).__name__
