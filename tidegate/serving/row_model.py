"""A compiled model asked row by row, in a container and inside `predict` alike.

Where no feature has a transform there is no code of the user's to run, and no numpy to import unless a
request has so many rows that arrays are faster.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isfinite, nan
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from tidegate.compiled.scorer import FEWEST_ROWS, Prediction, Scorer
from tidegate.compiled.unrolled import MOST_NODES
from tidegate.errors import ArtefactError
from tidegate.feature_store.feature_hash import of_plan
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.looked_up import flat
from tidegate.serving import files
from tidegate.serving.values import NotFiniteError, Value, columns

INLINE_BYTES = 64 * 1024  # some 150 rows, a millisecond
INLINE_BYTES_OF_LARGE = 8 * 1024  # some 20 rows of models that take longer

Row = Sequence[Value]  # members of an instance in the order of `plan.instance`
Transformed = Callable[[Sequence[Row]], Sequence[Row]]


@dataclass(frozen=True)
class Answered:
    """What a model says of n rows, and what it saw of them: values of the features, in their order."""

    predictions: list[Any]  # numbers, or the probabilities of all classes
    vectors: Callable[[], list[Any]]  # made only for who asks


def rows_of(
    instances: Sequence[Mapping[str, Any]], plan: FeatureSetPlan, types: Mapping[str, str]
) -> list[Row]:
    """Rows of JSON objects with `views`, as tidegate.looked_up has them.

    Raises:
        ValueError: a member is not of its type.
    """
    found = columns([flat(plan, instance) for instance in instances], types)
    return list(zip(*(found[name] for name in plan.instance), strict=True))


class RowModel:
    """A compiled model and which members of a row its features are.

    Args:
        compiled: the document of tidegate.compiled.
        transformed: rows of instances to rows of features, of a plan with transforms.
    """

    def __init__(
        self,
        *,
        run: str,
        types: Mapping[str, str],
        plan: FeatureSetPlan,
        compiled: Mapping[str, Any],
        transformed: Transformed | None = None,
    ) -> None:
        self.run = run
        self.types = types
        self.plan = plan
        scorer = Scorer.load(compiled)
        self.task = scorer.task
        self.classes = scorer.classes
        self.manifest: Mapping[str, Any] = {}
        self.folder: Path | None = None
        trees = compiled["model"]
        # kept for the array kernel, which takes no other models and no large trees (matrix.MOST_MASK_BYTES)
        is_small = trees["kind"] == "trees" and len(trees["features"]) <= MOST_NODES
        self._compiled = compiled if is_small else None
        is_quick = is_small or trees["kind"] == "linear"
        self.inline_bytes = INLINE_BYTES if is_quick else INLINE_BYTES_OF_LARGE
        self._one = scorer.one
        self._transformed = transformed
        members = plan.instance if transformed is None else plan.features
        self._pick = _picker([members.index(name) for name in scorer.features])
        self._codes = [
            (position, {value: float(i) for i, value in enumerate(compiled["categories"][name])})
            for position, name in enumerate(scorer.features)
            if name in compiled["categories"]
        ]

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Verify every file and load the model; None of one that is not compiled.

        Raises:
            ArtefactError, ConfigError: a file is missing, has other bytes or may be a pickle, or the code of
                the features is not the one that the manifest names.
        """
        files.refuse_pickles(folder)
        manifest = files.verified(folder, files.FILES)
        plan = FeatureSetPlan.from_json(json.loads((folder / files.FEATURES).read_bytes()))
        if manifest["runtime"] != "compiled":
            return None
        files.verified(folder, [files.COMPILED])
        types = json.loads((folder / files.SIGNATURE).read_bytes())["types"]
        transformed, found_hash = _transformed(folder / files.CODE, plan, types)
        files.refuse_other_features(found_hash, manifest)
        try:
            compiled = json.loads((folder / files.COMPILED).read_bytes())
            found = cls(
                run=manifest["run"], types=types, plan=plan, compiled=compiled, transformed=transformed
            )
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as cause:
            raise ArtefactError(
                "the compiled model cannot be loaded", cause=f"{type(cause).__name__}: {cause}"
            ) from cause
        found.manifest, found.folder = manifest, folder
        return found

    def predict(self, rows: Sequence[Row]) -> Answered:
        """Predictions of rows whose values are of their types.

        Raises:
            NotFiniteError: a prediction is not a number.
            ValueError: the model cannot take a value that is missing, infinite or unknown.
        """
        if self._transformed is not None:
            rows = self._transformed(rows)
        seen = [self._pick(row) for row in rows]
        encoded = [self._encoded(values) for values in seen]
        found: list[Prediction]
        if len(rows) < FEWEST_ROWS or self._compiled is None:
            one = self._one
            found = [one(vector) for vector in encoded]
        else:
            found = self._many(encoded)
        for each in found:
            if not (all(map(isfinite, each)) if isinstance(each, list) else isfinite(each)):
                raise NotFiniteError("the model answered with values that are not finite")
        return Answered(found, lambda: seen)

    def _encoded(self, values: Sequence[Any]) -> list[float]:
        """Texts become the codes of their categories; NaN is what is missing or unknown."""
        vector = [nan if value is None else value for value in values]
        for position, codes in self._codes:
            vector[position] = codes.get(vector[position], nan)
        return vector

    @cached_property
    def _many(self) -> Callable[[list[list[float]]], list[Prediction]]:
        from tidegate.compiled.matrix import MatrixScorer  # numpy, paid by whoever sends many rows

        scorer = MatrixScorer.load(self._compiled or {})
        return lambda rows: scorer.many(rows).tolist()


def _transformed(
    code: Path, plan: FeatureSetPlan, types: Mapping[str, str]
) -> tuple[Transformed | None, str]:
    if not plan.transforms:
        return None, of_plan(plan, {})
    from tidegate.serving.transformed import transformer  # numpy, whose functions transforms are

    return transformer(code, plan, types)


def _picker(positions: list[int]) -> Callable[[Row], tuple[Any, ...]]:
    """The values at these positions; `itemgetter` of one gives no tuple."""
    if len(positions) > 1:
        return itemgetter(*positions)
    return lambda row: tuple(row[i] for i in positions)
