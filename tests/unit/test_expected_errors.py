"""Quality of a regression before labels: expected errors, their range, and when nothing may be said."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from tidegate.compiled.compiler import compile_model
from tidegate.monitoring.expected_errors import PREDICTION, ErrorModel, estimate, scatter, unlicensed
from tidegate.training.encoding import Encoding

MAE, RMSE = "neg_mean_absolute_error", "neg_root_mean_squared_error"
GOOD = {"low": -2.1, "high": -1.9, "realised": -2.0}
LIMITS = {"promised": -2.0, "margin": 0.5, "minimum_rows": 30, "seed": 1}


def error_model(*, metric=MAE, ratios=(1.0,), check=GOOD, slope=2.0, floor=1e-6):
    """One that expects an error of 1 + slope * x, whatever the text and the answer are."""
    codes = np.random.default_rng(1).integers(0, 2, 40)
    x = np.linspace(0, 1, 40)
    rows = np.column_stack([codes, x, x[::-1] ** 2])
    learnt = LinearRegression().fit(rows, 1 + slope * x)
    encoding = Encoding(("text", "x", PREDICTION), {"text": ("a", "b")})
    document = compile_model(learnt, encoding, task="regression")
    given = {"metric": metric, "model": document, "ratios": list(ratios), "floor": floor, "check": check}
    return ErrorModel.from_json(given)


def asked(*xs):
    return {"vectors": [["ab"[i % 2], x] for i, x in enumerate(xs)], "answers": [0.5] * len(xs)}


def test_the_estimate_is_the_mean_of_what_is_expected():
    found = estimate(error_model(), MAE, **asked(*[0.0, 1.0] * 20), **LIMITS)
    assert (found.value, found.low, found.high) == pytest.approx((-2.0, -2.0, -2.0))  # of 1 and 3
    assert found.status == "kept"


def test_of_squares_it_is_the_root():
    check = {"low": -2.0, "high": -1.0, "realised": -1.4}
    found = estimate(error_model(metric=RMSE, check=check), RMSE, **asked(*[0.0, 1.0] * 20), **LIMITS)
    assert found.value == pytest.approx(-math.sqrt(2.0))


def test_harder_rows_are_a_breach_before_any_label_comes():
    found = estimate(error_model(), MAE, **asked(*[1.0] * 40), **LIMITS)
    assert (found.status, found.value) == ("breach", pytest.approx(-3.0))


def test_the_range_is_that_of_a_mean_of_scattered_errors():
    scattered = error_model(ratios=(0.0, 2.0))
    found = estimate(scattered, MAE, **asked(*[0.5] * 400), **LIMITS)
    # each error is 0 or 4: the mean of 400 has a deviation of 2 / 20
    assert (found.low, found.high) == (
        pytest.approx(-2 - 1.96 * 0.1, abs=0.05),
        pytest.approx(-2 + 1.96 * 0.1, abs=0.05),
    )


def test_nothing_is_expected_to_be_closer_than_the_floor():
    found = estimate(error_model(slope=-4.0, floor=0.25), MAE, **asked(*[1.0] * 40), **LIMITS)
    assert found.value == pytest.approx(-0.25)


def test_the_same_rows_give_the_same_range():
    one, other = (
        estimate(error_model(ratios=(0.0, 2.0)), MAE, **asked(*[0.5] * 40), **LIMITS) for _ in range(2)
    )
    assert one == other


def test_few_answers_are_insufficient():
    found = estimate(error_model(), MAE, **asked(*[0.5] * 29), **LIMITS)
    assert (found.status, found.reason, found.value) == ("insufficient", "29 of 30 predictions", None)


@pytest.mark.parametrize(
    "model, metric, said",
    [
        (None, MAE, "kept no model of its errors"),
        (error_model(), RMSE, "kept no model of its errors"),
        (error_model(check=None), MAE, "kept no model of its errors"),
        (error_model(), "r2", "no way is known"),
        (
            error_model(check=GOOD | {"realised": -2.61}),
            MAE,
            "was expected, and -2.6100 came",
        ),
    ],
    ids=["none", "another metric", "unchecked", "no such metric", "wrong on the test rows"],
)
def test_without_a_licence_no_number_is_made_up(model, metric, said):
    assert said in unlicensed(model, metric, 0.5)
    found = estimate(model, metric, **asked(*[0.5] * 40), **LIMITS)
    assert (found.status, found.value) == ("unlicensed", None)
    assert said in found.reason


def test_a_check_within_the_margin_is_a_licence():
    assert unlicensed(error_model(check=GOOD | {"realised": -2.59}), MAE, 0.5) == ""


def test_real_errors_scatter_around_the_expected_with_a_mean_of_one():
    rng = np.random.default_rng(1)
    expected = rng.uniform(1, 3, 5000)
    found = np.array(scatter(1.3 * expected * rng.exponential(size=5000), expected))
    assert found.mean() == pytest.approx(1)
    assert np.median(found) == pytest.approx(math.log(2), rel=0.05)  # of an exponential distribution
    assert scatter(np.zeros(10), np.ones(10)) == [1.0] * 200
