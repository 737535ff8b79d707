"""What is predicted: classes or a number, and how labels, estimators and answers say it.

Labels are codes: int8 0 and 1, the position among the classes, or the number itself. Predictions are float64:
P(label = 1) of shape (n,), the probabilities of all classes of shape (n, k), or numbers of shape (n,).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import InsufficientDataError
from tidegate.features import Array
from tidegate.settings.config import TaskName
from tidegate.training.metrics import Labels, Predictions


@dataclass(frozen=True)
class Task:
    """One task; `classes` are the names of a multiclass label's values in sorted order, else empty."""

    name: TaskName
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, name: TaskName, outcomes: Array) -> "Task":
        """The task of these outcomes: 0 and 1, texts, or numbers."""
        return cls(name, tuple(sorted(set(outcomes.tolist()))) if name == "multiclass" else ())

    def labels(self, outcomes: Array) -> Labels:
        """Codes of outcomes, shape (n,).

        Raises:
            InsufficientDataError: a class that no training row had.
        """
        if self.name != "multiclass":
            return outcomes.astype(np.int8 if self.name == "binary" else np.float64)
        codes = {value: code for code, value in enumerate(self.classes)}
        if unknown := sorted({value for value in outcomes.tolist() if value not in codes}):
            raise InsufficientDataError(
                f"class {', '.join(unknown[:3])} has no rows to train on",
                cause=f"the rows to train on have {', '.join(self.classes[:20])}",
                hint="deliver more data, or let the label's SQL merge rare classes",
            )
        return np.array([codes[value] for value in outcomes.tolist()], dtype=np.intp)

    def predict(self, estimator: Any, matrix: NDArray[np.float64]) -> Predictions:
        """What a fitted estimator says of each row; a class it was not fitted on has probability 0."""
        if self.name == "regression":
            return np.asarray(estimator.predict(matrix), dtype=np.float64).reshape(len(matrix))
        found = np.asarray(estimator.predict_proba(matrix), dtype=np.float64)
        if self.name == "binary":
            return found[:, 1]
        whole = np.zeros((len(matrix), len(self.classes)))
        whole[:, np.asarray(estimator.classes_, dtype=np.intp)] = found
        return whole

    def guess(self, labels: Labels, rows: int) -> Predictions:
        """What one predicts who knows the labels' shares, or their mean, and no feature."""
        if self.name == "multiclass":
            shares = np.bincount(labels, minlength=len(self.classes)) / labels.size
            return np.tile(shares, (rows, 1))
        return np.full(rows, float(labels.mean()))

    def answers(self, predictions: Predictions) -> list[dict[str, Any]]:
        """As `tidegate.serving.answers` has them, one for each row."""
        if self.name == "binary":
            return [{"probability": p} for p in predictions.tolist()]
        if self.name == "regression":
            return [{"value": v} for v in predictions.tolist()]
        best = predictions.argmax(axis=1).tolist()
        return [
            {"label": self.classes[code], "probabilities": dict(zip(self.classes, row, strict=True))}
            for code, row in zip(best, predictions.tolist(), strict=True)
        ]

    def measured(self, predictions: Predictions) -> dict[str, Array]:
        """Columns of `tidegate.serving.answers.MEASURED`, each of shape (n,)."""
        if self.name == "binary":
            return {"probability": predictions}
        if self.name == "regression":
            return {"value": predictions}
        names = np.array(self.classes, dtype=object)
        return {"label": names[predictions.argmax(axis=1)], "confidence": predictions.max(axis=1)}
