"""The champion inside a function: the container's own features and compiled model, when nobody else answers.

Needs numpy where features have transforms, which are numpy functions; no scikit-learn. See decision 0010.
"""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.serving import answers
from tidegate.serving.row_model import RowModel, rows_of


class FallbackModel:
    """Of a document of tidegate.fallback_file.

    Raises:
        ArtefactError, ConfigError: it cannot be loaded here.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.plan = FeatureSetPlan.from_json(document["features"])
        self.types: Mapping[str, str] = document["types"]
        transformed = None
        if self.plan.transforms:
            from tidegate.serving.transformed import transformer

            # a transform is read as source too, and that needs a file; its bytes are the verified document's
            with tempfile.TemporaryDirectory() as folder:
                code = Path(folder) / "features.py"
                code.write_text(document["code"], encoding="utf-8")
                transformed, _ = transformer(code, self.plan, self.types)
        self.model = RowModel(
            run=document["run"],
            types=self.types,
            plan=self.plan,
            compiled=document["compiled"],
            transformed=transformed,
        )

    def answers(self, instances: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Of instances with `views`, as the container takes them; see tidegate.answers.

        Raises:
            ValueError: a member is not of its type, or the model cannot take it, or answers no number.
        """
        model = self.model
        found = model.predict(rows_of(instances, self.plan, self.types))
        return [answers.of(model.task, model.classes, prediction) for prediction in found.predictions]
