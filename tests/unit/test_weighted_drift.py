"""Drift by what columns are worth, and what columns are worth by the features made of them."""

from pathlib import Path

import pytest

from tidegate.feature_store.feature_file import compile_feature_set
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.monitoring.reference import importances
from tidegate.monitoring.weighted import weighted
from tidegate.statistics.drift import ColumnDrift

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "features.py"


@pytest.fixture(scope="module")
def features():
    return FeatureSetPlan.from_json(compile_feature_set(FLIGHTS, "flight_delay"))


def column(name, effect=0.0, status="stable"):
    return ColumnDrift(column=name, status=status, psi=effect + 0.01, effect=effect)


def test_each_columns_effect_counts_by_its_importance():
    columns = [column("a", 0.5, "alarm"), column("b", 0.1), column("c", 2.0, "alarm")]
    found = weighted(columns, {"a": 0.6, "b": 0.4})
    assert found.score == pytest.approx(0.6 * 0.5 + 0.4 * 0.1)  # nobody uses c
    assert found.drifted_share == pytest.approx(0.6)


def test_what_cannot_be_compared_leaves_its_weight_to_the_others():
    columns = [column("a", 0.5, "alarm"), column("b", status="not comparable"), column("c")]
    found = weighted(columns, {"a": 0.25, "b": 0.5, "c": 0.25})
    assert (found.score, found.drifted_share) == (pytest.approx(0.25), pytest.approx(0.5))
    assert found.importances == {"a": 0.5, "c": 0.5}


@pytest.mark.parametrize(
    "columns, worth",
    [([column("a", 0.5)], {}), ([column("a", status="insufficient")], {"a": 1.0}), ([], {"a": 1.0})],
    ids=["nothing measured", "too few rows", "no column"],
)
def test_without_a_weight_there_is_no_weighted_drift(columns, worth):
    found = weighted(columns, worth)
    assert (found.score, found.drifted_share) == (None, None)


def test_a_features_worth_is_told_on_to_the_columns_it_is_made_of(features):
    losses = {"hour": 0.1, "hour_sin": 0.2, "carrier": 0.1, "carrier_delay_rate_7d": 0.5, "precip": -0.3}
    found = importances(features, {**losses, "log_distance": 0.1})
    # an aggregate is worth the key it is looked up by; below zero is nothing
    assert {name: share for name, share in found.items() if share} == pytest.approx(
        {"hour": 0.3, "carrier": 0.6, "distance": 0.1}
    )
    assert set(found) == set(features.request)


@pytest.mark.parametrize("losses", [{}, {"hour": -0.1}])
def test_features_that_are_worth_nothing_give_no_weights(features, losses):
    assert importances(features, losses) == {}
