import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from tidegate.errors import ConfigError
from tidegate.settings.config import TrainingSection
from tidegate.settings.tuning_section import HyperbandSection, ParameterRange, TuningSection
from tidegate.training.estimators import build, typed
from tidegate.training.tuning import draw

BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
SPACE = {
    "learning_rate": ParameterRange(type="float", minimum=0.01, maximum=1),
    "max_leaf_nodes": ParameterRange(type="int", minimum=2, maximum=64),
    "scoring": ParameterRange(type="choice", choices=("loss", "accuracy")),
}


def training(estimator=BOOSTING, *, space=SPACE, task="binary", **parameters):
    return TrainingSection(
        task=task, estimator=estimator, seed=7, parameters=parameters, tuning=TuningSection(space=space)
    )


def test_tuned_values_get_the_type_of_their_dimension_and_other_names_are_the_jobs():
    given = {
        "learning_rate": "0.25",
        "max_leaf_nodes": "31",
        "scoring": "loss",
        "purpose": "final",
        "run": "r",
    }
    assert typed(training(), given) == {"learning_rate": 0.25, "max_leaf_nodes": 31, "scoring": "loss"}
    assert type(typed(training(), given)["max_leaf_nodes"]) is int


def test_the_parameter_that_hyperband_grew_is_a_whole_number():
    band = HyperbandSection(resource="max_iter", minimum=1, maximum=9)
    section = TrainingSection(
        task="binary", estimator=BOOSTING, tuning=TuningSection(strategy="Hyperband", hyperband=band)
    )
    assert typed(section, {"max_iter": "4", "run": "r"}) == {"max_iter": 4}
    assert build(section, {"max_iter": "4"}, []).max_iter == 4


def test_a_parameter_that_cannot_grow_because_there_is_none_is_refused_with_its_name():
    band = HyperbandSection(resource="epochs", minimum=1, maximum=9)
    section = TrainingSection(
        task="binary", estimator=BOOSTING, tuning=TuningSection(strategy="Hyperband", hyperband=band)
    )
    [point] = draw(section, 1)
    with pytest.raises(ConfigError, match="has no parameter epochs"):
        build(section, point, [])


def test_fixed_and_tuned_parameters_seed_and_categories_reach_the_estimator():
    made = build(training(max_iter=5), {"learning_rate": "0.25"}, [0, 2])
    assert type(made) is HistGradientBoostingClassifier
    assert (made.max_iter, made.learning_rate, made.random_state) == (5, 0.25, 7)
    assert made.categorical_features == [0, 2]


def test_the_users_own_seed_wins():
    assert build(training(random_state=99), {}, []).random_state == 99


def rows(seed=0, count=300):
    """Three columns: codes of categories, one of them missing; numbers with holes; nothing at all."""
    draw = np.random.default_rng(seed)
    matrix = np.column_stack([draw.integers(0, 3, count), draw.normal(size=count), np.full(count, np.nan)])
    matrix[::7, 0] = np.nan
    matrix[::5, 1] = np.nan
    return matrix, (np.nan_to_num(matrix[:, 1]) + draw.normal(size=count) > 0).astype(np.int8)


def test_an_estimator_that_takes_no_missing_values_is_given_none():
    matrix, labels = rows()
    made = build(training("sklearn.linear_model.LogisticRegression", space={}), {}, [0]).fit(matrix, labels)
    seen = made[:-1].transform(matrix)
    assert np.isfinite(seen).all()
    assert seen.shape[1] == 4 + 2  # three categories and none, two numbers
    assert set(np.unique(seen[:, :4])) == {0.0, 1.0}
    np.testing.assert_allclose(seen[:, 4].std(), 1)
    # scikit-learn's own, of the same columns made by hand
    number = np.where(np.isnan(matrix[:, 1]), np.nanmedian(matrix[:, 1]), matrix[:, 1])
    one_hot = (np.nan_to_num(matrix[:, [0]], nan=-1) == [-1, 0, 1, 2]).astype(float)
    by_hand = np.column_stack([one_hot, (number - number.mean()) / number.std(), np.zeros(300)])
    oracle = LogisticRegression(random_state=7).fit(by_hand, labels)
    np.testing.assert_allclose(made.predict_proba(matrix), oracle.predict_proba(by_hand), rtol=1e-9)


def test_a_category_never_seen_before_is_none_of_them():
    matrix, labels = rows()
    made = build(training("sklearn.linear_model.LogisticRegression", space={}), {}, [0]).fit(matrix, labels)
    assert made[:-1].transform([[17.0, 0.0, 0.0]])[0, :4].tolist() == [0, 0, 0, 0]


def test_an_estimator_that_takes_missing_values_sees_them():
    made = build(training("sklearn.ensemble.RandomForestClassifier", space={}), {}, [0])
    assert type(made) is RandomForestClassifier


@pytest.mark.parametrize("name", ["lightgbm.LGBM{}", "xgboost.XGB{}"])
@pytest.mark.parametrize(("task", "kind"), [("binary", "Classifier"), ("regression", "Regressor")])
def test_the_extras_are_made_with_parameters_of_the_classes_they_inherit_from(name, task, kind):
    section = training(name.format(kind), space={}, n_estimators=3, max_depth=2, task=task)
    made = build(section, {}, [])
    assert (made.get_params()["n_estimators"], made.get_params()["random_state"]) == (3, 7)
    matrix, labels = rows()
    assert len(made.fit(matrix, labels).predict(matrix)) == 300


def test_the_same_seed_gives_the_same_model():
    draw = np.random.default_rng(0)
    matrix, labels = draw.normal(size=(300, 3)), draw.integers(0, 2, 300)
    one, other = (build(training(max_iter=5), {}, []).fit(matrix, labels) for _ in range(2))
    np.testing.assert_array_equal(one.predict_proba(matrix), other.predict_proba(matrix))


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        (training("no_such_package.Model"), "`training.estimator` no_such_package.Model cannot be imported"),
        (training("sklearn.ensemble.NoSuchModel"), "cannot be imported"),
        (training("Model"), "cannot be imported"),
        (training("sklearn.linear_model.LinearRegression"), "predicts no probabilities"),
        (training(trees=3, depth=2), "has no parameter depth, trees"),
        (training("xgboost.XGBClassifier", trees=3), "has no parameter trees"),
        (training(task="regression"), "is no regressor"),
        (training("sklearn.preprocessing.StandardScaler", task="regression"), "is no regressor"),
        (training("sklearn.ensemble.StackingClassifier"), "cannot be made"),
    ],
)
def test_what_cannot_be_built_is_refused_with_its_name(section, sentence):
    with pytest.raises(ConfigError) as refused:
        build(section, {}, [])
    assert sentence in refused.value.what
