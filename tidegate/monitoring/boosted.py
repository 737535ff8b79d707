"""A few small boosted trees on binned columns: enough to tell two samples apart, in numpy alone.

Pure. The monitoring job runs every few minutes and needs no other library for a compiled model; importing
scikit-learn would cost it more than all it computes here.

Source:
    Friedman, "Greedy function approximation" (2001), with the second-order gains of Chen and Guestrin,
    "XGBoost" (2016).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ROUNDS = 30
DEPTH = 3
SHRINKAGE = 0.1
LIGHTEST = 10.0  # sum of p (1 - p) of a leaf: forty rows or more
RIDGE = 1.0

Codes = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Tree:
    """A complete tree: node i of a level asks if column `columns[level][i]` is above `limits[level][i]`."""

    columns: list[Codes]
    limits: list[Codes]
    leaves: Floats
    gains: Floats  # by column

    def __call__(self, codes: Codes) -> Floats:
        node = np.zeros(len(codes), dtype=np.intp)
        rows = np.arange(len(codes))
        for columns, limits in zip(self.columns, self.limits, strict=True):
            node = 2 * node + (codes[rows, columns[node]] > limits[node])
        return np.asarray(self.leaves[node])


@dataclass(frozen=True)
class Boosted:
    trees: list[Tree]
    base: float

    def scores(self, codes: Codes) -> Floats:
        """Log odds of label 1, shape (n,)."""
        return np.asarray(self.base + np.sum([tree(codes) for tree in self.trees], axis=0))

    def shares(self) -> Floats:
        """What each column gained of all the trees' gain; zeros where nothing was."""
        gains = np.sum([tree.gains for tree in self.trees], axis=0)
        total = gains.sum()
        return np.asarray(gains / total if total else gains)


def fit(codes: Codes, labels: NDArray[np.int8], bins: int) -> Boosted:
    """Learn P(label = 1).

    Args:
        codes: shape (n, d), the bin of each value, in [0, bins).
        labels: shape (n,), 0 and 1, both there.
    """
    share = float(labels.mean())
    base = float(np.log(share / (1 - share)))
    scores = np.full(len(codes), base)
    trees = []
    for _ in range(ROUNDS):
        p = 1 / (1 + np.exp(-scores))
        tree = _tree(codes, p - labels, p * (1 - p), bins)
        scores += tree(codes)
        trees.append(tree)
    return Boosted(trees, base)


def _tree(codes: Codes, gradients: Floats, curvatures: Floats, bins: int) -> Tree:
    rows, width = codes.shape
    node = np.zeros(rows, dtype=np.intp)
    place = codes + np.arange(width) * bins
    by_row = np.repeat(np.column_stack([gradients, curvatures]), width, axis=0)
    columns, limits, gains = [], [], np.zeros(width)
    for level in range(DEPTH):
        nodes = 1 << level
        at = (node[:, None] * (width * bins) + place).ravel()
        shape = (nodes, width, bins)
        slopes, bends = (
            np.asarray(np.bincount(at, weights=by_row[:, i], minlength=math.prod(shape)), float).reshape(
                shape
            )
            for i in range(2)
        )
        column, limit, gain = _splits(slopes, bends)
        np.add.at(gains, column, gain)
        columns.append(column)
        limits.append(limit)
        node = 2 * node + (codes[np.arange(rows), column[node]] > limit[node])
    leaves = 1 << DEPTH
    slope = np.bincount(node, weights=gradients, minlength=leaves)
    bend = np.bincount(node, weights=curvatures, minlength=leaves)
    return Tree(columns, limits, -SHRINKAGE * slope / (bend + RIDGE), gains)


def _splits(slope: Floats, bend: Floats) -> tuple[Codes, Codes, Floats]:
    """The best column and last code on the left of each node; all codes where no split gains anything."""
    nodes, _, bins = slope.shape
    left, below = slope.cumsum(axis=2), bend.cumsum(axis=2)
    whole, weight = left[:, :, -1:], below[:, :, -1:]
    gain = left**2 / (below + RIDGE) + (whole - left) ** 2 / (weight - below + RIDGE)
    gain -= whole**2 / (weight + RIDGE)
    gain[(below < LIGHTEST) | (weight - below < LIGHTEST)] = 0
    best = gain.reshape(nodes, -1).argmax(axis=1)
    found = gain.reshape(nodes, -1)[np.arange(nodes), best]
    return best // bins, np.where(found > 0, best % bins, bins), found
