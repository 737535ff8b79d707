"""What is stored is loaded again by the fixed list of types, with the same answers and the same bytes."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

from tidegate.training import skops_file

DRAW = np.random.default_rng(5)
ROWS = np.column_stack([DRAW.integers(0, 4, 120), DRAW.normal(size=120)])
LABELS = (ROWS[:, 1] + 0.3 * DRAW.normal(size=120) > 0).astype(np.int8)


def columns(encoder):
    return ColumnTransformer(
        [("a", encoder, [0]), ("b", make_pipeline(SimpleImputer(), StandardScaler()), [1])]
    )


ESTIMATORS = {
    "hist": HistGradientBoostingClassifier(max_iter=3, categorical_features=[0], random_state=0),
    "forest": RandomForestClassifier(3, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=3, random_state=0),
    "one-hot": make_pipeline(columns(OneHotEncoder()), LogisticRegression()),
    "ordinal": make_pipeline(columns(OrdinalEncoder()), SelectKBest(k=1), LogisticRegression()),
    "sigmoid": CalibratedClassifierCV(GaussianNB(), cv=2),
    "isotonic": CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic"),
    "voting": VotingClassifier([("a", GaussianNB()), ("b", LogisticRegression())], voting="soft"),
    "network": MLPClassifier((3,), max_iter=3, random_state=0),
}


def check(estimator, folder):
    model = estimator.fit(ROWS, LABELS)
    path = folder / "model.skops"
    path.write_bytes(skops_file.dump(model))
    again = skops_file.load(path)
    np.testing.assert_array_equal(again.predict_proba(ROWS), model.predict_proba(ROWS))
    assert skops_file.dump(model) == path.read_bytes()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_of_scikit_learn_comes_back(name, tmp_path):
    check(ESTIMATORS[name], tmp_path)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lightgbm.LGBMClassifier", "xgboost.XGBClassifier"])
def test_an_estimator_of_an_extra_comes_back(name, tmp_path):
    package, _, kind = name.partition(".")
    extra = pytest.importorskip(package)
    quiet = {"verbose": -1} if package == "lightgbm" else {}
    check(getattr(extra, kind)(n_estimators=3, n_jobs=1, **quiet), tmp_path)
