import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from tidegate.distances import psi
from tidegate.drift import drift
from tidegate.profile import BASELINE_RANKS, profile_batches


def profiled(ranks=BASELINE_RANKS, **columns):
    return profile_batches(pa.table(columns).to_batches(max_chunksize=65_536), ranks=ranks)


def normal(seed, n, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, n)


def test_a_number_is_binned_by_the_references_deciles():
    reference, current = normal(1, 40_000), normal(2, 30_000, shift=0.5)
    [found] = drift(profiled(x=reference), profiled(x=current))
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    counts = [
        np.bincount(np.searchsorted(edges, side), minlength=10).astype(float) for side in (reference, current)
    ]
    assert found.psi == pytest.approx(psi(*counts)[0], abs=5e-4)
    assert found.ks == pytest.approx(stats.ks_2samp(reference, current).statistic, abs=2e-3)
    assert found.status == "alarm"


def test_few_values_are_compared_exactly():
    reference, current = np.repeat([0, 1], [900, 100]), np.repeat([0, 1], [500, 500])
    [found] = drift(profiled(x=reference), profiled(x=current))
    assert found.psi == pytest.approx(psi(np.array([900.0, 100.0]), np.array([500.0, 500.0]))[0])
    assert found.ks == pytest.approx(0.4)


def test_values_never_seen_are_a_bin_of_their_own():
    reference = profiled(x=["a"] * 600 + ["b"] * 400)
    [found] = drift(reference, profiled(x=["a"] * 300 + ["b"] * 200 + ["c"] * 500))
    assert (found.status, found.unseen_share) == ("alarm", 0.5)


def test_missing_values_are_a_bin_too():
    reference = profiled(x=pa.array(normal(1, 2000)))
    half = pa.array(normal(2, 2000), mask=np.arange(2000) % 2 == 0)
    [found] = drift(reference, profiled(x=half))
    assert found.status == "alarm"


def test_too_few_rows_are_insufficient_and_never_stable():
    [found] = drift(profiled(x=normal(1, 5000)), profiled(x=normal(2, 499, shift=3)))
    assert found.status == "insufficient"


def test_what_cannot_be_compared_says_so():
    times = pa.array(range(1000), pa.timestamp("s", "UTC"))
    ids = [f"id-{number}" for number in range(1000)]
    table = {"time": times, "id": ids, "text": ["a", "b"] * 500}
    other = {"time": times, "id": ids, "text": [1, 2] * 500}
    found = {
        item.column: item.status for item in drift(profiled(**table), profiled(**other), [*table, "gone"])
    }
    assert found == dict.fromkeys((*table, "gone"), "not comparable")


def test_without_a_shift_hardly_anything_is_found_and_with_one_nearly_always():
    reference = profiled(x=normal(0, 100_000))
    quiet = [drift(reference, profiled(x=normal(seed, 500)))[0].status for seed in range(1, 101)]
    assert quiet.count("stable") == 100
    shifted = [drift(reference, profiled(x=normal(seed, 1000, shift=0.6)))[0].status for seed in range(1, 41)]
    assert shifted.count("alarm") >= 39
    slight = [drift(reference, profiled(x=normal(seed, 50_000, shift=0.05)))[0] for seed in range(1, 6)]
    assert {item.status for item in slight} == {"stable"}  # certain, and too small to matter
    assert all(item.p_value < 0.01 for item in slight)


def test_many_quiet_columns_do_not_add_up_to_an_alarm():
    reference = profiled(**{f"c{n}": normal(n, 20_000) for n in range(20)})
    current = profiled(**{f"c{n}": normal(100 + n, 600) for n in range(20)})
    assert {item.status for item in drift(reference, current)} == {"stable"}
