"""Every family that compiles says what scikit-learn says, rows and edges alike; the rest is refused."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import LinearSVC, LinearSVR
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from tidegate.compiled import of_trees, parity
from tidegate.compiled.compiler import compile_model
from tidegate.compiled.matrix import MatrixScorer
from tidegate.errors import NotCompilableError
from tidegate.training.encoding import Encoding

CLASSES = ("a", "b", "c")
DRAW = np.random.default_rng(7)
WHOLE = np.column_stack(
    [
        DRAW.normal(size=160),
        DRAW.integers(0, 6, 160),
        DRAW.exponential(100, 160),
        DRAW.integers(0, 3, 160),
    ]
).astype(np.float64)
HOLES = np.where(DRAW.random(WHOLE.shape) < 0.1, np.nan, WHOLE)
SCORE = WHOLE[:, 0] + 0.4 * (WHOLE[:, 1] == 2) + 0.004 * WHOLE[:, 2] + 0.3 * DRAW.normal(size=160)
LABELS = {
    "binary": (SCORE > 0.5).astype(np.int8),
    "multiclass": np.digitize(SCORE, [0.0, 0.9]).astype(np.intp),
    "regression": np.abs(SCORE) * 1000 + 0.1,
}
BOTH = ("binary", "multiclass")
NUMBER = ("regression",)


def mixed(numbers, categories, rest="drop"):
    return ColumnTransformer(
        [("numbers", numbers, [0, 2]), ("categories", categories, [1, 3])], remainder=rest, sparse_threshold=0
    )


def imputed_one_hot():
    return mixed(
        make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
        make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")),
    )


def ordinal():
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    return mixed(RobustScaler(), encoder)


def rare():
    encoder = OneHotEncoder(drop="first", handle_unknown="infrequent_if_exist", min_frequency=30)
    return mixed(MinMaxScaler(clip=True), make_pipeline(SimpleImputer(), encoder))


HIST = {"max_iter": 6, "min_samples_leaf": 5, "random_state": 0}
FEW = {"n_estimators": 6, "random_state": 0}
FAMILIES = {
    "hist": (HistGradientBoostingClassifier(**HIST), HOLES, BOTH),
    "hist-categories": (HistGradientBoostingClassifier(**HIST, categorical_features=[1, 3]), HOLES, BOTH),
    "hist-whole": (HistGradientBoostingClassifier(**HIST, categorical_features=[3]), WHOLE, ("binary",)),
    "hist-number": (HistGradientBoostingRegressor(**HIST, categorical_features=[1]), HOLES, NUMBER),
    "hist-poisson": (HistGradientBoostingRegressor(**HIST, loss="poisson"), HOLES, NUMBER),
    "hist-gamma": (HistGradientBoostingRegressor(**HIST, loss="gamma"), HOLES, NUMBER),
    "hist-quantile": (HistGradientBoostingRegressor(**HIST, loss="quantile", quantile=0.3), HOLES, NUMBER),
    "tree": (DecisionTreeClassifier(random_state=0), HOLES, BOTH),
    "tree-number": (DecisionTreeRegressor(random_state=0), WHOLE, NUMBER),
    "extra-tree": (ExtraTreeClassifier(random_state=0), WHOLE, BOTH),
    "extra-tree-number": (ExtraTreeRegressor(random_state=0), HOLES, NUMBER),
    "forest": (RandomForestClassifier(**FEW), HOLES, BOTH),
    "forest-shallow": (RandomForestClassifier(**FEW, max_depth=4), WHOLE, BOTH),
    "forest-number": (RandomForestRegressor(**FEW), HOLES, NUMBER),
    "extra-forest": (ExtraTreesClassifier(**FEW), HOLES, BOTH),
    "extra-forest-number": (ExtraTreesRegressor(**FEW, max_depth=4), WHOLE, NUMBER),
    "boosting": (GradientBoostingClassifier(**FEW), WHOLE, BOTH),
    "boosting-exponential": (GradientBoostingClassifier(**FEW, loss="exponential"), WHOLE, ("binary",)),
    "boosting-zero": (GradientBoostingClassifier(**FEW, init="zero"), WHOLE, ("multiclass",)),
    "boosting-number": (GradientBoostingRegressor(**FEW, loss="huber"), WHOLE, NUMBER),
    "logistic": (make_pipeline(StandardScaler(), LogisticRegression()), WHOLE, BOTH),
    "logistic-liblinear": (LogisticRegression(solver="liblinear"), WHOLE, ("binary",)),
    "sgd": (make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)), WHOLE, BOTH),
    "sgd-huber": (
        make_pipeline(MaxAbsScaler(), SGDClassifier(loss="modified_huber", random_state=0)),
        WHOLE,
        BOTH,
    ),
    "sgd-number": (make_pipeline(StandardScaler(), SGDRegressor(random_state=0)), WHOLE, NUMBER),
    "line": (LinearRegression(), WHOLE, NUMBER),
    "ridge": (Ridge(), WHOLE, NUMBER),
    "lasso": (Lasso(), WHOLE, NUMBER),
    "elastic-net": (ElasticNet(), WHOLE, NUMBER),
    "svr": (LinearSVR(random_state=0), WHOLE, NUMBER),
    "poisson": (make_pipeline(StandardScaler(), PoissonRegressor()), WHOLE, NUMBER),
    "gamma": (make_pipeline(StandardScaler(), GammaRegressor()), WHOLE, NUMBER),
    "one-hot": (make_pipeline(imputed_one_hot(), LogisticRegression()), HOLES, BOTH),
    "ordinal": (make_pipeline(ordinal(), RandomForestClassifier(**FEW)), HOLES, ("binary",)),
    "rare": (make_pipeline(rare(), HistGradientBoostingRegressor(**HIST)), HOLES, NUMBER),
    "selected": (make_pipeline(SimpleImputer(), SelectKBest(k=2), Ridge()), HOLES, NUMBER),
    "calibrated": (CalibratedClassifierCV(HistGradientBoostingClassifier(**HIST), cv=2), HOLES, BOTH),
    "calibrated-isotonic": (
        CalibratedClassifierCV(RandomForestClassifier(**FEW), method="isotonic", cv=2),
        WHOLE,
        BOTH,
    ),
    "calibrated-svc": (
        CalibratedClassifierCV(make_pipeline(StandardScaler(), LinearSVC(random_state=0)), cv=2),
        WHOLE,
        BOTH,
    ),
}
SLOW = ("-quantile", "-gamma", "-zero", "-liblinear", "ridge", "lasso", "elastic-net", "poisson", "-svc")
CASES = [
    pytest.param(name, task, id=f"{name}-{task}", marks=[pytest.mark.slow] if name.endswith(SLOW) else [])
    for name, (_, _, tasks) in FAMILIES.items()
    for task in tasks
]


def predictor(model, task):
    if task == "regression":
        return model.predict
    return model.predict_proba if task == "multiclass" else lambda matrix: model.predict_proba(matrix)[:, 1]


def compiled(model, task, width=4):
    document = compile_model(
        model,
        Encoding(tuple("abcd"[:width]), {}),
        task=task,
        classes=CLASSES if task == "multiclass" else (),
    )
    return json.loads(json.dumps(document, allow_nan=False))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "task"), CASES)
def test_a_compiled_model_says_what_scikit_learn_says(name, task):
    estimator, rows, _ = FAMILIES[name]
    model = clone(estimator).fit(rows, LABELS[task])
    document = compiled(model, task)
    found = parity.check(document, predictor(model, task), rows, edges=600)
    assert found.holds, found
    assert found.edge_rows - found.refused > 200
    scorer = MatrixScorer.load(document)
    np.testing.assert_array_equal(scorer.many(rows), [scorer.one(row) for row in rows.tolist()])


ANY_DATA = {
    "seed": st.integers(0, 2**32 - 1),
    "rows": st.integers(20, 60),
    "kind": st.sampled_from(
        [
            HistGradientBoostingClassifier(max_iter=3, min_samples_leaf=2, categorical_features=[0]),
            DecisionTreeClassifier(),
            RandomForestClassifier(3),
            ExtraTreesClassifier(3, max_depth=3),
            GradientBoostingClassifier(n_estimators=3),
            make_pipeline(SimpleImputer(), LogisticRegression()),
        ]
    ),
    "scale": st.sampled_from([1e-300, 1e-40, 1e-3, 1.0, 1e6, 1e37]),
    "holes": st.booleans(),
    "classes": st.sampled_from([2, 3]),
}


def same_answers(*, seed, rows, kind, scale, holes, classes):
    draw = np.random.default_rng(seed)
    matrix = np.column_stack([draw.integers(0, 5, rows), *(draw.normal(size=(2, rows)) * scale)])
    if holes and not isinstance(kind, GradientBoostingClassifier):
        matrix[draw.random(matrix.shape) < 0.2] = np.nan
    labels = draw.permutation(np.arange(rows) % classes)
    model = clone(kind).fit(matrix, labels)
    task = "binary" if classes == 2 else "multiclass"
    found = parity.check(compiled(model, task, 3), predictor(model, task), matrix, edges=200, seed=seed)
    assert found.holds, found


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=12, deadline=None, database=None)
@given(**ANY_DATA)
def test_models_of_any_data_compile_to_the_same_answers(**drawn):
    same_answers(**drawn)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@settings(max_examples=600, deadline=None, database=None)
@given(**ANY_DATA)
def test_models_of_much_more_data_compile_to_the_same_answers(**drawn):
    same_answers(**drawn)


class Other(LogisticRegression):
    pass


@pytest.mark.parametrize(
    ("estimator", "says"),
    [
        (KNeighborsClassifier(), "KNeighborsClassifier"),
        (GaussianNB(), "GaussianNB"),
        (AdaBoostClassifier(n_estimators=2), "AdaBoostClassifier"),
        (Other(), "Other"),
        (SGDClassifier(loss="hinge"), "no probabilities"),
        (GradientBoostingClassifier(n_estimators=2, init=GaussianNB()), "its own `init`"),
        (make_pipeline(PolynomialFeatures(), LogisticRegression()), "PolynomialFeatures"),
        (make_pipeline(FunctionTransformer(np.abs), LogisticRegression()), "of a function"),
        (make_pipeline(SimpleImputer(missing_values=0), LogisticRegression()), "other than NaN"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.filterwarnings("ignore")
def test_what_does_not_compile_is_refused_by_name(estimator, says):
    model = estimator.fit(WHOLE, LABELS["binary"])
    with pytest.raises(NotCompilableError, match=says):
        compiled(model, "binary")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("settings", "task"),
    [
        ({}, "binary"),
        ({}, "multiclass"),
        ({"objective": "poisson"}, "regression"),
        ({"objective": "quantile", "boosting_type": "dart"}, "regression"),
    ],
)
@pytest.mark.parametrize(
    "rows", [WHOLE, HOLES, np.where(WHOLE == 2, 0, WHOLE - 2)], ids=["whole", "holes", "zero"]
)
def test_lightgbm_compiles_through_its_own_json(settings, task, rows):
    lightgbm = pytest.importorskip("lightgbm")
    kind = lightgbm.LGBMRegressor if task == "regression" else lightgbm.LGBMClassifier
    model = kind(n_estimators=5, min_child_samples=5, verbose=-1, n_jobs=1, **settings).fit(
        rows, LABELS[task]
    )
    found = parity.check(compiled(model, task), predictor(model, task), rows, edges=600)
    assert found.holds, found


@pytest.mark.parametrize(
    "settings",
    [{"objective": "cross_entropy"}, {"boosting_type": "rf", "subsample": 0.5, "subsample_freq": 1}],
)
def test_lightgbm_with_another_objective_or_output_is_refused(settings):
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMRegressor(n_estimators=2, verbose=-1, n_jobs=1, **settings)
    with pytest.raises(NotCompilableError, match="objective"):
        compiled(model.fit(WHOLE, LABELS["binary"]), "regression")


def test_xgboost_is_refused_for_its_sums_of_32_bits():
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=2, n_jobs=1).fit(WHOLE, LABELS["binary"])
    with pytest.raises(NotCompilableError, match="XGBClassifier"):
        compiled(model, "binary")


def test_trees_of_too_many_nodes_are_refused(monkeypatch):
    monkeypatch.setattr(of_trees, "MAX_NODES", 20)
    with pytest.raises(NotCompilableError, match="too many nodes"):
        compiled(DecisionTreeRegressor().fit(WHOLE, LABELS["regression"]), "regression")


def test_a_class_that_the_estimator_never_saw_has_probability_zero():
    seen = LABELS["multiclass"] != 1
    model = DecisionTreeClassifier(max_depth=2).fit(WHOLE[seen], LABELS["multiclass"][seen])
    scorer = MatrixScorer.load(compiled(model, "multiclass"))
    expected = model.predict_proba(WHOLE)
    np.testing.assert_allclose(scorer.many(WHOLE)[:, [0, 2]], expected, rtol=0, atol=1e-15)
    assert not scorer.many(WHOLE)[:, 1].any()


def test_labels_other_than_0_and_1_are_no_binary_task():
    model = LogisticRegression().fit(WHOLE, LABELS["binary"] + 1)
    with pytest.raises(NotCompilableError, match="other classes"):
        compiled(model, "binary")
