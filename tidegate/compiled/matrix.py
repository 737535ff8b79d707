"""The compiled model for many rows at once, with numpy.

Trees of at most 64 leaves are scored without walking, by `tidegate.compiled.masks`: what all columns leave
standing is their AND, and the lowest bit standing is the leaf. Some 1.5 microseconds a row of 100 trees,
where a row alone takes 4 to 10.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from tidegate.compiled.links import EACH
from tidegate.compiled.masks import Masks, Matrix, masks_of
from tidegate.compiled.scorer import FEWEST_ROWS, Prediction, Scorer
from tidegate.compiled.steps import sequence

BLOCK_ROWS = 256  # the masks of so many rows and 100 trees stay in a core's cache


class MatrixScorer(Scorer):
    """A scorer that takes arrays too."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self.calibrated: bool = document["model"]["kind"] == "calibrated"
        self._document = document

    def many(self, matrix: Iterable[Sequence[float]] | Matrix) -> Matrix:
        """Predictions for the rows of a matrix: shape (n,), or (n, classes) of a multiclass model.

        Raises:
            ValueError: a value is missing, infinite or unknown that the model cannot take.
        """
        given = np.asarray(matrix if isinstance(matrix, np.ndarray) else list(matrix), dtype=np.float64)
        if len(given) >= FEWEST_ROWS and self._together is not None:
            found = self._together(given)
        else:
            found = [self.one(row) for row in given.tolist()]
        shape = (0, len(self.classes)) if self.task == "multiclass" else (0,)
        return np.array(found, dtype=np.float64) if found else np.empty(shape)

    @cached_property
    def _together(self) -> "Together | None":
        return together(self, self._document)


Together = Callable[[Matrix], list[Prediction]]  # of vectors, shape (n, features)


def together(scorer: Scorer, document: Mapping[str, Any]) -> Together | None:
    """What answers many vectors as `scorer` answers each; None for a model that is not of small trees."""
    model = document["model"]
    masks = masks_of(model) if model["kind"] == "trees" else None
    if masks is None:
        return None
    steps, trees = sequence(model["steps"]), Trees(model, masks)
    link, answer, each = scorer.model.link, scorer.answer, model.get("link", "identity") in EACH

    def predictions(given: Matrix) -> list[Prediction]:
        if not all(step["kind"] == "check" and _passes(step, given) for step in model["steps"]):
            given = np.array([steps(row) for row in given.tolist()], dtype=np.float64)
        scores = trees.scores(given)
        if scores.shape[1] == 1 and each:  # one call for all rows
            return [answer([one]) for one in link(scores[:, 0].tolist())]
        return [answer(link(row)) for row in scores.tolist()]

    return predictions


class Trees:
    """Small trees that are scored by their masks."""

    def __init__(self, document: Mapping[str, Any], masks: Masks) -> None:
        self._columns = masks.columns
        self._whole = masks.whole
        self._values = masks.values.ravel()
        self._first = np.arange(len(masks.whole)) * masks.values.shape[1]
        self._base = np.array(document["base"])
        self._divisor: int = document["divisor"]
        self._table = None if document["leaves"] is None else np.array(document["leaves"])

    def scores(self, x: Matrix) -> Matrix:
        """Raw scores of rows, shape (n, outputs): the same sums in the same order as one row's walk."""
        blocks = [self._sums(self._leaves(x[at : at + BLOCK_ROWS])) for at in range(0, len(x), BLOCK_ROWS)]
        return np.concatenate(blocks)

    def _leaves(self, x: Matrix) -> Any:
        """What each tree comes to, shape (n, trees)."""
        standing = np.tile(self._whole, (len(x), 1))
        left = np.empty_like(standing)
        for column in self._columns:
            places = np.searchsorted(column.edges, x[:, column.position], side="right")
            # all are in range, and to `raise` otherwise would take a copy
            np.take(column.masks, places, axis=0, out=left, mode="clip")
            np.bitwise_and(standing, left, out=standing)
        one = standing.dtype.type(1)
        lowest = np.bitwise_count((standing & (~standing + one)) - one)
        return np.take(self._values, lowest + self._first)

    def _sums(self, leaves: Any) -> Matrix:
        """`accumulate` adds one after another, where numpy's sums would be pairwise."""
        if self._table is not None:
            turns = self._table[leaves]
        else:
            turns = leaves.reshape(len(leaves), -1, len(self._base))
            turns[:, 0] += self._base
        return np.asarray(np.add.accumulate(turns, axis=1)[:, -1] / self._divisor)


def _passes(check: Mapping[str, Any], x: Matrix) -> bool:
    """Whether every value is one that the check lets through."""
    seen = x if check["columns"] is None else x[:, check["columns"]]
    within = np.abs(seen) <= check["limit"]
    return bool((within | np.isnan(seen) if check["nan"] else within).all())
