"""A compiled model asked row by row, in a container and inside `predict` alike.

Where no feature has a transform there is no code of the user's to run, and no numpy to import unless a
request has so many rows that arrays are faster.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple, Self

from tidegate.compiled.layout import Layout
from tidegate.compiled.scorer import FEWEST_ROWS, Prediction, Scorer
from tidegate.compiled.unrolled import MOST_NODES
from tidegate.errors import ArtefactError
from tidegate.feature_store.feature_hash import of_plan
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.looked_up import flat
from tidegate.serving import files
from tidegate.serving.values import NotFiniteError, Value, columns

INLINE_BYTES = 64 * 1024  # some 150 rows, half a millisecond
INLINE_BYTES_OF_LARGE = 8 * 1024  # some 20 rows of models that take longer

Row = Sequence[Value]  # members of an instance in the order of `plan.instance`
Transformed = Callable[[Sequence[Row]], Sequence[Row]]


class Answered(NamedTuple):
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
        members = plan.instance if transformed is None else plan.features
        self._layout = _layout(compiled, members)
        self._scorer = scorer = Scorer.load(compiled, self._layout)
        self.task = scorer.task
        self.classes = scorer.classes
        self.manifest: Mapping[str, Any] = {}
        self.folder: Path | None = None
        trees = compiled["model"]
        # kept for the array kernel, which takes no other models and no large trees (masks.MOST_BYTES)
        is_small = trees["kind"] == "trees" and len(trees["features"]) <= MOST_NODES
        self._compiled = compiled if is_small else None
        is_quick = is_small or trees["kind"] == "linear"
        self.inline_bytes = INLINE_BYTES if is_quick else INLINE_BYTES_OF_LARGE
        self._transformed = transformed

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
        together = None if len(rows) < FEWEST_ROWS else self._together
        if together is None:
            one = self._scorer.one
            found = [one(row) for row in rows]
        else:
            found = together(rows)
        numbers: Any = chain.from_iterable(found) if self.task == "multiclass" else found  # type: ignore[arg-type]
        if not all(map(isfinite, numbers)):
            raise NotFiniteError("the model answered with values that are not finite")
        return Answered(found, lambda: [self._layout.pick(row) for row in rows])

    @cached_property
    def _together(self) -> Callable[[Sequence[Row]], list[Prediction]] | None:
        if self._compiled is None:
            return None
        import numpy as np  # paid by whoever sends many rows

        from tidegate.compiled.matrix import together

        of_vectors, columns = together(self._scorer, self._compiled), self._layout.columns
        if of_vectors is None:
            return None
        return lambda rows: of_vectors(np.array(columns(rows), dtype=np.float64).T)


def _layout(compiled: Mapping[str, Any], members: Sequence[str]) -> Layout:
    """Of rows whose values are those of `members`."""
    features, categories = compiled["features"], compiled["categories"]
    codes = {
        position: {value: float(code) for code, value in enumerate(categories[name])}
        for position, name in enumerate(features)
        if name in categories
    }
    return Layout([members.index(name) for name in features], len(members), codes)


def _transformed(
    code: Path, plan: FeatureSetPlan, types: Mapping[str, str]
) -> tuple[Transformed | None, str]:
    if not plan.transforms:
        return None, of_plan(plan, {})
    from tidegate.serving.transformed import transformer  # numpy, whose functions transforms are

    return transformer(code, plan, types)
