"""The compiled model for many rows at once, with numpy.

Trees of at most 64 leaves are scored without walking (QuickScorer, Lucchese et al., SIGIR 2015): a node whose
answer is no rules out the leaves on its left, which are a run of bits; all that is left at the end is ruled
by AND, and the lowest bit standing is the leaf. Which nodes of a feature say no depends only on the place of
the row's value among the thresholds, so their masks are combined beforehand: for each place one row of masks,
one for each tree.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tidegate.compiled.scorer import FEWEST_ROWS, Scorer
from tidegate.compiled.trees import MISSING

MOST_LEAVES = 64
MOST_MASK_BYTES = 64 * 1024 * 1024
BLOCK_ROWS = 1024  # masks of a block stay in the processor's cache

Matrix = NDArray[np.float64]
Masks = NDArray[np.uint64]


class MatrixScorer(Scorer):
    """A scorer that takes arrays too."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        super().__init__(document)
        self.calibrated: bool = document["model"]["kind"] == "calibrated"
        self._prepares = bool(document["model"]["steps"])
        self._document: Mapping[str, Any] | None = document["model"]
        self._trees: Trees | None = None

    def many(self, matrix: Iterable[Sequence[float]] | Matrix) -> Matrix:
        """Predictions for the rows of a matrix: shape (n,), or (n, classes) of a multiclass model.

        Raises:
            ValueError: a value is missing, infinite or unknown that the model cannot take.
        """
        given = np.asarray(matrix if isinstance(matrix, np.ndarray) else list(matrix), dtype=np.float64)
        if len(given) >= FEWEST_ROWS and (trees := self._of_trees()) is not None:
            if self._prepares:
                given = np.array([self.model.prepare(row) for row in given.tolist()], dtype=np.float64)
            link = self.model.link
            found = [self.answer(link(row)) for row in trees.scores(given).tolist()]
        else:
            found = [self.one(row) for row in given.tolist()]
        shape = (0, len(self.classes)) if self.task == "multiclass" else (0,)
        return np.array(found, dtype=np.float64) if found else np.empty(shape)

    def _of_trees(self) -> "Trees | None":
        """Built when first needed; None for a model that is not of small trees."""
        if self._document is not None:
            self._trees = Trees.of(self._document) if self._document["kind"] == "trees" else None
            self._document = None
        return self._trees


class Trees:
    """Small trees as masks: for each column its thresholds, shape (m,), and masks, shape (m + 1, trees)."""

    def __init__(self, document: Mapping[str, Any], shapes: "list[Shape]") -> None:
        self.negated: list[int] = document["negated"]
        self.sets = [(one["column"], np.array(one["values"], dtype=np.float64)) for one in document["sets"]]
        self.base = np.array(document["base"])
        self.divisor: int = document["divisor"]
        self.table = None if document["leaves"] is None else np.array(document["leaves"])
        self.values = np.zeros((len(shapes), MOST_LEAVES), dtype=np.float64)
        for tree, shape in enumerate(shapes):
            self.values[tree, : len(shape.leaves)] = shape.leaves
        self.whole = np.array([(1 << len(s.leaves)) - 1 for s in shapes], dtype=np.uint64)
        width = document["width"] + len(self.negated)
        self.columns: list[tuple[int, Matrix, Masks]] = []
        self.of_sets: list[tuple[int, Masks]] = []
        for column in sorted({node[0] for shape in shapes for node in shape.nodes}):
            mine = [
                (tree, *node[1:]) for tree, s in enumerate(shapes) for node in s.nodes if node[0] == column
            ]
            if column < width:
                self.columns.append((column, *_by_threshold(mine, len(shapes))))
            else:
                members = document["members"]
                count = self.sets[column - width][1].size
                self.of_sets.append((column - width, _by_code(mine, members, count, len(shapes))))

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "Self | None":
        shapes = _shapes(document)
        if max(len(shape.leaves) for shape in shapes) > MOST_LEAVES:
            return None
        masks = sum(len(shape.nodes) for shape in shapes) * len(shapes) * 8
        return cls(document, shapes) if masks <= MOST_MASK_BYTES else None

    def scores(self, x: Matrix) -> Matrix:
        """Raw scores of rows, shape (n, outputs): the same sums in the same order as one row's walk."""
        blocks = [self._block(x[at : at + BLOCK_ROWS]) for at in range(0, len(x), BLOCK_ROWS)]
        return np.concatenate(blocks)

    def _block(self, x: Matrix) -> Matrix:
        wide = np.column_stack([x, -x[:, self.negated]]) if self.negated else x
        standing = np.tile(self.whole, (len(x), 1))
        for column, thresholds, masks in self.columns:
            # the place after the last threshold is also that of NaN: every answer is no
            standing &= masks[np.searchsorted(thresholds, wide[:, column])]
        for position, masks in self.of_sets:
            column, values = self.sets[position]
            standing &= masks[_codes(x[:, column], values) - MISSING]
        lowest = np.bitwise_count((standing & (~standing + np.uint64(1))) - np.uint64(1))
        leaves = self.values[np.arange(len(self.whole)), lowest].T
        count = len(self.base)
        if self.table is not None:
            total = np.add.reduce(self.table[leaves.astype(np.intp)], axis=0)
            return np.asarray(total / self.divisor)
        total = np.tile(self.base[:, None], (1, len(x)))
        for at in range(0, len(leaves), count):
            total += leaves[at : at + count]
        return np.asarray(total.T / self.divisor)


