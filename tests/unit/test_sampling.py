import numpy as np
import pytest
from scipy import stats
from simulated import profiled, tell

from tidegate.ingestion.figures import figure, figures_of
from tidegate.ingestion.sampling import extreme_p_value, sampling_p_value

MANY = 1e9  # rows of the past, so that it is known exactly


def known(name, value, *, error=0.0, drops=9, rows=300):
    return [figure(name, value, rows=rows, error=error)] * drops


def of(name, now, past, *, column=None, rows=300, past_rows=300.0):
    return sampling_p_value(name, now, past, column=column, rows=rows, past_rows=past_rows)


def test_a_mean_is_measured_by_its_error_and_that_of_the_median_of_its_past():
    now = figure("mean", 53.0, rows=300, error=0.5)
    expected = 2 * stats.norm.sf(3 / np.sqrt(0.5**2 + 1.57 * 0.4**2 / 9))
    assert of("mean", now, known("mean", 50.0, error=0.4)) == pytest.approx(expected, rel=1e-9)
    # A drop that hardly varies, by chance, is not more exact than drops usually are.
    certain = figure("mean", 53.0, rows=300, error=0.01)
    expected = 2 * stats.norm.sf(3 / np.sqrt(0.4**2 + 1.57 * 0.4**2 / 9))
    assert of("mean", certain, known("mean", 50.0, error=0.4)) == pytest.approx(expected, rel=1e-9)


def test_a_figure_without_a_known_error_is_left_to_its_history():
    assert of("lag", figure("lag", 5.0, rows=300), known("lag", 900.0)) == 0.0


@pytest.mark.parametrize(
    "failing, least, most", [(0, 0.9, 1), (1, 0.1, 0.9), (4, 1e-5, 0.05), (30, 0, 1e-18)]
)
def test_missing_values_where_there_never_were_any(failing, least, most):
    now = figure("missing share", failing / 300, rows=300)
    assert least <= of("missing share", now, known("missing share", 0.0)) <= most


@pytest.mark.parametrize("below", [200, 215, 225, 240, 260])
def test_a_median_is_tested_by_the_rows_below_it_as_a_sign_test_would(below):
    values = np.concatenate([np.linspace(0, 9, below), np.linspace(11, 20, 400 - below)])
    column = profiled({"x": values}).columns["x"]
    now = figure("p50", 0.0, rows=400)  # the figure itself does not matter
    found = of("p50", now, known("p50", 10.0), column=column, rows=400, past_rows=MANY)
    exact = stats.binomtest(below, 400, 0.5).pvalue
    assert found == pytest.approx(exact, rel=0.3, abs=0.05)


def test_a_median_on_a_tie_is_usual_while_the_tie_holds_it():
    column = profiled({"x": [0] * 120 + [4] * 170 + [5] * 110}).columns["x"]
    for usual, is_usual in ((4.0, True), (0.0, False), (5.0, False)):
        p_value = of("p50", figure("p50", 4.0, rows=400), known("p50", usual), column=column, rows=400)
        assert (p_value > 0.5) == is_usual


def test_an_extreme_is_odd_only_far_beyond_what_its_tail_allows():
    def p_value(value, tail):
        return extreme_p_value(
            figure("maximum", value, rows=1000),
            known("maximum", 100.0),
            middle=known("p50", 50.0),
            tail=known("p99", tail),
            rows=1000,
            past_rows=1000.0,
        )

    # From p99 to the maximum in 1,000 rows: the index is ln(10 / ln 2) / ln(50 / reach of p99).
    heavy = np.log(10 / np.log(2)) / np.log(50 / 10)
    assert p_value(550.0, 60.0) == pytest.approx(np.log(2) * 10**-heavy, rel=1e-9)
    assert p_value(550.0, 90.0) == pytest.approx(
        np.log(2) * 10**-6.0, rel=1e-9
    )  # no tail is taken as lighter
    assert p_value(70.0, 90.0) == 1.0  # nearer than usual
    assert p_value(100.0, 90.0) == 1.0


def test_constant_columns_have_extremes_too():
    def p_value(value, usual):
        same = known("maximum", usual)
        return extreme_p_value(
            figure("maximum", value, rows=300), same, middle=same, tail=same, rows=300, past_rows=300.0
        )

    assert p_value(1.0, 0.0) > 0.1  # the first case of a rare event
    assert p_value(9999.0, 0.0) < 1e-9
    assert p_value(20.0, 7.0) > 1e-3
    assert p_value(7000.0, 7.0) < 1e-9


@pytest.mark.parametrize(
    "made",
    [
        lambda rng: rng.pareto(2.5, 500) + 1,
        lambda rng: rng.lognormal(0, 1.5, 500),
        lambda rng: rng.standard_t(4, 500),
        lambda rng: rng.normal(0, 1, 500),
    ],
    ids=["pareto", "lognormal", "t", "normal"],
)
def test_chances_of_figures_are_no_smaller_than_they_happen(made, request, capsys):
    rng = np.random.default_rng(11)
    drops = [profiled({"x": made(rng)}) for _ in range(400)]
    figures = [figures_of(profile) for profile in drops]
    small = {"mean": 0, "spread": 0, "p50": 0, "p99": 0, "maximum": 0}
    for age in range(14, 400):
        past = figures[age - 14 : age]
        for name in small:
            of_name = [found["x", name] for found in past]
            now = figures[age]["x", name]
            if name == "maximum":
                middle, tail = ([found["x", place] for found in past] for place in ("p50", "p99"))
                p_value = extreme_p_value(now, of_name, middle=middle, tail=tail, rows=500, past_rows=500.0)
            else:
                column = drops[age].columns["x"]
                p_value = of(name, now, of_name, column=column, rows=500, past_rows=500.0)
            small[name] += p_value < 0.01
    rates = {name: count / 386 for name, count in small.items()}
    tell(
        capsys,
        f"{request.node.callspec.id}: p below 1% in {', '.join(f'{n} {r:.1%}' for n, r in rates.items())}",
    )
    assert max(rates.values()) <= 0.02
