"""Scoring a compiled document: worked by hand, against numpy and scipy, and without either installed."""

import json
import math
import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special

from tidegate.compiled import matrix, trees, unrolled
from tidegate.compiled.layout import Layout
from tidegate.compiled.links import EACH, LINKS, calibrator, logistic
from tidegate.compiled.masks import masks_of
from tidegate.compiled.matrix import MatrixScorer
from tidegate.compiled.of_trees import FLOAT32_MAX_TAKEN, cast_threshold
from tidegate.compiled.scorer import Scorer
from tidegate.compiled.steps import sequence
from tidegate.errors import ArtefactError

# x0 <= 1.5 ? (colour in {0, missing} ? 10 : 20) : (x0 > 3, and NaN too ? 30 : 40)
TREE = {
    "kind": "trees",
    "steps": [],
    "width": 2,
    "negated": [0],
    "sets": [{"column": 1, "values": [7.0, 8.0]}],
    "members": [[-1, 0]],
    "roots": [0],
    # columns: 0 and 1 are the row's, 2 is -x0, 3 is the code of colour
    "features": [0, 3, 0, 0, 2, 0, 0],
    "thresholds": [1.5, 0, 10.0, 20.0, math.nextafter(-3.0, -math.inf), 30.0, 40.0],
    "rights": [4, 2, 0, 0, 2, 0, 0],
    "base": [0.5],
    "divisor": 2,
    "leaves": None,
    "link": "identity",
}
DOCUMENT = {
    "format": 1,
    "task": "regression",
    "classes": [],
    "columns": None,
    "features": ["size", "colour"],
    "categories": {"colour": ["blue", "red"]},
    "model": TREE,
    "calibration": None,
}
NAN = math.nan
ROWS = [
    ((1.5, 7.0), 10.0),
    ((1.5, 8.0), 20.0),
    ((1.0, NAN), 10.0),
    ((-math.inf, 9.0), 10.0),  # a colour never seen is as a missing one
    ((2.0, 7.0), 40.0),
    ((3.0, 7.0), 40.0),
    ((math.nextafter(3.0, 4.0), 7.0), 30.0),
    ((math.inf, 7.0), 30.0),
    ((NAN, 7.0), 40.0),
]


@pytest.mark.parametrize(("row", "leaf"), ROWS)
def test_a_row_walks_to_its_leaf(row, leaf):
    assert Scorer.load(DOCUMENT).one(row) == (0.5 + leaf) / 2


@pytest.mark.parametrize(("row", "leaf"), ROWS)
@pytest.mark.parametrize("limit", ["MOST_NODES", "MOST_DEPTH"])
def test_trees_that_are_too_large_to_be_unrolled_say_the_same(row, leaf, limit, monkeypatch):
    assert unrolled.scores(TREE) is not None
    monkeypatch.setattr(unrolled, limit, 1)
    assert unrolled.scores(TREE) is None
    assert Scorer.load(DOCUMENT).one(row) == (0.5 + leaf) / 2


LAYOUT = Layout(places=[3, 1], size=4, codes={1: {"blue": 7.0, "red": 8.0, "green": 5.0}})


@pytest.mark.parametrize(("row", "leaf"), ROWS)
@pytest.mark.parametrize("limit", [unrolled.MOST_NODES, 1])
def test_a_row_as_requests_bring_it_gets_what_its_vector_gets(row, leaf, limit, monkeypatch):
    monkeypatch.setattr(unrolled, "MOST_NODES", limit)
    size, colour = (None if math.isnan(value) else value for value in row)
    values = ["more", {7.0: "blue", 8.0: "red", 9.0: "green"}.get(colour), None, size]
    scorer = Scorer.load(DOCUMENT, LAYOUT)
    assert scorer.one(values) == scorer.one(tuple(values)) == (0.5 + leaf) / 2


def test_a_layout_makes_columns_of_many_rows():
    columns = LAYOUT.columns([["a", "red", None, 1.5], ["b", "pink", None, None]])
    np.testing.assert_array_equal(np.array(columns, dtype=np.float64), [[1.5, NAN], [8.0, NAN]])
    assert LAYOUT.vector(["a", "red", None, 1.5]) == [1.5, 8.0]


