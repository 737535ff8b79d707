"""Contributions: with the base they sum to the model's own score, and each is what the row's walk says."""

import itertools

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tidegate.compiled import model as compiled_model
from tidegate.compiled.compiler import compile_model
from tidegate.compiled.scorer import Scorer
from tidegate.origins import contributions
from tidegate.training.encoding import Encoding

NAMES = ("x", "y", "kind", "z")
ENCODING = Encoding(NAMES, {"kind": ("a", "b", "c")})
RNG = np.random.default_rng(7)
ROWS = np.column_stack(
    [RNG.normal(size=400), RNG.normal(size=400), RNG.integers(0, 3, 400), RNG.exponential(size=400)]
)
BINARY = (ROWS[:, 0] + (ROWS[:, 2] == 1) + 0.3 * RNG.normal(size=400) > 0.3).astype(int)
THREE = np.digitize(ROWS[:, 0] + ROWS[:, 3], [0.3, 1.5])
VALUES = 2 * ROWS[:, 0] - ROWS[:, 3] + (ROWS[:, 2] == 2)
LABELS = {"binary": BINARY, "multiclass": THREE, "regression": VALUES}


def mixed(last):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    parts = ColumnTransformer([("n", numbers, [0, 1, 3]), ("c", OneHotEncoder(handle_unknown="ignore"), [2])])
    return make_pipeline(parts, last)


MODELS = {
    "boosting with categories": (
        HistGradientBoostingClassifier(max_iter=8, categorical_features=[2], random_state=0),
        "binary",
    ),
    "boosting of three classes": (HistGradientBoostingClassifier(max_iter=6, random_state=0), "multiclass"),
    "boosted regression": (HistGradientBoostingRegressor(max_iter=8, random_state=0), "regression"),
    "older boosting": (GradientBoostingClassifier(n_estimators=6, random_state=0), "binary"),
    "forest": (RandomForestClassifier(n_estimators=7, random_state=0), "binary"),
    "forest of three classes": (RandomForestClassifier(n_estimators=5, random_state=0), "multiclass"),
    "forest of numbers": (RandomForestRegressor(n_estimators=5, random_state=0), "regression"),
    "line of numbers": (Ridge(), "regression"),
    "line": (mixed(LogisticRegression()), "binary"),
    "lines of three classes": (mixed(LogisticRegression()), "multiclass"),
}


def fitted(estimator, task):
    estimator.fit(ROWS, LABELS[task])
    classes = ("one", "two", "three") if task == "multiclass" else ()
    return compile_model(estimator, ENCODING, task=task, classes=classes)


def named(row):
    return {**dict(zip(NAMES, row.tolist(), strict=True)), "kind": "abc"[int(row[2])]}


@pytest.mark.parametrize("name", MODELS)
def test_base_and_contributions_sum_to_the_models_own_score(name):
    document = fitted(*MODELS[name])
    scorer, loaded = Scorer.load(document), compiled_model.load(document["model"])
    for row in ROWS[:25]:
        found = contributions.of_row(document, named(row))
        vector = scorer.vector(named(row))
        scores, answer = loaded.score(loaded.prepare(vector)), scorer.one(vector)
        wanted = scores[int(np.argmax(answer))] if isinstance(answer, list) else scores[0]
        assert found.margin == pytest.approx(wanted, abs=1e-9)
        assert found.base + sum(found.by_feature.values()) == pytest.approx(found.margin, abs=1e-12)
        assert list(found.by_feature) == list(NAMES)


@pytest.mark.parametrize("kind", [DecisionTreeRegressor, DecisionTreeClassifier])
def test_each_question_of_a_tree_moves_the_mean_of_its_training_rows(kind):
    task = "regression" if kind is DecisionTreeRegressor else "binary"
    estimator = kind(max_depth=5, random_state=0)
    document = fitted(estimator, task)
    tree = estimator.tree_
    means = tree.value[:, 0, -1]  # scikit-learn keeps them of every node
    for row in ROWS[:25]:
        path = estimator.decision_path(row.reshape(1, -1)).indices.tolist()
        wanted = dict.fromkeys(NAMES, 0.0)
        for at, after in itertools.pairwise(path):
            wanted[NAMES[tree.feature[at]]] += means[after] - means[at]
        found = contributions.of_row(document, named(row))
        assert found.base == pytest.approx(means[0])
        assert found.by_feature == pytest.approx(wanted)


def test_a_line_gives_coefficient_times_value_and_a_category_its_own():
    estimator = mixed(LogisticRegression())
    document = fitted(estimator, "binary")
    numbers = estimator[0].named_transformers_["n"].transform(ROWS[:1][:, [0, 1, 3]])[0]
    coefficients = estimator[-1].coef_[0]
    found = contributions.of_row(document, named(ROWS[0]))
    assert found.by_feature["z"] == pytest.approx(coefficients[2] * numbers[2])
    assert found.by_feature["kind"] == pytest.approx(coefficients[3 + int(ROWS[0, 2])])
    assert (found.base, found.scale) == (pytest.approx(estimator[-1].intercept_[0]), "log odds")


def test_calibrated_members_are_told_by_the_mean_of_their_scores():
    estimator = CalibratedClassifierCV(GradientBoostingClassifier(n_estimators=5, random_state=0), cv=3)
    document = fitted(estimator, "binary")
    found = contributions.of_row(document, named(ROWS[3]))
    scores = [c.estimator.decision_function(ROWS[3:4])[0] for c in estimator.calibrated_classifiers_]
    assert found.margin == pytest.approx(np.mean(scores))
    assert "before their calibration" in found.scale


def test_of_two_named_classes_the_one_that_is_answered_is_told():
    estimator = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(ROWS, BINARY)
    document = compile_model(estimator, ENCODING, task="multiclass", classes=("no", "yes"))
    for row in ROWS[:10]:
        found = contributions.of_row(document, named(row))
        score = estimator.decision_function(row.reshape(1, -1))[0]
        assert found.output == ("yes" if score > 0 else "no")
        assert found.margin == pytest.approx(abs(score))


def test_a_document_without_covers_is_not_explained():
    document = fitted(*MODELS["forest"])
    del document["model"]["covers"]
    with pytest.raises(contributions.NotExplainableError):
        contributions.of_row(document, named(ROWS[0]))
