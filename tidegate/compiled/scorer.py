"""Predictions from `compiled.json`: pure standard library, so a control function can answer with it too."""

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any, Self

from tidegate.compiled import model
from tidegate.compiled.layout import Layout
from tidegate.compiled.links import Scores, calibrator
from tidegate.errors import ArtefactError

FORMAT = 1
FEWEST_ROWS = 32  # of the array kernel in `matrix`, which 10 rows pay for, but not the import of numpy
Prediction = float | Scores  # P(label = 1) or a value; the probabilities of all classes


class Scorer:
    """One compiled model. `task` is binary, multiclass or regression; `classes` those of a multiclass one."""

    def __init__(self, document: Mapping[str, Any], layout: Layout | None = None) -> None:
        self.task: str = document["task"]
        self.classes: tuple[str, ...] = tuple(document["classes"])
        self.features: tuple[str, ...] = tuple(document["features"])
        self._codes = {
            name: {value: float(i) for i, value in enumerate(values)}
            for name, values in document["categories"].items()
        }
        self._columns: list[int] | None = document["columns"]
        self.model = model.load(document["model"], layout)
        calibration = document["calibration"]
        self._calibrate = None if calibration is None else calibrator(calibration)

    @classmethod
    def load(cls, document: Mapping[str, Any], layout: Layout | None = None) -> Self:
        """Of a document that `tidegate.compiled.compiler` made.

        Args:
            layout: of the rows that `one` takes; without it they are vectors of floats.

        Raises:
            ArtefactError: it is of another format.
        """
        if document.get("format") != FORMAT:
            raise ArtefactError(
                "the compiled model has another format",
                cause=f"its format is {document.get('format')!r}, this code reads {FORMAT}",
                hint="serve with the image that trained",
            )
        return cls(document) if layout is None else cls(document, layout)

    def vector(self, row: Mapping[str, Any]) -> list[float]:
        """Named feature values in the order of `features`: a category's code, NaN for missing and unknown."""
        found = []
        for name in self.features:
            value = row[name]
            if name in self._codes:
                value = self._codes[name].get(value, nan)
            found.append(nan if value is None else float(value))
        return found

    def one(self, row: Sequence[Any]) -> Prediction:
        """The prediction for one row.

        Raises:
            ValueError: a value is missing, infinite or unknown that the model cannot take.
        """
        return self.answer(self.model(row))

    def many(self, matrix: Iterable[Sequence[float]]) -> Any:
        """The same for each row, a list; see `tidegate.compiled.matrix` for arrays."""
        return [self.one(row) for row in matrix]

    def answer(self, scores: Scores) -> Prediction:
        """What linked scores mean: calibrated, and every class in its place."""
        if self.task == "multiclass":
            if len(scores) == 1:  # of two classes, the second
                scores = [1.0 - scores[0], scores[0]]
            return scores if self._columns is None else self._spread(scores)
        return scores[0] if self._calibrate is None else self._calibrate(scores[0])

    def _spread(self, scores: Scores) -> Scores:
        """Classes that the estimator was not fitted on have probability 0."""
        whole = [0.0] * len(self.classes)
        for column, score in zip(self._columns or (), scores, strict=True):
            whole[column] = score
        return whole