@pytest.mark.parametrize(
    ("columns", "row", "is_refused"),
    [
        (None, ["", "red", None, None], True),
        (None, ["", "red", None, 11.0], True),
        (None, ["", "red", None, 1.5], False),
        ([0], ["", "red", None, None], True),
        ([0], ["", None, None, 1.0], False),
        ([1], ["", None, None, 1.0], True),
        ([1], ["", "red", None, None], False),
    ],
)
def test_what_a_model_refuses_it_refuses_of_rows_too(columns, row, is_refused):
    steps = [check(columns=columns)]
    scorer = Scorer.load(DOCUMENT | {"model": TREE | {"steps": steps}}, LAYOUT)
    if is_refused:
        with pytest.raises(ValueError, match="the model takes no"):
            scorer.one(row)
    else:
        assert math.isfinite(scorer.one(row))


NUMBERS = [-1.5, -0.0, 0.0, 1.5, math.nextafter(1.5, 2), 3.0, 1e300]
VALUES = [*NUMBERS, math.inf, -math.inf, NAN, 7.0, 8.0]


@st.composite
def grown(draw):
    """Any trees on three columns: the second is negated too, the third categorical."""
    tree = {name: [] for name in ("members", "roots", "features", "thresholds", "rights")}
    outputs = draw(st.integers(1, 3))
    table = draw(st.sampled_from([None, [[0.1 * (i + j) for j in range(outputs)] for i in range(4)]]))
    leaf = st.floats(-1, 1) if table is None else st.integers(0, 3)

    def node(depth):
        at = len(tree["rights"])
        column = draw(st.sampled_from([0, 1, 3, 4])) if depth else None
        tree["features"].append(column or 0)
        tree["rights"].append(0)
        if column is None:
            tree["thresholds"].append(draw(leaf))
            return
        if column == 4:
            tree["members"].append(sorted(draw(st.sets(st.sampled_from([-1, 0, 1])))))
            tree["thresholds"].append(len(tree["members"]) - 1)
        else:
            limit = draw(st.sampled_from([*NUMBERS, "inf"]))
            tree["thresholds"].append(limit)
        node(draw(st.integers(0, depth - 1)))
        tree["rights"][at] = len(tree["rights"]) - at
        node(draw(st.integers(0, depth - 1)))

    for _ in range(outputs * draw(st.integers(1, 4))):
        tree["roots"].append(len(tree["rights"]))
        node(draw(st.integers(0, 5)))
    return TREE | tree | {
        "width": 3, "negated": [1], "sets": [{"column": 2, "values": [7.0, 8.0]}], "leaves": table,
        "base": [0.0 if table else 0.25] * outputs, "divisor": draw(st.sampled_from([1, 7])) if table else 1,
    }  # fmt: skip


@settings(max_examples=100, deadline=None, database=None)
@given(grown(), st.integers(0, 2**32 - 1))
def test_code_and_masks_say_of_any_trees_what_a_walk_says(tree, seed):
    rows = np.random.default_rng(seed).choice(VALUES, size=(40, 3))
    with mock.patch.object(unrolled, "MOST_NODES", 0):
        walk = trees.scores(tree)
    expected = [walk(row) for row in rows.tolist()]
    code = unrolled.scores(tree)
    assert [code(row) for row in rows.tolist()] == expected
    assert matrix.Trees(tree, masks_of(tree)).scores(rows).tolist() == expected


@pytest.mark.parametrize("name", ["thresholds", "features", "negated"])
@pytest.mark.parametrize("value", ["__import__('os')", "x", [1.0]])
@pytest.mark.parametrize("layout", [None, LAYOUT])
def test_text_in_place_of_a_number_is_never_code(name, value, layout):
    tree = TREE | {name: [value, *TREE[name][1:]]}
    with pytest.raises((TypeError, ValueError)):
        Scorer.load(DOCUMENT | {"model": tree}, layout)


def test_many_rows_get_what_each_gets_alone():
    rows = np.array([row for row, _ in ROWS] * 5)
    expected = [(0.5 + leaf) / 2 for _, leaf in ROWS] * 5
    scorer = MatrixScorer.load(DOCUMENT)
    assert scorer.many(rows).tolist() == expected
    assert scorer.many(rows[:3]).tolist() == expected[:3]
    assert scorer.many(rows[:0]).shape == (0,)
    assert Scorer.load(DOCUMENT).many(rows.tolist()) == expected


def test_a_named_row_becomes_codes_and_missing_values_nan():
    scorer = Scorer.load(DOCUMENT)
    assert scorer.vector({"colour": "red", "size": 3, "more": 1}) == [3.0, 1.0]
    missing = scorer.vector({"colour": "green", "size": None})
    assert [math.isnan(value) for value in missing] == [True, True]


