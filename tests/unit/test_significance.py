import pytest
from scipy import stats

from tidegate.significance import adjusted, chi2_sf, t_two_sided


@pytest.mark.parametrize("degrees", [1, 2, 9, 52, 300])
@pytest.mark.parametrize("statistic", [0.0, 0.1, 1.0, 9.0, 40.0, 300.0, 900.0])
def test_chi_square_tails_are_scipys(statistic, degrees):
    expected = stats.chi2.sf(statistic, degrees)
    assert chi2_sf(statistic, degrees) == pytest.approx(expected, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("degrees", [1, 4, 13, 27, 400])
@pytest.mark.parametrize("statistic", [0.0, 0.5, -2.0, 7.0, 40.0])
def test_t_tails_are_scipys(statistic, degrees):
    expected = 2 * stats.t.sf(abs(statistic), degrees)
    assert t_two_sided(statistic, degrees) == pytest.approx(expected, rel=1e-8, abs=1e-300)


def test_benjamini_hochberg_is_scipys():
    p_values = [0.01, 0.8, 0.03, 0.002, 0.04, 0.04, 1.0]
    assert adjusted(p_values) == pytest.approx(stats.false_discovery_control(p_values).tolist())
    assert adjusted([]) == []
