"""Declared types of a transform's columns: how values arrive in it, and how its answers leave.

Outside of transforms a column of n values is float64 with NaN for missing, text an object array with None.
A value that its declared type cannot hold counts as missing: 2.5 and 1e300 are no int32.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ConfigError

NUMBERS = ("float64", "float32", "int64", "int32", "bool")
INPUTS = (*NUMBERS, "string", "timestamp")
WITHOUT_MISSING = ("int64", "int32", "bool")  # types that have no value to say that there is none

_DOUBLE = np.dtype(np.float64)
_ARRIVES = {name: np.dtype(name) for name in NUMBERS} | {"string": np.dtype(object), "timestamp": _DOUBLE}
_BEYOND = {"int64": 2.0**63, "int32": 2.0**31}
_STANDS_IN = {"string": ""}  # for a missing text; zero for everything else

Column = NDArray[Any]  # of float64 or, for text, of objects
Mask = NDArray[np.bool_]


def incoming(column: Column, dtype: str) -> tuple[NDArray[np.generic], Mask | None]:
    """The column in its dtype with something in the place of missing values, and where they are, if anywhere.

    Timestamps are seconds since the epoch.
    """
    missing = is_missing(column, dtype)
    if not np.count_nonzero(missing):
        return as_dtype(column, dtype), None
    return as_dtype(np.where(missing, _STANDS_IN.get(dtype, 0.0), column), dtype), missing


def as_dtype(column: Column, dtype: str) -> NDArray[np.generic]:
    """The column in its dtype, NaN and None included where it has them."""
    wanted = _ARRIVES[dtype]
    return column if column.dtype is wanted else column.astype(wanted)


def outgoing(column: Column, dtype: str) -> NDArray[np.float64]:
    """An answer as float64 that holds values of `dtype` only, and NaN.

    Raises:
        ConfigError: the array holds something else than numbers.
    """
    if column.dtype is _DOUBLE:
        numbers: Column = column
    elif column.dtype.kind in "biuf":
        numbers = column.astype(np.float64)
    else:
        raise ConfigError(f"an output of numpy's dtype {column.dtype} is no {dtype}")
    if dtype in WITHOUT_MISSING:
        return np.where(is_missing(numbers, dtype), np.nan, numbers)
    return numbers.astype(np.float32).astype(np.float64) if dtype == "float32" else numbers


def is_missing(column: Column, dtype: str) -> Mask:
    """Where the column has no value that is one of `dtype`."""
    missing: Mask
    if dtype == "string":
        missing = (column == None).astype(np.bool_)  # noqa: E711  element by element
    elif dtype == "bool":
        missing = (column != 0) & (column != 1)
    elif dtype in _BEYOND:
        beyond = _BEYOND[dtype]
        missing = ~((column == np.trunc(column)) & (column >= -beyond) & (column < beyond))
    else:
        missing = np.isnan(column)
    return missing
