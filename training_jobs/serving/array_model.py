"""A model that is not compiled: scikit-learn predicts, of arrays."""

from collections.abc import Sequence

from tidegate.serving.instances import from_values
from tidegate.serving.prediction import of_columns
from tidegate.serving.row_model import Answered, Row
from tidegate.training.artefact import Artefact


class ArrayModel:
    """An artefact, asked as tidegate.serving.row_model.RowModel is."""

    def __init__(self, artefact: Artefact) -> None:
        self.run = artefact.run
        self.types = artefact.types
        self.plan = artefact.plan
        self.task: str = artefact.task.name
        self.classes = artefact.task.classes
        self.manifest = artefact.manifest
        self.folder = artefact.folder
        self.inline_bytes = 0
        self._artefact = artefact

    def predict(self, rows: Sequence[Row]) -> Answered:
        """See RowModel."""
        columns = dict(zip(self.plan.instance, zip(*rows, strict=True), strict=True))
        found = of_columns(self._artefact, from_values(columns, self.types))
        return Answered(found.predictions.tolist(), found.vectors)
