import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from tidegate.profile import BASELINE_RANKS, DROP_RANKS, profile_batches
from tidegate.statistics.distances import EQUAL_EFFECTS, Cumulative, jensen_shannon, number_distances, psi

HISTOGRAM = st.lists(st.integers(0, 1000), min_size=12, max_size=12).filter(sum)


def column(values, ranks=BASELINE_RANKS):
    batches = pa.table({"x": values}).to_batches(max_chunksize=65_536)
    return profile_batches(batches, ranks=ranks).columns["x"]


def measured(reference, current):
    one, other = column(reference), column(current, DROP_RANKS)
    return number_distances(Cumulative.of(one), Cumulative.of(other), one.count, other.count)


def test_psi_matches_a_value_worked_by_hand():
    # Shares with half an observation a bin: (10.5, 30.5)/41 and (20.5, 20.5)/41.
    index, effect, p_value = psi(np.array([10.0, 30.0]), np.array([20.0, 20.0]))
    expected = (10.5 - 20.5) / 41 * np.log(10.5 / 20.5) + (30.5 - 20.5) / 41 * np.log(30.5 / 20.5)
    assert index == pytest.approx(expected)
    assert effect == pytest.approx(expected - (1 / 40 + 1 / 40))
    assert p_value == pytest.approx(stats.chi2.sf(expected / (1 / 40 + 1 / 40), 1))


def test_bins_that_both_sides_lack_change_nothing():
    one, other = np.array([5.0, 9.0, 3.0]), np.array([8.0, 1.0, 7.0])
    assert psi(np.append(one, 0), np.append(other, 0)) == psi(one, other)


@given(HISTOGRAM, HISTOGRAM)
def test_jensen_shannon_is_scipys(one, other):
    expected = distance.jensenshannon(one, other, base=2)
    assert jensen_shannon(np.array(one, float), np.array(other, float)) == pytest.approx(expected, abs=2e-8)


@pytest.mark.parametrize("shift", [0.1, 0.3, 1.0])
@pytest.mark.parametrize(
    "made",
    [
        lambda rng, n: rng.normal(0, 1, n),
        lambda rng, n: np.round(rng.lognormal(3, 1, n), 2),
        lambda rng, n: rng.poisson(4, n).astype(float),
    ],
    ids=["normal", "lognormal", "poisson"],
)
def test_ks_and_wasserstein_are_those_of_all_rows(made, shift):
    rng = np.random.default_rng(7)
    reference, current = made(rng, 120_000), made(rng, 90_000) * (1 + shift) + shift
    found = measured(reference, current)
    exact = stats.ks_2samp(reference, current, method="asymp").statistic
    unit = stats.iqr(reference) / 1.349
    assert found.ks == pytest.approx(exact, abs=2e-3)
    assert found.ks_effect <= exact  # what a sketch cannot know is never held against the rows
    exact = stats.wasserstein_distance(reference, current) / unit
    assert found.wasserstein == pytest.approx(exact, rel=0.005, abs=0.005)  # ranks lack the farthest tail


def test_ks_of_rows_that_are_all_kept_has_scipys_p_value():
    rng = np.random.default_rng(3)
    reference, current = rng.normal(0, 1, 1000), rng.normal(0.1, 1, 800)
    found = measured(reference, current)
    exact = stats.ks_2samp(reference, current, method="asymp")
    assert found.ks == found.ks_effect == pytest.approx(exact.statistic, abs=1e-12)
    expected = stats.kstwobign.sf(np.sqrt(1000 * 800 / 1800) * exact.statistic)
    assert found.ks_p_value == pytest.approx(expected, rel=1e-9)


def test_distances_speak_of_the_same_effect_at_their_levels():
    # A normal distribution shifted by d: W1 is d; KS is 2 Phi(d/2) - 1.
    for index, shift in enumerate((0.32, 0.46)):
        assert EQUAL_EFFECTS["wasserstein"][index] == shift
        assert EQUAL_EFFECTS["ks"][index] == pytest.approx(2 * stats.norm.cdf(shift / 2) - 1, abs=0.01)
        edges = stats.norm.ppf(np.arange(1, 10) / 10)
        moved = np.diff(stats.norm.cdf(edges - shift), prepend=0, append=1)
        exact = np.sum((0.1 - moved) * np.log(0.1 / moved))
        assert EQUAL_EFFECTS["psi"][index] == pytest.approx(exact, abs=0.01)
        edges = stats.norm.ppf(np.arange(1, 30) / 30)
        moved = np.diff(stats.norm.cdf(edges - shift), prepend=0, append=1)
        fine = distance.jensenshannon(np.full(30, 1 / 30), moved, base=2)
        assert EQUAL_EFFECTS["jensen_shannon"][index] == pytest.approx(fine, abs=0.01)


def test_a_quantile_that_is_reached_always_occurs():
    points = Cumulative.of(column(np.array([0.0] * 98 + [7.0, 9.0])))
    assert points.reached(np.array([0.01, 0.5, 0.98, 0.99, 1.0])).tolist() == [0, 0, 0, 7, 9]


def test_columns_of_one_value_have_no_unit_to_measure_by():
    found = measured(np.zeros(600), np.ones(600))
    assert (found.ks, found.wasserstein) == (1.0, None)