def test_a_document_of_another_format_is_refused():
    with pytest.raises(ArtefactError, match="another format"):
        Scorer.load({**DOCUMENT, "format": 2})


def test_scoring_needs_the_standard_library_alone():
    code = (
        "import json, sys\n"
        "for name in ('numpy', 'sklearn', 'scipy', 'msgspec', 'pandas', 'pyarrow', 'boto3'):\n"
        "    sys.modules[name] = None\n"
        "from tidegate.compiled.scorer import Scorer\n"
        "print(Scorer.load(json.load(sys.stdin)).one([1.5, 8.0]))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(DOCUMENT), capture_output=True, text=True, check=True
    )
    assert float(found.stdout) == (0.5 + 20.0) / 2


@pytest.mark.parametrize("leaves", [2, 8, 9, 16, 17, 31, 32, 33, 63, 64, 65, 200])
def test_trees_of_any_size_score_the_same_in_both_ways(leaves):
    """A comb: every node's left child is a leaf, so leaf i takes x in (i - 1, i]."""
    features, thresholds, rights = [], [], []
    for i in range(leaves - 1):
        features += [0, 0]
        thresholds += [float(i), i * 100.0]
        rights += [2, 0]
    features.append(0)
    thresholds.append((leaves - 1) * 100.0)
    rights.append(0)
    tree = TREE | {
        "width": 1, "negated": [], "sets": [], "members": [], "features": features,
        "thresholds": thresholds, "rights": rights, "base": [0.0], "divisor": 1,
    }  # fmt: skip
    scorer = MatrixScorer.load(DOCUMENT | {"model": tree, "features": ["x"], "categories": {}})
    x = np.array([*np.arange(leaves + 30), *np.arange(leaves + 3) - 0.5, np.nan])[:, None]
    expected = np.where(np.isnan(x[:, 0]), leaves - 1, np.clip(np.ceil(x[:, 0]), 0, leaves - 1)) * 100
    np.testing.assert_array_equal(scorer.many(x), expected)
    np.testing.assert_array_equal([scorer.one(row) for row in x.tolist()], expected)


@settings(max_examples=300, deadline=None, database=None)
@given(st.floats(-3e38, 3e38), st.data())
def test_a_threshold_of_floats_of_32_bits_keeps_its_comparisons(threshold, data):
    moved = cast_threshold(threshold)
    near = np.float32(threshold)
    around = [float(np.nextafter(near, np.float32(side))) for side in (-np.inf, np.inf)] + [float(near)]
    middles = [(a + b) / 2 for a in around for b in around]
    ulps = [np.nextafter(m, side) for m in (*middles, moved) for side in (-np.inf, np.inf)]
    value = data.draw(st.sampled_from([*around, *middles, *ulps, moved, threshold]))
    assert (value <= moved) == (float(np.float32(value)) <= threshold)


def test_the_largest_value_taken_is_the_last_that_a_cast_keeps_finite():
    with np.errstate(over="ignore"):
        assert np.isfinite(np.float32(FLOAT32_MAX_TAKEN))
        assert np.isinf(np.float32(np.nextafter(FLOAT32_MAX_TAKEN, np.inf)))


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_the_logistic_function_is_scipys(score):
    np.testing.assert_allclose(logistic(score), special.expit(score), rtol=4e-16, atol=0)


@given(st.lists(st.floats(-700, 700), min_size=2, max_size=5))
def test_links_are_scipys(scores):
    np.testing.assert_allclose(LINKS["softmax"](scores), special.softmax(scores), rtol=1e-15)
    np.testing.assert_allclose(LINKS["exponential"](scores), np.exp(scores), rtol=1e-15)
    each = special.expit(np.array(scores))
    expected = each / each.sum() if each.sum() else np.full(len(scores), 1 / len(scores))
    np.testing.assert_allclose(LINKS["one_against_rest"](scores), expected, rtol=1e-13)


@pytest.mark.parametrize("name", LINKS)
def test_links_of_each_score_are_known(name):
    scores = [0.5, -2.0, 0.25]
    alone = [LINKS[name]([score])[0] for score in scores]
    assert (LINKS[name](scores) == alone) == (name in EACH)


def test_scores_clipped_to_nothing_share_equally():
    assert LINKS["clipped_against_rest"]([-2.0, -1.0, -5.0]) == [1 / 3] * 3
    assert LINKS["clipped_against_rest"]([0.0, 1.0, -5.0]) == [0.5 / 1.5, 1 / 1.5, 0.0]


