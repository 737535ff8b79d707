"""How far captured features lie from rebuilt ones: JSON's values on one side, arrays on the other.

Pure. Numbers are the same up to `TOLERATED_ULPS`, since another type of processor gives other last bits; NaN
is NaN, text is equal or not.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.columns.ulps import ulps
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.features import Array

TOLERATED_ULPS = 4


def steps(captured: Sequence[Any], rebuilt: Array, dtype: str) -> NDArray[np.uint64]:
    """ULPs between what was captured and what was rebuilt; texts are 0 or very many apart."""
    far = np.iinfo(np.uint64).max
    if rebuilt.dtype == object:
        pairs = zip(captured, rebuilt.tolist(), strict=True)
        return np.array([0 if left == right else far for left, right in pairs], np.uint64)
    numbers = np.array([_number(value) for value in captured])
    # JSON has no infinity: a container writes null for it, as for NaN
    apart = ulps(numbers, np.where(np.isinf(rebuilt), np.nan, rebuilt), dtype)
    apart[[isinstance(value, bool | str | list | dict) for value in captured]] = far
    return apart


def dtypes(plan: FeatureSetPlan) -> dict[str, str]:
    """Columns whose last place is that of a float32; all others are doubles."""
    made = [*(view.outputs for view in plan.views), *(each.outputs for each in plan.transforms)]
    return {name: dtype for outputs in made for name, dtype in outputs.items() if dtype == "float32"}


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.nan
    return number if math.isfinite(number) else math.nan
