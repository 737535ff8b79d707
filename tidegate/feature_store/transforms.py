"""From an instance to a feature vector: the same code for a million training rows and for one request.

Pure: arrays in, arrays out. Element-wise numpy gives the same bits for one row as for many (on one type of
processor), which is what keeps training and serving from drifting apart.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.columns.dtypes import as_dtype, incoming, outgoing
from tidegate.errors import ConfigError

if TYPE_CHECKING:  # which checks its transforms by what is here
    from tidegate.features import Array, FeatureSet, Transform

    Columns = Mapping[str, Array]


def feature_columns(feature_set: "FeatureSet", columns: "Columns") -> dict[str, "Array"]:
    """The features in their declared order.

    Args:
        columns: request columns and aggregates, each of shape (n,): timestamps as float seconds since the
            epoch, text as objects with None for missing, everything else float64 with NaN for missing.

    Returns:
        feature -> shape (n,); numbers as float64, text as it came.

    Raises:
        ConfigError: a transform returned another number, length or kind of arrays than it declares.
    """
    known = dict(columns)
    with np.errstate(all="ignore"):  # log(-1) is missing, 1 / 0 is infinite: values, not events
        for transform in feature_set.transforms:
            known |= outputs_of(transform, known)
    return {name: known[name] for name in feature_set.features}


def outputs_of(transform: "Transform", columns: "Columns") -> dict[str, "Array"]:
    """What one transform makes of its inputs, by its null policy.

    Raises:
        ConfigError: see `feature_columns`.
    """
    plan = transform.plan
    arrays, missing = [], None
    for name, dtype in plan.inputs.items():
        if plan.nulls == "handle":
            arrays.append(as_dtype(columns[name], dtype))
            continue
        array, absent = incoming(columns[name], dtype)
        arrays.append(array)
        if absent is not None:
            missing = absent if missing is None else missing | absent
    returned = transform.function(*arrays)
    shape = arrays[0].shape
    if (
        type(returned) is not tuple
        or len(returned) != len(plan.outputs)
        or any(type(each) is not np.ndarray or each.shape != shape for each in returned)
    ):
        raise ConfigError(
            f"transform `{plan.name}` returned {_told(returned)}",
            cause=f"it declares a tuple of {', '.join(plan.outputs)}, each of shape {shape}",
        )
    # x - 0.0 is x to the bit, -0.0 too, and cheaper than a choice for each of many outputs
    gaps = None if missing is None else np.where(missing, np.nan, 0.0)
    found = {}
    for (name, dtype), array in zip(plan.outputs.items(), returned, strict=True):
        try:
            column = outgoing(array, dtype)
        except ConfigError as cause:
            raise ConfigError(f"transform `{plan.name}`: output `{name}`", cause=cause.what) from cause
        found[name] = column if gaps is None else column - gaps
    return found


def _told(outputs: Any) -> str:
    if isinstance(outputs, tuple):
        return f"({', '.join(map(_told, outputs))})"
    return f"shape {outputs.shape}" if isinstance(outputs, np.ndarray) else type(outputs).__name__
