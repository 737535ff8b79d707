"""The champion inside a function: the container's own features and compiled model, when nobody else answers.

Needs numpy, for the transforms are numpy functions; no scikit-learn. See docs/decisions/0010.
"""

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tidegate import answers
from tidegate.compiled.scorer import Scorer
from tidegate.feature_file import load
from tidegate.feature_plan import FeatureSetPlan
from tidegate.instances import from_json
from tidegate.looked_up import flat
from tidegate.transforms import feature_columns


class FallbackModel:
    """Of a document of tidegate.fallback_file.

    Raises:
        ArtefactError, ConfigError: it cannot be loaded here.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.plan = FeatureSetPlan.from_json(document["features"])
        self.types: Mapping[str, str] = document["types"]
        self.scorer = Scorer.load(document["compiled"])
        # a transform is read as source too, and that needs a file; its bytes are the verified document's
        with tempfile.TemporaryDirectory() as folder:
            code = Path(folder) / "features.py"
            code.write_text(document["code"], encoding="utf-8")
            self.feature_set = load(code, self.plan.attribute)

    def answers(self, instances: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Of instances with `views`, as the container takes them; see tidegate.answers.

        Raises:
            ValueError: a member is not of its type, or the model cannot take it, or answers no number.
        """
        rows = [flat(self.plan, instance) for instance in instances]
        columns = feature_columns(self.feature_set, from_json(rows, self.types))
        scorer, found = self.scorer, []
        for values in zip(*(columns[name].tolist() for name in scorer.features), strict=True):
            prediction = scorer.one(scorer.vector(dict(zip(scorer.features, values, strict=True))))
            numbers = prediction if isinstance(prediction, list) else [prediction]
            if not all(map(math.isfinite, numbers)):
                raise ValueError("the model answered with values that are not finite")
            found.append(answers.of(scorer.task, scorer.classes, prediction))
        return found
