"""The parity gate: the smallest change to a compiled model is noticed, and a refusal must be shared."""

import copy
import json
import math

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from tidegate.compiled import parity
from tidegate.compiled.attempt import attempt
from tidegate.compiled.compiler import compile_model
from tidegate.compiled.edges import edge_rows
from tidegate.compiled.matrix import MatrixScorer
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task

DRAW = np.random.default_rng(3)
ROWS = np.column_stack([DRAW.integers(0, 4, 300), DRAW.normal(size=300)])
LABELS = (ROWS[:, 1] + (ROWS[:, 0] == 2) + DRAW.normal(size=300) > 0).astype(np.int8)
MODEL = HistGradientBoostingClassifier(max_iter=5, categorical_features=[0]).fit(ROWS, LABELS)
DOCUMENT = compile_model(MODEL, Encoding(("a", "b"), {}), task="binary")


def probability(matrix):
    return MODEL.predict_proba(matrix)[:, 1]


def changed(**members):
    document = copy.deepcopy(DOCUMENT)
    document["model"].update(members)
    return document


def test_a_faithful_copy_passes_and_is_recorded_in_numbers():
    found = parity.check(DOCUMENT, probability, ROWS)
    assert found.holds
    record = found.to_json()
    assert (record["rows"], record["edge_rows"], record["reason"]) == (300, 10_000, "")
    assert 0 <= record["largest"] <= 1e-12
    json.dumps(record, allow_nan=False)


def test_of_very_many_rows_some_are_compared_spread_evenly(monkeypatch):
    monkeypatch.setattr(parity, "MOST_ROWS", 100)
    found = parity.check(DOCUMENT, probability, ROWS, edges=50)
    assert (found.rows, found.holds) == (100, True)


def test_every_leaf_moved_a_little_is_noticed():
    model = DOCUMENT["model"]
    leaves = [i for i, right in enumerate(model["rights"]) if not right]
    for leaf in leaves[:: len(leaves) // 6]:
        thresholds = list(model["thresholds"])
        thresholds[leaf] += 1e-9
        found = parity.check(changed(thresholds=thresholds), probability, ROWS, edges=500)
        assert not found.holds
        assert 1e-12 < found.largest < 1e-8
        assert "differ by up to" in found.reason


def test_a_threshold_moved_by_one_unit_in_its_last_place_is_noticed():
    model = DOCUMENT["model"]
    numeric = [
        i
        for i, (right, feature) in enumerate(zip(model["rights"], model["features"], strict=True))
        if right and feature < 2 + len(model["negated"])
    ]
    for node in numeric[:3]:
        thresholds = list(model["thresholds"])
        thresholds[node] = math.nextafter(thresholds[node], math.inf)
        assert not parity.check(changed(thresholds=thresholds), probability, ROWS).holds


def test_a_category_on_the_wrong_side_is_noticed():
    members = [sorted({0, 1, 2, 3} - set(m)) for m in DOCUMENT["model"]["members"]]
    assert not parity.check(changed(members=members), probability, ROWS, edges=500).holds


def test_a_copy_that_refuses_what_the_model_takes_fails():
    steps = [{"kind": "check", "nan": True, "limit": 1e100, "columns": None}]
    found = parity.check(changed(steps=steps), probability, ROWS)
    assert not found.holds
    assert "scikit-learn answers" in found.reason
    assert found.to_json()["largest"] is None


def test_a_copy_that_takes_what_the_model_refuses_fails():
    line = LogisticRegression().fit(ROWS, LABELS)
    document = compile_model(line, Encoding(("a", "b"), {}), task="binary")
    document["model"]["steps"] = []
    found = parity.check(document, lambda matrix: line.predict_proba(matrix)[:, 1], ROWS)
    assert not found.holds
    assert "scikit-learn refuses" in found.reason


def test_a_model_that_answers_what_is_no_number_where_the_other_has_one_fails():
    def broken(matrix):
        return np.full(len(matrix), np.nan)

    found = parity.check(DOCUMENT, broken, ROWS, edges=100)
    assert not found.holds
    assert found.to_json()["largest"] is None


def test_large_numbers_are_compared_by_their_own_size():
    labels = ROWS[:, 1] * 1e9
    model = GradientBoostingRegressor(n_estimators=5).fit(ROWS, labels)
    document = compile_model(model, Encoding(("a", "b"), {}), task="regression")
    assert parity.check(document, lambda matrix: model.predict(matrix) * (1 + 1e-15), ROWS, edges=300).holds
    assert not parity.check(
        document, lambda matrix: model.predict(matrix) * (1 + 1e-11), ROWS, edges=300
    ).holds


@pytest.mark.parametrize("seed", [0, 1])
def test_edges_hold_every_kind_of_value(seed):
    edges = edge_rows(DOCUMENT, ROWS, 4000, seed)
    assert edges.shape == (4000, 2)
    for column in range(2):
        values = edges[:, column]
        assert np.isnan(values).any() and np.isposinf(values).any() and np.isneginf(values).any()
        assert (np.abs(values) > 3.5e37).any() and ((np.abs(values) < 1e-300) & (values != 0)).any()
    model = DOCUMENT["model"]
    own = {
        threshold
        for feature, threshold, right in zip(
            model["features"], model["thresholds"], model["rights"], strict=True
        )
        if right and feature == 1
    }
    seen = set(edges[:, 1].tolist())
    assert own <= seen
    assert {math.nextafter(threshold, math.inf) for threshold in own} & seen
    np.testing.assert_array_equal(edges, edge_rows(DOCUMENT, ROWS, 4000, seed))


ENCODING = Encoding(("a", "b"), {})


def test_an_attempt_gives_the_document_and_what_was_compared():
    found = attempt(MODEL, ENCODING, Task("binary"), ROWS)
    assert found.document == DOCUMENT
    assert (found.parity["rows"], found.parity["edge_rows"], found.parity["reason"]) == (300, 10_000, "")


def test_a_calibrated_attempt_compares_calibrated_probabilities():
    calibration = {"kind": "platt", "a": -0.5, "b": 0.25}
    found = attempt(MODEL, ENCODING, Task("binary"), ROWS, calibration)
    assert found.document is not None
    odds = np.log(probability(ROWS) / (1 - probability(ROWS)))
    expected = 1 / (1 + np.exp(-0.5 * odds + 0.25))
    scorer = MatrixScorer.load(found.document)
    np.testing.assert_allclose(scorer.many(ROWS), expected, rtol=1e-13)


def test_an_estimator_that_does_not_compile_leaves_a_reason():
    model = KNeighborsClassifier().fit(ROWS, LABELS)
    found = attempt(model, ENCODING, Task("binary"), ROWS)
    assert found.document is None
    assert "KNeighborsClassifier" in found.parity["reason"]
    assert (found.parity["rows"], found.parity["largest"]) == (0, None)


def test_an_estimator_with_other_private_attributes_leaves_a_reason():
    model = copy.deepcopy(MODEL)
    del model._bin_mapper
    found = attempt(model, ENCODING, Task("binary"), ROWS)
    assert found.document is None
    assert "cannot read" in found.parity["reason"]


def test_an_attempt_without_parity_gives_no_document(monkeypatch):
    monkeypatch.setattr(parity, "LARGEST_DIFFERENCE", -1.0)
    found = attempt(MODEL, ENCODING, Task("binary"), ROWS)
    assert found.document is None
    assert "differ by up to" in found.parity["reason"]
