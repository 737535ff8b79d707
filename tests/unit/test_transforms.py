"""Transforms by their null policy and declared dtypes; tests of parity are in test_parity.py."""

from pathlib import Path

import numpy as np
import pytest

from tidegate.errors import ConfigError
from tidegate.feature_store.feature_file import load
from tidegate.feature_store.feature_plan import TransformPlan
from tidegate.feature_store.transforms import feature_columns, outputs_of
from tidegate.features import FeatureSet, Label, Source, Transform, transform

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "features.py"


def test_the_flights_transforms_equal_values_worked_by_hand():
    other = ("humid", "wind_speed", "precip", "visib", "carrier_delay_rate_7d", "origin_delay_rate_7d")
    columns = {name: np.zeros(2) for name in other}
    columns |= {name: np.array(["UA", None], dtype=object) for name in ("carrier", "origin", "dest")}
    columns["scheduled_departure"] = np.array(
        [1362877200.0, 1362877200.0 + 86400]
    )  # 2013-03-10T01:00Z, a Sunday
    columns["hour"] = np.array([6.0, 18.0])
    columns["distance"] = np.array([0.0, np.nan])
    found = feature_columns(load(FLIGHTS, "flight_delay"), columns)
    assert found["day_of_week"].tolist() == [6.0, 0.0]
    assert found["hour_sin"].tolist() == pytest.approx([1.0, -1.0])
    assert found["hour_cos"].tolist() == pytest.approx([0.0, 0.0])
    assert found["log_distance"][0] == 0.0 and np.isnan(found["log_distance"][1])
    assert found["carrier"].tolist() == ["UA", None]


def of(function, dtype="float64", **columns):
    """The only feature of a set whose only transform is `function` of `a`."""
    made = transform(inputs=["a"], outputs={"x": dtype})(function)
    source = Source("s", event_ts="at", known_ts="known")
    chosen = FeatureSet(
        name="s",
        label=Label("l", source=source, sql="y"),
        request=["at", "a"],
        transforms=[made],
        features=["x"],
    )
    return feature_columns(chosen, {"at": np.zeros(3), "a": np.array([1.5, -2.5, np.nan]), **columns})["x"]


def a_bare_array(a):
    return a


def two_outputs(a):
    return a, a


def one_number(a):
    return (a.sum(),)


def another_length(a):
    return (a[:2],)


def a_python_float(a):
    return (1.0,)


def nothing(a):
    return None


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (a_bare_array, "shape (3,)"),
        (two_outputs, "(shape (3,), shape (3,))"),
        (one_number, "(float64)"),
        (another_length, "(shape (2,))"),
        (a_python_float, "(float)"),
        (nothing, "NoneType"),
    ],
)
def test_another_number_or_shape_of_outputs_is_refused(function, told):
    with pytest.raises(ConfigError) as refused:
        of(function)
    assert refused.value.what == f"transform `{function.__name__}` returned {told}"
    assert refused.value.cause == "it declares a tuple of x, each of shape (3,)"


def same(a):
    return (a,)


VALUES = np.array([1.0, 2.5, np.nan, 2.0**31, 2.0**63, np.inf, -0.0])
HELD = {  # by each dtype; what it cannot hold is missing
    "float64": VALUES,
    "float32": VALUES,
    "int64": [1, np.nan, np.nan, 2.0**31, np.nan, np.nan, 0],
    "int32": [1, np.nan, np.nan, np.nan, np.nan, np.nan, 0],
    "bool": [1, np.nan, np.nan, np.nan, np.nan, np.nan, 0],
}


@pytest.mark.parametrize("dtype", HELD)
def test_what_an_outputs_dtype_cannot_hold_is_missing(dtype):
    found = of(same, dtype, a=VALUES)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, HELD[dtype])


def seen_by(dtype, nulls="propagate", **columns):
    """What a function gets as `a`, and what becomes of its answer of ones."""
    seen = []

    def function(a):
        seen.append(a)
        return (np.ones(len(a)),)

    plan = TransformPlan(name="f", inputs={"a": dtype}, outputs={"x": "float64"}, nulls=nulls)
    return seen, outputs_of(Transform(function, plan), columns)["x"]


@pytest.mark.parametrize("dtype", HELD)
def test_propagate_gives_the_function_its_dtype_and_no_missing_value(dtype):
    [seen], answer = seen_by(dtype, a=VALUES)
    assert seen.dtype == dtype
    held = np.asarray(HELD[dtype], dtype=float)
    np.testing.assert_array_equal(seen, np.nan_to_num(held, nan=0.0, posinf=np.inf))
    np.testing.assert_array_equal(answer, np.where(np.isnan(held), np.nan, 1.0))


def test_propagate_puts_an_empty_text_in_the_place_of_none():
    [seen], answer = seen_by("string", a=np.array(["UA", None, ""], dtype=object))
    assert seen.tolist() == ["UA", "", ""]
    np.testing.assert_array_equal(answer, [1.0, np.nan, 1.0])


@pytest.mark.parametrize(
    ("dtype", "column"),
    [("float64", [1.5, np.nan]), ("float32", [1.5, np.nan]), ("timestamp", [0.0, np.nan])],
)
def test_handle_lets_the_function_see_and_answer_for_missing_numbers(dtype, column):
    [seen], answer = seen_by(dtype, "handle", a=np.array(column))
    np.testing.assert_array_equal(seen, column)
    assert answer.tolist() == [1.0, 1.0]


def test_handle_lets_the_function_see_none():
    [seen], answer = seen_by("string", "handle", a=np.array(["UA", None], dtype=object))
    assert seen.tolist() == ["UA", None] and answer.tolist() == [1.0, 1.0]


def test_an_output_is_missing_where_any_input_is():
    plan = TransformPlan(name="f", inputs={"a": "float64", "b": "bool"}, outputs={"x": "int64", "y": "bool"})
    made = Transform(lambda a, b: (np.full(3, 7), b), plan)
    found = outputs_of(made, {"a": np.array([np.nan, 1, 2]), "b": np.array([1, np.nan, 0])})
    np.testing.assert_array_equal(found["x"], [np.nan, np.nan, 7])
    np.testing.assert_array_equal(found["y"], [np.nan, np.nan, 0])


@pytest.mark.parametrize("answer", [np.array(["a", "b", "c"]), np.array([1j, 2, 3]), np.array([{}, 1, 2])])
def test_an_answer_that_holds_no_numbers_is_refused(answer):
    made = Transform(
        lambda a: (answer,), TransformPlan(name="f", inputs={"a": "float64"}, outputs={"x": "float64"})
    )
    with pytest.raises(ConfigError, match="transform `f`: output `x`"):
        outputs_of(made, {"a": np.zeros(3)})


def test_float32_rounds_as_float32_does():
    assert of(same, "float32", a=np.array([0.1, 1e-3, 3.0]))[0] == float(np.float32(0.1))
