"""How far two floating-point numbers lie apart, counted in the numbers that can be told between them.

A unit in the last place (ULP) is a step from one number to the next: 0 means equal, whatever the size.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.features import Array

_BITS: dict[str, Any] = {"float64": np.uint64, "float32": np.uint32}


def ulps(left: Array, right: Array, dtype: str = "float64") -> NDArray[np.uint64]:
    """Steps between the numbers of two arrays of one shape; NaN is 0 from NaN, and 2^64 - 1 from a number.

    Args:
        dtype: float64 or float32, whose steps are counted: a float32 is 2^29 times as coarse, and stays so
            when it is handed on as a float64.
    """
    bits = _BITS[dtype]
    a, b = (_ordered(array.astype(dtype).view(bits), bits) for array in (left, right))
    apart: NDArray[np.uint64] = (np.maximum(a, b) - np.minimum(a, b)).astype(np.uint64)
    gone, also = np.isnan(left), np.isnan(right)
    apart[gone & also] = 0
    apart[gone ^ also] = np.iinfo(np.uint64).max
    return apart


def _ordered(raw: Array, bits: Any) -> Array:
    """The bit patterns as whole numbers that grow with the numbers they stand for; -0.0 is 1 below 0.0."""
    sign = bits(1) << bits(8 * bits().itemsize - 1)
    ordered: Array = np.where(raw & sign, ~raw, raw | sign)
    return ordered
