"""Stored numbers against counts that scikit-learn's own attributes give."""

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tidegate.training.complexity import stored_numbers

DRAW = np.random.default_rng(5)
MATRIX = DRAW.normal(size=(400, 4))
LABELS = (MATRIX[:, 0] + DRAW.normal(size=400) > 0).astype(int)


class Holder:
    def __init__(self, **parts):
        self.__dict__.update(parts)


@pytest.mark.parametrize(
    ("parts", "numbers"),
    [
        pytest.param({"a": np.zeros((3, 4))}, 12, id="an array"),
        pytest.param({"a": np.zeros(5, [("x", float), ("y", int)])}, 10, id="records of two fields"),
        pytest.param({"a": 1.5, "b": 2, "c": None}, 2, id="scalars"),
        pytest.param({"a": [np.zeros(2), {"k": np.zeros(3)}]}, 5, id="nested"),
        pytest.param({"a": "x" * 80, "b": bytearray(16)}, 12, id="a model kept as text or bytes"),
        pytest.param({"a": np.random.RandomState(0), "b": np.random.default_rng(0)}, 0, id="generators"),
        pytest.param({"a": np.array([np.zeros(3), None], dtype=object)}, 2 + 3, id="an array of objects"),
        pytest.param({"f": len, "g": stored_numbers, "t": int}, 0, id="code"),
    ],
)
def test_numbers_are_counted_by_hand(parts, numbers):
    assert stored_numbers(Holder(**parts)) == numbers


def test_an_object_that_is_referred_to_twice_counts_once():
    shared = np.zeros(7)
    loop = Holder(a=shared, b=[shared])
    loop.itself = loop
    assert stored_numbers(loop) == 7


def test_each_tree_more_adds_its_nodes_and_nothing_else_grows():
    few, many = (
        HistGradientBoostingClassifier(max_iter=n, random_state=0, early_stopping=False).fit(MATRIX, LABELS)
        for n in (5, 9)
    )
    nodes = [sum(len(p.nodes) for row in model._predictors for p in row) for model in (few, many)]
    fields = len(few._predictors[0][0].nodes.dtype.names)
    grown = stored_numbers(many) - stored_numbers(few)
    # beside its nodes a tree has some bitsets, of which there are none here, and a number or two of its own
    assert 0 <= grown - fields * (nodes[1] - nodes[0]) <= 4 * 10


def test_a_forest_of_deeper_trees_is_larger_and_the_same_fit_the_same():
    forests = [
        RandomForestClassifier(10, max_depth=depth, random_state=0).fit(MATRIX, LABELS) for depth in (2, 6, 6)
    ]
    shallow, deep, again = map(stored_numbers, forests)
    assert shallow < deep == again


def test_a_linear_model_stores_little_also_inside_a_pipeline():
    bare = LogisticRegression().fit(MATRIX, LABELS)
    whole = make_pipeline(StandardScaler(), LogisticRegression()).fit(MATRIX, LABELS)
    assert stored_numbers(bare) < stored_numbers(whole) < 60


@pytest.mark.parametrize("path", ["lightgbm.LGBMRegressor", "xgboost.XGBRegressor"])
def test_a_model_that_its_library_keeps_outside_python_counts_too(path):
    package, _, name = path.partition(".")
    kind = getattr(pytest.importorskip(package), name)
    few, many, again = (
        stored_numbers(kind(n_estimators=n, n_jobs=1, random_state=0).fit(MATRIX, LABELS))
        for n in (2, 12, 12)
    )
    assert many == again > 2 * few
