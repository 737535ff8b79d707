"""Registration tries each transform: what mixes rows, fails or lies about its outputs is shown by a row."""

import time

import numpy as np
import pytest

from tidegate.errors import ConfigError
from tidegate.feature_store.feature_plan import TransformPlan
from tidegate.feature_store.row_dependence import check_rows
from tidegate.features import Transform


def made(function, inputs=None, outputs=None, nulls="propagate"):
    plan = TransformPlan(
        name="f", inputs=inputs or {"a": "float64"}, outputs=outputs or {"x": "float64"}, nulls=nulls
    )
    return Transform(function, plan)


def written_in_place(a):
    a += 1
    return (a,)


counted = []


def counting(a):
    counted.append(1)
    return (a * 0 + len(counted),)


def length_or_nan(a):
    return (np.array([np.nan if text is None else len(text) for text in a]),)


def two_of_two(a, b):
    return np.hypot(a, b), np.interp(b, (0, 1, 9), (0, 2, 3))


X_AND_Y = {"x": "float64", "y": "float64"}
MIXES = "depends on other rows"


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        pytest.param(lambda a: (a - a.mean(),), MIXES, id="mean"),
        pytest.param(lambda a: (a > a.mean(),), MIXES, id="beside the mean"),
        pytest.param(lambda a: (np.sort(a),), MIXES, id="sort"),
        pytest.param(lambda a: (np.cumsum(a),), MIXES, id="cumsum"),
        pytest.param(lambda a: (np.roll(a, 1),), MIXES, id="shift"),
        pytest.param(lambda a: (np.r_[0.0, np.diff(a)],), MIXES, id="difference"),
        pytest.param(lambda a: (a / len(a),), MIXES, id="length"),
        pytest.param(lambda a: (np.arange(len(a)) * 1.0,), MIXES, id="row number"),
        pytest.param(lambda a: (np.argsort(np.argsort(a)),), MIXES, id="rank"),
        pytest.param(lambda a: (a[::-1],), MIXES, id="reversed"),
        pytest.param(lambda a: (np.full(len(a), a[0]),), MIXES, id="first row"),
        pytest.param(lambda a: (np.unique(a, return_inverse=True)[1],), MIXES, id="code of a category"),
        pytest.param(lambda a: ((a - np.nanmin(a)) / (np.nanmax(a) + 1),), MIXES, id="scaled"),
        pytest.param(lambda a: (np.where(a > 5, a, np.median(a)),), MIXES, id="filled by the median"),
        pytest.param(lambda a: (np.full(len(a), float(np.sum(a) > 1e6)),), MIXES, id="threshold of a sum"),
        pytest.param(counting, MIXES, id="memory"),
        pytest.param(written_in_place, "changes its inputs", id="in place"),
        pytest.param(lambda a: (a[a > 0],), "returned (shape", id="another length"),
        pytest.param(lambda a: a, "returned shape", id="no tuple"),
        pytest.param(lambda a: (a, a), "returned (shape", id="two"),
        pytest.param(lambda a: (a.astype(str),), "output `x`", id="text"),
        pytest.param(lambda a: (a if a > 0 else -a,), "fails for several rows at once", id="if"),
        pytest.param(lambda a: (np.array([1 // int(x) for x in a]),), "fails", id="zero"),
    ],
)
def test_is_refused(function, sentence):
    with pytest.raises(ConfigError) as refused:
        check_rows(made(function))
    assert refused.value.what.startswith("transform `f`") and sentence in refused.value.what


def test_the_row_that_shows_it_is_told():
    with pytest.raises(ConfigError) as refused:
        check_rows(made(lambda a: (a * len(a),)))
    # each row is tried alone first; 29 rows of made-up numbers
    first = float(refused.value.cause.split("a=")[1].split(" ")[0])
    assert refused.value.cause == f"`x` of a={first} is {first} alone, {first * 29} among 29 rows"
    assert "row i of an output" in refused.value.hint


def test_the_row_that_fails_is_told():
    with pytest.raises(ConfigError) as refused:
        check_rows(made(lambda a: (np.array([1 / x for x in a.tolist()]),)))
    assert refused.value.what == "transform `f` fails"
    assert refused.value.cause.startswith("of a=0.0: ZeroDivisionError: ")


@pytest.mark.parametrize(
    ("dtype", "function", "told"),
    [("int64", lambda a: (a / 2,), "no int64"), ("bool", lambda a: (a,), "no bool")],
)
def test_numbers_that_are_not_what_is_declared_are_refused(dtype, function, told):
    with pytest.raises(ConfigError) as refused:
        check_rows(made(function, {"a": "int64"}, {"x": dtype}))
    assert refused.value.what == "transform `f`: output `x`" and told in refused.value.cause


@pytest.mark.parametrize(
    "transform",
    [
        pytest.param(made(lambda a: (np.log1p(np.abs(a)),)), id="element by element"),
        pytest.param(made(lambda a: (np.sin(a) ** 3 / (np.exp(-a) + 1),)), id="SIMD functions"),
        pytest.param(made(lambda a: (np.where(np.isnan(a), -1, a),), nulls="handle"), id="handles NaN"),
        pytest.param(made(lambda a: (np.floor(a),), outputs={"x": "int32"}), id="whole as float"),
        pytest.param(made(lambda a: (a > 3,), outputs={"x": "bool"}), id="comparison"),
        pytest.param(made(lambda a: (a % 7,), {"a": "int64"}, {"x": "int64"}), id="integers"),
        pytest.param(made(lambda a: (~a,), {"a": "bool"}, {"x": "bool"}), id="truth"),
        pytest.param(made(lambda a: (a * np.float32(3),), {"a": "float32"}, {"x": "float32"}), id="float32"),
        pytest.param(made(lambda a: (np.array([len(t) for t in a]),), {"a": "string"}), id="text"),
        pytest.param(made(lambda a: (a == "UA",), {"a": "string"}, {"x": "bool"}), id="text compared"),
        pytest.param(made(length_or_nan, {"a": "string"}, nulls="handle"), id="handles None"),
        pytest.param(made(lambda t: (t // 3600 % 24,), {"t": "timestamp"}, {"x": "int32"}), id="hour"),
        pytest.param(made(two_of_two, {"a": "float64", "b": "int32"}, X_AND_Y), id="two of two"),
        pytest.param(made(lambda a: (np.sum([a, a * 2], axis=0),)), id="sum over features"),
    ],
)
def test_is_accepted(transform):
    check_rows(transform)


def test_twenty_features_are_tried_in_20_milliseconds():
    def function(a, b):
        return tuple(np.log1p(np.abs(a) * (k + 1)) + np.sin(b) for k in range(20))

    transform = made(function, {"a": "float64", "b": "float64"}, {f"x{k}": "float64" for k in range(20)})
    took = []
    for _ in range(3):
        start = time.process_time()
        check_rows(transform)
        took.append(time.process_time() - start)
    assert min(took) < 0.02
