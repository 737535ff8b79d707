from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats
from scipy.spatial import distance
from simulated import profiled, tell

from tidegate.contract.plan import DriftSettings
from tidegate.profile import BASELINE_RANKS, DROP_RANKS, Profile, merge, profile_batches
from tidegate.statistics.distances import psi
from tidegate.statistics.drift import drift
from tidegate.statistics.significance import adjusted


def baseline(**columns):
    return profiled(columns, BASELINE_RANKS)


def normal(seed, n, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1, n)


def decile_counts(reference, *sides):
    edges = np.quantile(reference, np.arange(1, 10) / 10)
    return [np.bincount(np.searchsorted(edges, side), minlength=10).astype(float) for side in sides]


def in_shards(values, shards, rows_per_batch, ranks=DROP_RANKS):
    """The profile of a column that was read in shards."""
    parts = [
        profile_batches(pa.table({"x": part}).to_batches(rows_per_batch))
        for part in np.array_split(values, shards)
    ]
    return merge(parts, ranks=ranks)


def cents(rng, n, shift):
    return np.round(rng.lognormal(3 + shift, 1, n), 2)


def clumped(rng, n, shift):
    """Three of ten rows have a whole number, the others hardly a value twice."""
    values = rng.normal(shift, 1, n)
    return np.where(rng.random(n) < 0.3, np.round(values), values)


def heavy(counts, rows, error=0):
    """A profile of a text of more than 1,000 values, of which these are the frequent ones."""
    column = profiled({"x": ["a"] * 10}).columns["x"]
    column = replace(column, rows=rows, counts=None, heavy=counts, heavy_error=error)
    return Profile(rows=rows, columns={"x": column})


@pytest.mark.parametrize("shift", [0.05, 0.2, 0.3, 0.5, 1.0])
def test_psi_ks_wasserstein_and_jensen_shannon_are_those_of_all_rows(shift):
    reference, current = normal(1, 140_000), normal(2, 130_000, shift)
    [found] = drift(baseline(x=reference), profiled({"x": current}))
    exact, effect, p_value = psi(*decile_counts(reference, reference, current))
    beyond = 1e-3 if shift > 0.5 else 0.0  # of a PSI of 0.9: a bin has nearly emptied
    assert found.psi == pytest.approx(exact, abs=5e-4, rel=beyond)
    assert found.effect == pytest.approx(effect, abs=5e-4, rel=beyond)
    assert found.ks == pytest.approx(stats.ks_2samp(reference, current).statistic, abs=2e-3)
    assert found.ks_effect <= found.ks
    unit = stats.iqr(reference) / 1.349
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(reference, current) / unit, abs=5e-3)
    edges = np.quantile(reference, np.arange(1, 30) / 30)
    fine = [np.bincount(np.searchsorted(edges, side), minlength=30) for side in (reference, current)]
    assert found.jensen_shannon == pytest.approx(distance.jensenshannon(*fine, base=2), abs=2e-3)
    assert (found.l_infinity, found.unseen_share) == (None, None)
    assert p_value < 0.01
    assert found.status == ("stable" if shift <= 0.3 else "alarm")


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("shards, rows_per_batch", [(1, 65_536), (3, 65_536), (7, 1000)])
@pytest.mark.parametrize("rows", [10_000, 60_000])
def test_psi_is_that_of_all_rows_whatever_the_shards_and_batches(rows, shards, rows_per_batch, shift):
    for seed in range(5):
        reference, current = normal(seed, rows), normal(seed + 1000, rows, shift)
        [found] = drift(
            in_shards(reference, shards, rows_per_batch, BASELINE_RANKS),
            in_shards(current, shards, rows_per_batch),
        )
        assert found.psi == pytest.approx(psi(*decile_counts(reference, reference, current))[0], abs=5e-4)
        assert found.ks == pytest.approx(stats.ks_2samp(reference, current).statistic, abs=1e-3)


