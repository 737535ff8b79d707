"""Instances as arrays: what the training set holds in columns and a request holds in JSON, made alike.

Timestamps become float seconds since the epoch, text an object array with None for missing, everything else
float64 with NaN for missing. Both ways in give the same bits for the same values.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.features import Array
from tidegate.moments import seconds

if TYPE_CHECKING:
    import pyarrow as pa

Types = Mapping[str, str]
_MICROSECONDS = 1_000_000


def from_json(rows: Sequence[Mapping[str, Any]], types: Types) -> dict[str, Array]:
    """Columns of shape (len(rows),). A member that is absent counts as missing.

    Raises:
        ValueError: a value cannot be of its column's type; the text names the member.
    """
    return {name: _column(name, kind, [row.get(name) for row in rows]) for name, kind in types.items()}


def from_table(table: "pa.Table", types: Types) -> dict[str, Array]:
    """Columns of shape (table.num_rows,)."""
    import pyarrow as pa

    found: dict[str, Array] = {}
    for name, kind in types.items():
        column = table[name]
        if kind == "string":
            found[name] = np.array(column.to_pylist(), dtype=object)
        elif kind in ("timestamp", "date"):
            micros = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None))).cast(pa.int64())
            found[name] = micros.to_numpy(zero_copy_only=False).astype(np.float64) / _MICROSECONDS
        else:
            found[name] = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    return found


def _column(name: str, kind: str, values: list[Any]) -> Array:
    try:
        if kind == "string":
            out = np.empty(len(values), dtype=object)
            out[:] = [None if value is None else _text(value) for value in values]
            return out
        if kind in ("timestamp", "date"):
            return np.array([np.nan if value is None else seconds(value) for value in values])
        return np.array([np.nan if value is None else _number(value) for value in values])
    except (TypeError, ValueError, OverflowError) as cause:
        raise ValueError(f"`{name}` must be a {kind}: {cause}") from cause


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"got {value!r}")
    return value


def _number(value: Any) -> float:
    if isinstance(value, str):  # float() would take "nan" and "inf", and numbers in quotes
        raise TypeError(f"got {value!r}")
    return float(value)
