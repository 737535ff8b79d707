import numpy as np
import pytest
from scipy import special, stats

from tidegate.statistics.significance import (
    adjusted,
    chi2_sf,
    kolmogorov_sf,
    normal_two_sided,
    t_quantile,
    t_two_sided,
)


@pytest.mark.parametrize("degrees", [1, 2, 9, 52, 300])
@pytest.mark.parametrize("statistic", [0.0, 0.1, 1.0, 9.0, 40.0, 300.0, 900.0])
def test_chi_square_tails_are_scipys(statistic, degrees):
    expected = stats.chi2.sf(statistic, degrees)
    assert chi2_sf(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("degrees", [1, 4, 13, 27, 400])
@pytest.mark.parametrize("statistic", [0.0, 0.5, -2.0, 7.0, 40.0])
def test_t_tails_are_scipys(statistic, degrees):
    expected = 2 * stats.t.sf(abs(statistic), degrees)
    assert t_two_sided(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("degrees", [1, 4, 7, 13, 77])
@pytest.mark.parametrize("two_sided", [0.9, 0.05, 0.0026, 1e-9])
def test_t_quantiles_are_scipys(two_sided, degrees):
    assert t_quantile(two_sided, degrees) == pytest.approx(stats.t.isf(two_sided / 2, degrees), rel=1e-9)


@pytest.mark.parametrize("statistic", [0.0, 0.5, -1.96, 5.0, 12.0])
def test_normal_tails_are_scipys(statistic):
    expected = 2 * stats.norm.sf(abs(statistic))
    assert normal_two_sided(statistic) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("statistic", [0.0, 0.2, 0.5, 0.8, 0.999, 1.0, 1.001, 1.36, 2.0, 5.0])
def test_kolmogorovs_tails_are_scipys(statistic):
    assert kolmogorov_sf(statistic) == pytest.approx(special.kolmogorov(statistic), rel=1e-9)


def test_benjamini_hochberg_is_scipys():
    p_values = [0.01, 0.8, 0.03, 0.002, 0.04, 0.04, 1.0]
    assert adjusted(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())
    assert adjusted([]) == []
    many = np.random.default_rng(1).random(250) ** 3
    assert adjusted(many.tolist()) == pytest.approx(stats.false_discovery_control(many).tolist(), rel=1e-12)