@pytest.mark.parametrize("shift", [0.1, 0.3])
@pytest.mark.parametrize("made", [cents, clumped])
def test_psi_of_tied_values_is_that_of_all_rows(made, shift):
    rng = np.random.default_rng(5)
    reference, current = made(rng, 100_000, 0), made(rng, 80_000, shift)
    [found] = drift(in_shards(reference, 3, 65_536, BASELINE_RANKS), in_shards(current, 3, 65_536))
    assert found.psi == pytest.approx(psi(*decile_counts(reference, reference, current))[0], abs=5e-4)


def test_psi_of_rows_that_are_all_kept_is_exactly_numpys():
    reference, current = normal(1, 2000), normal(2, 1500, 0.4)
    [found] = drift(baseline(x=reference), profiled({"x": current}))
    assert found.psi == pytest.approx(psi(*decile_counts(reference, reference, current))[0], rel=1e-12)


@pytest.mark.parametrize("frequent, rare", [(1.0, 0.0), (0.0, 1.0), (7.0, -7.0)])
def test_a_rare_value_on_either_side_of_a_frequent_one_is_a_bin_of_its_own(frequent, rare):
    reference, current = np.repeat([frequent, rare], [9700, 300]), np.repeat([frequent, rare], [9000, 1000])
    [found] = drift(baseline(x=reference), profiled({"x": current}))
    assert found.psi == pytest.approx(psi(np.array([9700.0, 300.0]), np.array([9000.0, 1000.0]))[0])


@pytest.mark.parametrize("moved", [-1.0, 6.0])
def test_a_value_that_all_rows_have_drifts_whichever_way_it_moves(moved):
    capped = np.minimum(normal(1, 5000), -1.0)  # some 84 percent are at the cap
    [found] = drift(baseline(x=capped), profiled({"x": np.where(capped < -1.0, capped, moved)}))
    assert found.status == ("alarm" if moved > 0 else "stable")
    [found] = drift(baseline(x=np.full(5000, 5.0)), profiled({"x": np.full(5000, moved)}))
    assert found.status == "alarm"


def test_few_values_are_compared_exactly():
    reference, current = np.repeat([0, 1], [900, 100]), np.repeat([0, 1], [500, 500])
    [found] = drift(baseline(x=reference), profiled({"x": current}))
    assert found.psi == pytest.approx(psi(np.array([900.0, 100.0]), np.array([500.0, 500.0]))[0])
    assert found.ks == found.ks_effect == pytest.approx(0.4)


def test_values_never_seen_are_a_bin_of_their_own():
    reference = baseline(x=["a"] * 600 + ["b"] * 400)
    [found] = drift(reference, profiled({"x": ["a"] * 300 + ["b"] * 200 + ["c"] * 500}))
    assert (found.status, found.unseen_share, found.l_infinity) == ("alarm", 0.5, 0.5)
    expected = psi(np.array([600.0, 400, 0]), np.array([300.0, 200, 500]))[0]
    assert found.psi == pytest.approx(expected)
    assert found.jensen_shannon == pytest.approx(
        distance.jensenshannon([600, 400, 0], [300, 200, 500], base=2)
    )


def test_the_largest_change_of_a_share_may_be_of_a_rare_value():
    reference = baseline(x=[f"v{n % 100:02d}" for n in range(1000)])
    [found] = drift(reference, profiled({"x": ["v99"] * 300 + ["v00"] * 700}))
    assert found.l_infinity == pytest.approx(0.7 - 0.01)


def test_missing_values_are_a_bin_too():
    reference = baseline(x=pa.array(normal(1, 2000)))
    half = pa.array(normal(2, 2000), mask=np.arange(2000) % 2 == 0)
    [found] = drift(reference, profiled({"x": half}))
    assert found.status == "alarm"
    [gone] = drift(reference, profiled({"x": pa.array([None] * 2000, pa.float64())}))
    assert (gone.status, gone.ks) == ("alarm", None)