@given(st.floats(-2, 2))
def test_an_isotonic_calibration_is_numpys_interpolation(value):
    x, y = [0.0, 0.25, 0.5, 1.0], [0.1, 0.1, 0.7, 0.9]
    at = calibrator({"kind": "isotonic", "x": x, "y": y})
    assert at(value) == pytest.approx(np.interp(value, x, y), abs=1e-15)


def test_a_platt_calibration_is_of_the_logit():
    at = calibrator({"kind": "platt", "a": -2.0, "b": 0.5})
    assert at(0.5) == pytest.approx(1 / (1 + math.exp(0.5)))
    # logit(0.8) = log 4, so a * logit = -log 16
    assert at(0.8) == pytest.approx(1 / (1 + math.exp(0.5) / 16))
    # at the ends the odds are 1e12 to 1, to the power of -a
    assert at(0.0) == pytest.approx(math.exp(-0.5) * 1e-24, rel=1e-9)
    assert 1 - at(1.0) == pytest.approx(0.0, abs=1e-15)


def test_a_calibration_is_applied_to_the_probability():
    calibration = {"kind": "isotonic", "x": [0.0, 1.0], "y": [0.2, 0.4]}
    line = {"kind": "linear", "steps": [], "coefficients": [[2.0]], "intercepts": [-1.0], "link": "logistic"}
    document = DOCUMENT | {
        "task": "binary", "model": line, "calibration": calibration, "features": ["x"], "categories": {},
    }  # fmt: skip
    assert Scorer.load(document).one([0.5]) == pytest.approx(0.3)


def check(**members):
    return {"kind": "check", "nan": False, "limit": 10.0, "columns": None} | members


@pytest.mark.parametrize(
    ("steps", "row", "expected"),
    [
        ([check()], [10.0, -10.0], [10.0, -10.0]),
        ([check(nan=True)], [NAN, 1.0], [NAN, 1.0]),
        ([check(columns=[1])], [NAN, 1.0], [NAN, 1.0]),
        ([{"kind": "select", "columns": [1, 1]}], [5.0, 6.0], [6.0, 6.0]),
        ([{"kind": "fill", "values": [3.0, 4.0]}, {"kind": "missing"}], [NAN, 1.0], [0.0, 0.0]),
        ([{"kind": "center", "center": [1.0, 2.0], "scale": [2.0, 4.0]}], [5.0, NAN], [2.0, NAN]),
        (
            [{"kind": "rescale", "scale": [2.0, 2.0], "offset": [1.0, 1.0], "low": 0.0, "high": 5.0}],
            [-9.0, NAN],
            [0.0, NAN],
        ),
        (
            [
                {
                    "kind": "lookup",
                    "columns": [
                        {"values": [1.0], "codes": [0.0], "missing": None, "unknown": -1.0},
                        {"values": [1.0, 2.0], "codes": [0.0, 1.0], "missing": 5.0, "unknown": None},
                    ],
                }
            ],
            [9.0, NAN],
            [-1.0, 5.0],
        ),
        (
            [
                {
                    "kind": "one_hot",
                    "width": 3,
                    "columns": [
                        {"values": [4.0, 5.0], "codes": [0, 1], "missing": -1, "unknown": -1},
                        {"values": [4.0], "codes": [2], "missing": 2, "unknown": -1},
                    ],
                }
            ],
            [5.0, NAN],
            [0.0, 1.0, 1.0],
        ),
        (
            [{"kind": "branches", "branches": [[{"kind": "select", "columns": [1]}], [{"kind": "missing"}]]}],
            [NAN, 7.0],
            [7.0, 1.0, 0.0],
        ),
    ],
)  # fmt: skip
def test_steps_do_what_they_say(steps, row, expected):
    np.testing.assert_array_equal(sequence(steps)(row), expected)


@pytest.mark.parametrize(
    ("step", "row"),
    [
        (check(), [NAN, 1.0]),
        (check(), [1.0, NAN]),
        (check(nan=True), [NAN, 11.0]),
        (check(nan=True), [11.0, NAN]),
        (check(nan=True), [NAN, -math.inf]),
        (check(columns=[0]), [-11.0, 1.0]),
        (
            {
                "kind": "lookup",
                "columns": [{"values": [1.0], "codes": [0.0], "missing": "refuse", "unknown": -1.0}] * 2,
            },
            [1.0, NAN],
        ),
    ],
)
def test_steps_refuse_what_scikit_learn_would(step, row):
    with pytest.raises(ValueError, match="the model takes no"):
        sequence([step])(row)
