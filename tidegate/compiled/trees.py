"""Trees as flat arrays, and their walk for one row.

Pure standard library. All trees of a model lie behind each other, each in pre-order, so a left child is the
next node and only the distance to the right one is kept: 0 for a leaf, whose threshold is its value. A node
asks one question, `x[feature] <= threshold`, false for NaN. Whatever else a tree asks is put in these terms
when it is compiled, by more columns behind the row's own:

    negated     columns whose negative comes next: `not x > t` is `-x <= t'`, which sends NaN the other way
    sets        a native categorical feature; its nodes' thresholds are positions in `members`, and a row goes
                left when the code of its category is among them. -1 is the code of missing and unknown.

`covers` has the training rows that came to each node; only tidegate.origins.contributions reads it, and older
documents lack it.

Models that are not too large are unrolled to code, which is walked three times as fast (see unrolled).

scikit-learn's float32 comparisons are kept too: a threshold is moved to the largest float64 that its cast
would send left.
"""

from collections.abc import Callable, Mapping
from typing import Any

from tidegate.compiled import unrolled
from tidegate.compiled.links import Scores

Node = tuple[int, Any, Any, Any]  # feature, threshold, left, right; of a leaf: 0, value, None, None
MISSING = -1
Widen = Callable[[list[float]], list[Any]]


def scores(document: Mapping[str, Any]) -> Callable[[list[float]], Scores]:
    """Raw scores of one row: `base` plus the leaves, tree j adding to output j modulo the outputs.

    With `leaves`, a leaf's value is a position in that table of vectors.
    """
    if (found := unrolled.scores(document)) is not None:
        return found
    base, divisor, table = document["base"], document["divisor"], document["leaves"]
    roots = _nested(document)
    widen = _widener(document)
    if table is not None:
        return _of_vectors(roots, widen, base, divisor, table)
    if len(base) == 1:
        return _of_one(roots, widen, base[0], divisor)
    return _of_turns(roots, widen, base)


def _of_one(roots: list[Node], widen: Widen, base: float, divisor: int) -> Callable[[list[float]], Scores]:
    def walk(row: list[float]) -> Scores:
        x = widen(row)
        total = base
        for feature, threshold, left, right in roots:
            while left:
                feature, threshold, left, right = left if x[feature] <= threshold else right  # noqa: PLW2901
            total += threshold
        return [total / divisor]

    return walk


def _of_turns(roots: list[Node], widen: Widen, base: Scores) -> Callable[[list[float]], Scores]:
    count = len(base)

    def walk(row: list[float]) -> Scores:
        x = widen(row)
        totals = base.copy()
        for position, (feature, threshold, left, right) in enumerate(roots):
            while left:
                feature, threshold, left, right = left if x[feature] <= threshold else right  # noqa: PLW2901
            totals[position % count] += threshold
        return totals

    return walk


def _of_vectors(
    roots: list[Node], widen: Widen, base: Scores, divisor: int, table: list[Scores]
) -> Callable[[list[float]], Scores]:
    def walk(row: list[float]) -> Scores:
        x = widen(row)
        totals = base
        for feature, threshold, left, right in roots:
            while left:
                feature, threshold, left, right = left if x[feature] <= threshold else right  # noqa: PLW2901
            totals = [total + value for total, value in zip(totals, table[threshold], strict=True)]
        return [total / divisor for total in totals]

    return walk


def _widener(document: Mapping[str, Any]) -> Widen:
    """The row with its further columns behind it."""
    negated = document["negated"]
    missing = frozenset((MISSING,))
    sets = [
        (one["column"], {value: frozenset((code,)) for code, value in enumerate(one["values"])})
        for one in document["sets"]
    ]
    if not sets:
        return lambda row: [*row, *(-row[i] for i in negated)]

    def widen(row: list[float]) -> list[Any]:
        codes = [codes.get(row[column], missing) for column, codes in sets]
        return [*row, *(-row[i] for i in negated), *codes]

    return widen


def _nested(document: Mapping[str, Any]) -> list[Node]:
    """Roots of trees whose nodes hold their children: nothing is looked up while walking."""
    features, thresholds, rights = (document[name] for name in ("features", "thresholds", "rights"))
    first_set = document["width"] + len(document["negated"])
    members = [frozenset(one) for one in document["members"]]
    nodes: list[Any] = [None] * len(features)
    for i in range(len(features) - 1, -1, -1):
        right, threshold = rights[i], thresholds[i]
        if not right:
            nodes[i] = (0, threshold, None, None)
        elif features[i] >= first_set:
            # a set of one code is a subset of the members exactly when the code is one of them
            nodes[i] = (features[i], members[threshold], nodes[i + 1], nodes[i + right])
        else:
            limit = float(threshold)  # "inf" is written as text: JSON has no such number
            nodes[i] = (features[i], limit, nodes[i + 1], nodes[i + right])
    return [nodes[i] for i in document["roots"]]