def test_texts_of_very_many_values_are_compared_by_the_frequent_ones():
    reference = heavy({"a": 3000, "b": 1000, "rare": 20}, 10_000)
    [same] = drift(reference, heavy({"a": 1500, "b": 500}, 5000))
    assert (same.status, same.psi, same.unseen_share) == ("stable", pytest.approx(0, abs=1e-3), None)
    [moved] = drift(reference, heavy({"a": 400, "b": 500, "new": 1100}, 5000))
    expected = psi(np.array([3000.0, 1000, 0, 6000]), np.array([400.0, 500, 1100, 3000]))[0]
    assert (moved.status, moved.psi) == ("alarm", pytest.approx(expected))
    assert moved.l_infinity == pytest.approx(0.22)


def test_what_a_heavy_hitters_count_may_lack_is_never_taken_for_drift():
    reference = heavy({"a": 3000, "b": 1000}, 10_000)
    [found] = drift(reference, heavy({"a": 1100}, 5000, error=500))  # a: 22 to 32 percent; b: 0 to 10
    assert found.psi == pytest.approx(0, abs=1e-3)
    [sure] = drift(reference, heavy({"a": 100}, 5000, error=50))
    assert sure.status == "alarm"
    [few] = drift(reference, profiled({"x": ["a"] * 300 + ["b"] * 100 + ["c"] * 600}))  # exactly counted
    expected = psi(np.array([3000.0, 1000, 0, 6000]), np.array([300.0, 100, 600, 0]))[0]
    assert few.psi == pytest.approx(expected)


def test_too_few_rows_are_insufficient_and_never_stable():
    [found] = drift(baseline(x=normal(1, 5000)), profiled({"x": normal(2, 499, shift=3)}))
    assert (found.status, found.reference_rows, found.current_rows) == ("insufficient", 5000, 499)
    [found] = drift(baseline(x=normal(1, 499)), profiled({"x": normal(2, 5000, shift=3)}))
    assert found.status == "insufficient"


def test_what_cannot_be_compared_says_so():
    times = pa.array(range(1000), pa.timestamp("s", "UTC"))
    ids = [f"id-{number}" for number in range(1000)]
    many = [f"id-{number}" for number in range(2000)]
    table = {"time": times, "id": ids, "text": ["a", "b"] * 500, "nested": [[1]] * 1000}
    other = {"time": times, "id": ids, "text": [1, 2] * 500, "nested": [[2]] * 1000}
    found = {item.column: item.status for item in drift(baseline(**table), profiled(other), [*table, "gone"])}
    assert found == dict.fromkeys((*table, "gone"), "not comparable")
    [unlisted] = drift(baseline(id=many), profiled({"id": many}))
    assert unlisted.status == "not comparable"


@pytest.mark.parametrize(
    "settings, status",
    [
        (DriftSettings(), "warning"),
        (DriftSettings(warning=0.3), "stable"),
        (DriftSettings(alarm=0.05), "alarm"),
        (DriftSettings(warning=0.01, alarm=0.5), "warning"),
    ],
)
def test_a_column_may_have_its_own_levels(settings, status):
    reference, current = baseline(x=normal(1, 20_000)), profiled({"x": normal(2, 20_000, 0.37)})  # PSI 0.13
    [found] = drift(reference, current, settings={"x": settings})
    assert found.status == status
    assert drift(reference, current, settings={"x": DriftSettings(watched=False)}) == []


def test_eight_drops_as_far_off_make_a_shift_usual_and_seven_do_not():
    reference, current = baseline(x=normal(1, 20_000)), profiled({"x": normal(2, 20_000, 0.6)})
    known = [0.30, 0.36, 0.25, 0.40, 0.33, 0.29, 0.35, 0.31]
    [found] = drift(reference, current, earlier={"x": known})
    assert (found.status, found.usual_psi) == ("stable", 0.32)
    assert found.effect > 0.2
    [found] = drift(reference, current, earlier={"x": known[:7]})
    assert (found.status, found.usual_psi) == ("alarm", None)
    quiet = [psi_ / 100 for psi_ in known]
    assert drift(reference, current, earlier={"x": quiet})[0].status == "alarm"