class Shape:
    """One tree: its inner nodes as (column, threshold, mask of what a no leaves standing), and its leaves."""

    def __init__(self) -> None:
        self.nodes: list[tuple[int, Any, int]] = []
        self.leaves: list[float] = []


def _shapes(document: Mapping[str, Any]) -> list[Shape]:
    features, thresholds, rights = (document[name] for name in ("features", "thresholds", "rights"))
    ends = [*document["roots"][1:], len(features)]
    shapes = []
    for start, end in zip(document["roots"], ends, strict=True):
        shape = Shape()
        # leaves before each node of this tree: those on a node's left are a run, as nodes are in pre-order
        before = np.cumsum([0, *(not right for right in rights[start:end])]).tolist()
        for i in range(start, end):
            if not rights[i]:
                shape.leaves.append(thresholds[i])
                continue
            first, after = before[i - start], before[i - start + rights[i]]
            shape.nodes.append((features[i], thresholds[i], ~(((1 << after) - 1) & ~((1 << first) - 1))))
        shapes.append(shape)
    return shapes


def _by_threshold(nodes: list[tuple[int, Any, int]], trees: int) -> tuple[Matrix, Masks]:
    """Masks of nodes (tree, threshold, mask): at place p, of those whose threshold is below the value."""
    numbers = np.array([float(node[1]) for node in nodes])
    thresholds, places = np.unique(numbers, return_inverse=True)
    masks = np.full((len(thresholds) + 1, trees), ~np.uint64(0))
    for (tree, _, mask), place in zip(nodes, places.tolist(), strict=True):
        masks[place + 1, tree] &= _word(mask)
    return thresholds, np.bitwise_and.accumulate(masks, axis=0)


def _by_code(nodes: list[tuple[int, Any, int]], members: Any, codes: int, trees: int) -> Masks:
    """Masks of nodes (tree, members, mask) that say no, a row for each code from MISSING on."""
    masks = np.full((codes - MISSING, trees), ~np.uint64(0))
    for tree, at, mask in nodes:
        left = set(members[at])
        outside = [code - MISSING for code in range(MISSING, codes) if code not in left]
        masks[outside, tree] &= _word(mask)
    return masks


def _word(mask: int) -> np.uint64:
    return np.uint64(mask & 0xFFFF_FFFF_FFFF_FFFF)


def _codes(column: Matrix, values: Matrix) -> NDArray[np.intp]:
    """Position of each value among the sorted `values`, MISSING for NaN and what is not there."""
    if not values.size:
        return np.full(len(column), MISSING)
    places = np.minimum(np.searchsorted(values, column), values.size - 1)
    return np.where(values[places] == column, places, MISSING)
