"""Trees, forests and boosting of scikit-learn as the flat arrays of `tidegate.compiled.trees`.

Reads fitted attributes, some of them private: the parity gate is what makes that safe.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf, nextafter
from typing import Any

import numpy as np

from tidegate.compiled.of_linear import FLOAT64_MAX, check
from tidegate.compiled.trees import MISSING
from tidegate.errors import NotCompilableError

FLOAT32_MAX = float(np.finfo(np.float32).max)
ALL_CODES = frozenset(range(256))
MAX_NODES = 2_000_000  # some 50 MB of JSON, read in 0.9 s; more, and scikit-learn would start sooner


@dataclass
class Forest:
    """Trees being laid down behind each other; `width` is that of a row."""

    width: int
    sets: list[dict[str, Any]] = field(default_factory=list)
    negated: list[int] = field(default_factory=list)
    members: list[list[int]] = field(default_factory=list)
    features: list[int] = field(default_factory=list)
    thresholds: list[float | int | str] = field(default_factory=list)
    rights: list[int] = field(default_factory=list)
    covers: list[float] = field(default_factory=list)
    roots: list[int] = field(default_factory=list)

    def add(self, nodes: "Sequence[Leaf | Split]") -> None:
        """One tree, its root first; children are positions in `nodes`.

        Raises:
            NotCompilableError: with it there are more than MAX_NODES.
        """
        if len(self.features) + len(nodes) > MAX_NODES:
            raise NotCompilableError(
                "the trees have too many nodes to be compiled", cause=f"more than {MAX_NODES:,}"
            )
        self.roots.append(len(self.features))
        waiting: list[tuple[int, int]] = [(0, -1)]  # a node and whose right child it is
        while waiting:
            at, parent = waiting.pop()
            here = len(self.features)
            if parent >= 0:
                self.rights[parent] = here - parent
            node = nodes[at]
            if isinstance(node, Split) and node.threshold == inf and node.missing_left:
                waiting.append((node.left, parent))  # every row goes left
                continue
            feature, threshold, left, right = self._question(node)
            self.features.append(feature)
            self.thresholds.append(threshold)
            self.rights.append(0)
            self.covers.append(node.cover)
            if left is not None:
                waiting += [(right, here), (left, -1)]

    def _question(self, node: "Leaf | Split") -> tuple[int, Any, Any, Any]:
        if isinstance(node, Leaf):
            return 0, node.value, None, None
        if node.codes is not None:
            codes = sorted(node.codes | {MISSING}) if node.missing_left else sorted(node.codes)
            self.members.append(codes)
            return -1 - node.feature, len(self.members) - 1, node.left, node.right
        if not node.missing_left:
            return node.feature, _plain(node.threshold), node.left, node.right
        if node.feature not in self.negated:
            self.negated.append(node.feature)
        column = self.width + self.negated.index(node.feature)
        return column, _plain(nextafter(-node.threshold, -inf)), node.right, node.left

    def document(
        self,
        *,
        base: list[float],
        link: str,
        divisor: int = 1,
        leaves: list[list[float]] | None = None,
        limit: float | None = None,
        takes_nan: bool = True,
    ) -> dict[str, Any]:
        """`limit` is the largest value that the model takes, None for infinity."""
        behind = self.width + len(self.negated)  # sets come last; they were numbered -1, -2, ...
        return {
            "kind": "trees",
            "steps": [] if limit is None else [check(nan=takes_nan, limit=limit)],
            "width": self.width,
            "negated": self.negated,
            "sets": self.sets,
            "members": self.members,
            "roots": self.roots,
            "features": [f if f >= 0 else behind - 1 - f for f in self.features],
            "thresholds": self.thresholds,
            "rights": self.rights,
            "covers": self.covers,
            "base": base,
            "divisor": divisor,
            "leaves": leaves,
            "link": link,
        }


@dataclass(frozen=True)
class Leaf:
    value: float | int
    cover: float


@dataclass(frozen=True)
class Split:
    """Left when x <= threshold, or when its code is among `codes`; NaN where `missing_left` says.

    `feature` is a column, or for `codes` the number of a categorical feature.
    """

    feature: int
    threshold: float
    left: int
    right: int
    missing_left: bool
    cover: float  # training rows that came here, as the library weighs them
    codes: frozenset[int] | None = None


def hist_boosting(model: Any, link: str) -> dict[str, Any]:
    """HistGradientBoosting: takes NaN, categories it has not seen as NaN, and infinite numbers."""
    forest = Forest(width=int(model.n_features_in_))
    order, known = _categorical(model, forest)
    for round_ in model._predictors:
        for predictor in round_:
            forest.add([_hist_node(n, predictor, order, known) for n in predictor.nodes])
    found = forest.document(base=model._baseline_prediction.ravel().tolist(), link=link)
    if forest.sets:
        columns = [one["column"] for one in forest.sets]
        found["steps"] = [check(nan=True, limit=FLOAT64_MAX, columns=columns)]
    return found


def _categorical(model: Any, forest: Forest) -> tuple[list[int], list[set[int]]]:
    """Original positions of the columns as trees see them, and the known codes of each categorical one."""
    if model.is_categorical_ is None:
        return list(range(forest.width)), []
    at = [int(i) for i in np.flatnonzero(model.is_categorical_)]
    encoder = model._preprocessor.named_transformers_["encoder"]
    for column, values in zip(at, encoder.categories_, strict=True):
        forest.sets.append({"column": column, "values": [float(v) for v in values if not np.isnan(v)]})
    bits, _ = model._bin_mapper.make_known_categories_bitsets()
    return at + [i for i in range(forest.width) if i not in at], [_codes(words) for words in bits]


def _codes(words: Any) -> set[int]:
    """Set bits of eight 32-bit words."""
    return {
        32 * position + bit
        for position, word in enumerate(words)
        for bit in range(32)
        if int(word) >> bit & 1
    }


def _hist_node(node: Any, predictor: Any, order: list[int], known: list[set[int]]) -> Leaf | Split:
    cover = int(node["count"])
    if node["is_leaf"]:
        return Leaf(float(node["value"]), cover)
    feature, left, right = int(node["feature_idx"]), int(node["left"]), int(node["right"])
    missing_left = bool(node["missing_go_to_left"])
    if node["is_categorical"]:
        # categorical columns come first in what trees see, so theirs is the number of the set
        codes = _codes(predictor.raw_left_cat_bitsets[node["bitset_idx"]])
        unknown = ALL_CODES - known[feature] if missing_left else frozenset()
        return Split(feature, 0.0, left, right, missing_left, cover, frozenset(codes | unknown))
    return Split(order[feature], float(node["num_threshold"]), left, right, missing_left, cover)


def tree(model: Any, link: str, value: str) -> dict[str, Any]:
    """DecisionTree and ExtraTree."""
    return _forest(model, [model], 1, link, value)


def forest(model: Any, link: str, value: str) -> dict[str, Any]:
    """RandomForest and ExtraTrees: the mean of their trees."""
    return _forest(model, model.estimators_, len(model.estimators_), link, value)


def _forest(model: Any, trees: Sequence[Any], divisor: int, link: str, value: str) -> dict[str, Any]:
    if model.n_outputs_ != 1:
        raise NotCompilableError(f"a {type(model).__name__} of {model.n_outputs_} outputs is not compiled")
    out = Forest(width=int(model.n_features_in_))
    leaves: dict[tuple[float, ...], int] = {}
    for each in trees:
        values = each.tree_.value[:, 0, :]
        if value == "vector":
            leaf_values: list[Any] = [leaves.setdefault(tuple(v), len(leaves)) for v in values.tolist()]
        else:
            leaf_values = values[:, 1 if value == "second" else 0].tolist()
        out.add(_nodes(each.tree_, leaf_values))
    count = trees[0].tree_.value.shape[2]
    return out.document(
        base=[0.0] * (count if value == "vector" else 1),
        divisor=divisor,
        link=link,
        leaves=[list(v) for v in leaves] if value == "vector" else None,
        limit=FLOAT32_MAX_TAKEN,
        takes_nan=bool(trees[0]._support_missing_values(np.zeros((1, 1)))),
    )


def boosting(model: Any, link: str) -> dict[str, Any]:
    """GradientBoosting: what it starts from must be the same for every row."""
    start = model.init_
    if start != "zero" and not type(start).__name__.startswith("Dummy"):
        raise NotCompilableError(
            f"a {type(model).__name__} with its own `init` is not compiled", cause=type(start).__name__
        )
    base = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))[0]
    out = Forest(width=int(model.n_features_in_))
    for round_ in model.estimators_:
        for each in round_:
            values = (model.learning_rate * each.tree_.value[:, 0, 0]).tolist()
            out.add(_nodes(each.tree_, values))
    return out.document(base=[float(b) for b in base], link=link, limit=FLOAT32_MAX_TAKEN, takes_nan=False)


def _nodes(tree_: Any, leaf_values: Sequence[float | int]) -> list[Leaf | Split]:
    nodes = tree_.__getstate__()["nodes"]
    columns = [
        nodes[name].tolist()
        for name in (
            *("left_child", "right_child", "feature", "threshold", "missing_go_to_left"),
            "weighted_n_node_samples",
        )
    ]
    return [
        Leaf(value, cover)
        if left < 0
        else Split(feature, cast_threshold(threshold), left, right, bool(missing_left), cover)
        for value, left, right, feature, threshold, missing_left, cover in zip(
            leaf_values, *columns, strict=True
        )
    ]


def cast_threshold(threshold: float) -> float:
    """The largest float64 whose rounding to float32 is at most `threshold`.

    It lies half-way to the next float32, and is that half-way itself when the tie goes down, to an even
    mantissa.
    """
    below = np.float32(threshold)
    if float(below) > threshold:
        below = np.nextafter(below, np.float32(-np.inf))
    above = np.nextafter(below, np.float32(np.inf))
    if not np.isfinite(above):
        return inf
    middle = (float(below) + float(above)) / 2
    return middle if int(below.view(np.uint32)) % 2 == 0 else nextafter(middle, -inf)


FLOAT32_MAX_TAKEN = nextafter(FLOAT32_MAX + 2.0**103, 0.0)  # beyond, the cast to float32 gives infinity


def _plain(threshold: float) -> float | str:
    """JSON has no infinity."""
    return threshold if abs(threshold) < inf else str(threshold)