def test_a_certain_shift_that_is_too_small_to_matter_is_stable():
    reference = baseline(x=normal(0, 100_000))
    for seed in range(1, 6):
        [found] = drift(reference, profiled({"x": normal(seed, 50_000, shift=0.05)}))
        assert (found.status, found.p_value < 0.01, found.ks_p_value < 0.01) == ("stable", True, True)


def test_many_quiet_columns_do_not_add_up_to_an_alarm():
    reference = baseline(**{f"c{n}": normal(n, 20_000) for n in range(20)})
    current = profiled({f"c{n}": normal(100 + n, 600) for n in range(20)})
    assert {item.status for item in drift(reference, current)} == {"stable"}


@pytest.mark.parametrize("rows", [500, 1000, 10_000, 100_000, 1_000_000])
def test_without_a_shift_hardly_a_drop_of_twenty_columns_drifts(rows, capsys):
    """Exact sampling: a decile of m reference rows has a Beta, all ten a Dirichlet distributed share."""
    rng = np.random.default_rng(rows)
    for reference_rows in (500, 100_000, 1_000_000):
        drops = drifted = below = 0
        for _ in range(100):
            shares = rng.dirichlet(np.full(10, reference_rows / 10), 20)
            measured = [
                psi(np.full(10, reference_rows / 10), counts)
                for counts in rng.multinomial(rows, shares).astype(float)
            ]
            corrected = adjusted([p_value for _, _, p_value in measured])
            below += sum(p_value < 0.01 for _, _, p_value in measured)
            drifted += any(
                p < 0.01 and effect >= 0.1 for p, (_, effect, _) in zip(corrected, measured, strict=True)
            )
            drops += 1
        tell(
            capsys,
            f"{drifted / drops:.1%} of {drops} drops of {rows:,} rows drift against {reference_rows:,}; "
            f"{below / (20 * drops):.2%} of p-values are below 1%",
        )
        assert drifted / drops <= 0.01
        assert below / (20 * drops) <= 0.02


@pytest.mark.parametrize(
    "rows, shift, statuses, power",
    [
        (1000, 0.5, {"warning", "alarm"}, 0.95),
        (500, 0.46, {"warning", "alarm"}, 0.95),
        (500, 0.6, {"alarm"}, 0.95),
        (1000, 0.6, {"alarm"}, 0.99),
        (1000, 0.0, {"warning", "alarm"}, None),
        (500, 0.0, {"warning", "alarm"}, None),
    ],
)
def test_through_profiles_a_shift_is_found_and_none_is_not(rows, shift, statuses, power, capsys):
    reference = baseline(x=normal(0, 100_000))
    quiet = [1.0] * 19  # p-values of other columns, as in the worst case of twenty
    trials, hits = 300, 0
    for seed in range(trials):
        [found] = drift(reference, profiled({"x": normal(1000 + seed, rows, shift)}), q=1.0)
        corrected = adjusted([found.p_value, *quiet])[0]
        hits += corrected < 0.01 and found.status in statuses
    tell(capsys, f"{hits / trials:.1%} {' or '.join(sorted(statuses))} at {rows} rows, shifted by {shift} sd")
    assert hits / trials >= power if power else hits / trials <= 0.01


@pytest.mark.slow
def test_a_million_rows_against_a_million_do_not_drift_by_the_sketch_alone(capsys):
    reference = baseline(**{f"c{n}": normal(n, 1_000_000) for n in range(4)})
    worst = 0.0
    for seed in range(10):
        current = profiled({f"c{n}": normal(100 + 10 * seed + n, 1_000_000) for n in range(4)})
        found = drift(reference, current)
        assert {item.status for item in found} == {"stable"}
        assert all(item.ks_p_value > 0.001 for item in found)
        worst = max(worst, *(item.effect for item in found))
    tell(capsys, f"largest effect of 40 quiet columns of a million rows: PSI {worst:.5f}")
    assert worst < 1e-3
