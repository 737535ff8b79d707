"""LightGBM's models through their own JSON: float64 throughout, so they compile to the same sums.

XGBoost's do not: it sums and exponentiates in float32, which Python has no way to repeat.
"""

from math import inf, nextafter
from typing import Any

from tidegate.compiled.of_trees import Forest, Leaf, Split
from tidegate.errors import NotCompilableError

ZERO = 1.0000000180025095e-35  # LightGBM's kZeroThreshold: nearer to 0 than this counts as 0
INFINITY = 1e300
LINKS = {
    "binary": "logistic",
    "multiclass": "softmax",
    "poisson": "exponential",
    "gamma": "exponential",
    "tweedie": "exponential",
    **dict.fromkeys(
        ("regression", "regression_l1", "huber", "fair", "quantile", "mape"),
        "identity",
    ),
}


def lightgbm(model: Any) -> dict[str, Any]:
    """LGBMClassifier and LGBMRegressor with the usual objectives and numeric splits."""
    document = model.booster_.dump_model()
    kind, *options = document["objective"].split()
    sigmoid = [option for option in options if option.startswith("sigmoid:")]
    odd = "sqrt" in options or sigmoid not in ([], ["sigmoid:1"]) or document["average_output"]
    if kind not in LINKS or odd:
        raise NotCompilableError(f"LightGBM with objective `{document['objective']}` is not compiled")
    forest = Forest(width=document["max_feature_idx"] + 1)
    for tree in document["tree_info"]:
        forest.add(_nodes(tree["tree_structure"]))
    return forest.document(base=[0.0] * document["num_tree_per_iteration"], link=LINKS[kind])


def _nodes(root: dict[str, Any]) -> list[Leaf | Split]:
    """The tree as a list, its root first."""
    waiting = [root]
    found: list[Leaf | Split] = []
    while len(found) < len(waiting):
        node = waiting[len(found)]
        if "split_feature" not in node:
            if "leaf_coeff" in node:
                raise NotCompilableError("LightGBM with linear trees is not compiled")
            found.append(Leaf(float(node["leaf_value"]), int(node.get("leaf_count", 1))))
            continue
        if node["decision_type"] != "<=" or node["missing_type"] == "Zero":
            raise NotCompilableError(
                "LightGBM with splits by category, or by zero as missing, is not compiled"
            )
        threshold = _threshold(float(node["threshold"]))
        # with no missing values in training, NaN is taken for 0
        missing_left = node["default_left"] if node["missing_type"] == "NaN" else threshold >= 0.0
        at, cover = len(waiting), int(node["internal_count"])
        found.append(Split(node["split_feature"], threshold, at, at + 1, missing_left, cover))
        waiting += [node["left_child"], node["right_child"]]
    return found


def _threshold(threshold: float) -> float:
    """The same question of a value that was not first rounded to 0; infinity is written as 1e300."""
    if threshold >= INFINITY:
        return inf
    if -ZERO <= threshold < 0.0:
        return nextafter(-ZERO, -inf)
    return ZERO if 0.0 <= threshold <= ZERO else threshold
