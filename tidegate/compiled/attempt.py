"""Compile a fitted model if that can be done and proven; else say why it is served by scikit-learn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.compiled import parity
from tidegate.compiled.compiler import compile_model
from tidegate.compiled.links import calibrator
from tidegate.errors import NotCompilableError
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task


@dataclass(frozen=True)
class Attempt:
    """`document` is None unless parity holds; `parity` is told either way, as a manifest records it."""

    document: Mapping[str, Any] | None
    parity: Mapping[str, Any]


def attempt(
    estimator: Any,
    encoding: Encoding,
    task: Task,
    rows: NDArray[np.float64],
    calibration: Mapping[str, Any] | None = None,
) -> Attempt:
    """Compile and compare on `rows`, the matrix that the estimator was fitted on, and on edge rows of it."""
    try:
        document = compile_model(
            estimator, encoding, task=task.name, classes=task.classes, calibration=calibration
        )
    except NotCompilableError as cause:
        return _failed(cause.what)
    except (AttributeError, LookupError, TypeError, ValueError) as cause:
        # private attributes of another scikit-learn: what cannot be read is served by scikit-learn itself
        return _failed(f"the compiler cannot read this model: {type(cause).__name__}: {cause}")
    calibrate = None if calibration is None else np.vectorize(calibrator(calibration), otypes=[np.float64])

    def predict(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        found = task.predict(estimator, matrix)
        return found if calibrate is None else calibrate(found)

    found = parity.check(document, predict, rows)
    return Attempt(document if found.holds else None, found.to_json())


def _failed(reason: str) -> Attempt:
    return Attempt(None, parity.Parity(0, 0, 0, float("inf"), reason).to_json())
