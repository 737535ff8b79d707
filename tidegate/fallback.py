"""The champion inside a function: the container's own features and compiled model, when nobody else answers.

Needs numpy where features have transforms, which are numpy functions; no scikit-learn. See decision 0010.
"""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate import answers
from tidegate.feature_plan import FeatureSetPlan
from tidegate.serving.row_model import Row, RowModel, rows_of

Prepare = Callable[[Sequence[Row]], Sequence[Row]]


class FallbackModel:
    """Of a document of tidegate.fallback_file.

    Raises:
        ArtefactError, ConfigError: it cannot be loaded here.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.plan = FeatureSetPlan.from_json(document["features"])
        self.types: Mapping[str, str] = document["types"]
        compiled, run = document["compiled"], document["run"]
        self._prepare: Prepare | None = None
        if self.plan.transforms:
            self._prepare = _transforms(self.plan, self.types, document["code"])
        members = self.plan.features if self.plan.transforms else self.plan.instance
        self.model = RowModel(run=run, types=self.types, plan=self.plan, members=members, compiled=compiled)

    def answers(self, instances: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Of instances with `views`, as the container takes them; see tidegate.answers.

        Raises:
            ValueError: a member is not of its type, or the model cannot take it, or answers no number.
        """
        rows = rows_of(instances, self.plan, self.types)
        model = self.model
        found = model.predict(rows if self._prepare is None else self._prepare(rows))
        return [answers.of(model.task, model.classes, prediction) for prediction in found.predictions]


def _transforms(plan: FeatureSetPlan, types: Mapping[str, str], code: str) -> Prepare:
    """From members of instances to features, by the champion's own code."""
    from tidegate.feature_file import load
    from tidegate.instances import from_values
    from tidegate.transforms import feature_columns

    # a transform is read as source too, and that needs a file; its bytes are the verified document's
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "features.py"
        file.write_text(code, encoding="utf-8")
        feature_set = load(file, plan.attribute)

    def prepare(rows: Sequence[Row]) -> Sequence[Row]:
        columns = dict(zip(plan.instance, zip(*rows, strict=True), strict=True))
        features = feature_columns(feature_set, from_values(columns, types))
        return list(zip(*(features[name].tolist() for name in plan.features), strict=True))

    return prepare
