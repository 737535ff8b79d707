"""Instances as arrays: what the training set holds in columns and a request holds in JSON, made alike.

Timestamps become float seconds since the epoch, text an object array with None for missing, everything else
float64 with NaN for missing. Both ways in give the same bits for the same values.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tidegate.features import Array
from tidegate.serving import values

if TYPE_CHECKING:
    import pyarrow as pa

Types = Mapping[str, str]
_MICROSECONDS = 1_000_000


def from_json(rows: Sequence[Mapping[str, Any]], types: Types) -> dict[str, Array]:
    """Columns of shape (len(rows),). A member that is absent counts as missing.

    Raises:
        ValueError: a value cannot be of its column's type; the text names the member.
    """
    return from_values(values.columns(rows, types), types)


def from_values(columns: Mapping[str, Sequence[values.Value]], types: Types) -> dict[str, Array]:
    """The same of values that are of their types already, as tidegate.serving.values makes them."""
    found: dict[str, Array] = {}
    for name, given in columns.items():
        if types[name] == "string":
            found[name] = np.empty(len(given), dtype=object)
            found[name][:] = given
        else:
            found[name] = np.array([np.nan if value is None else value for value in given])
    return found


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
