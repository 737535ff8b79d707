import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from tidegate.config import TrainingSection
from tidegate.errors import ConfigError
from tidegate.estimators import build, typed
from tidegate.tuning_section import HyperbandSection, ParameterRange, TuningSection

BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
SPACE = {
    "learning_rate": ParameterRange(type="float", minimum=0.01, maximum=1),
    "max_leaf_nodes": ParameterRange(type="int", minimum=2, maximum=64),
    "scoring": ParameterRange(type="choice", choices=("loss", "accuracy")),
}


def training(estimator=BOOSTING, *, space=SPACE, **parameters):
    return TrainingSection(
        task="binary", estimator=estimator, seed=7, parameters=parameters, tuning=TuningSection(space=space)
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


def test_fixed_and_tuned_parameters_seed_and_categories_reach_the_estimator():
    made = build(training(max_iter=5), {"learning_rate": "0.25"}, [0, 2])
    assert type(made) is HistGradientBoostingClassifier
    assert (made.max_iter, made.learning_rate, made.random_state) == (5, 0.25, 7)
    assert made.categorical_features == [0, 2]


def test_the_users_own_seed_wins():
    assert build(training(random_state=99), {}, []).random_state == 99


def test_an_estimator_that_knows_no_categories_gets_none():
    made = build(training("sklearn.linear_model.LogisticRegression", space={}), {}, [0])
    assert type(made) is LogisticRegression


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
    ],
)
def test_what_cannot_be_built_is_refused_with_its_name(section, sentence):
    with pytest.raises(ConfigError) as refused:
        build(section, {}, [])
    assert sentence in refused.value.what
