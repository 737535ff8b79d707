"""Ranks stay within L / (2 K) on inputs made to break them; levels are counted."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiled import profiled, rank_error

from tidegate.profile import BASELINE_RANKS, DROP_RANKS, merge, profile_batches
from tidegate.profile.ranks import RankBuilder, Ranks

SHARES = np.linspace(0.01, 0.99, 99)
SHAPES = ["sorted", "reversed", "normal", "ties", "zipf", "constant", "sawtooth", "two clusters", "spikes"]


def shaped(shape, n, rng):
    return {
        "sorted": np.arange(n, dtype=float),
        "reversed": np.arange(n, 0, -1, dtype=float),
        "normal": rng.normal(size=n),
        "ties": rng.integers(0, 2000, n).astype(float),
        "zipf": rng.zipf(1.5, n).astype(float),
        "constant": np.full(n, 7.0),
        "sawtooth": np.arange(n) % 4099 + rng.random(n),
        "two clusters": np.where(np.arange(n) < n // 2, rng.normal(0, 1e-9, n), rng.normal(1e9, 1e-3, n)),
        "spikes": np.where(rng.random(n) < 0.5, 3.0, rng.lognormal(0, 5, n)),
    }[shape]


@pytest.mark.parametrize("keep", [DROP_RANKS, BASELINE_RANKS])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rows_per_batch", [500, 4096, 65_536])
def test_ranks_keep_their_bound_on_every_shape(shape, keep, rows_per_batch):
    n = 60_000
    values = shaped(shape, n, np.random.default_rng(1))
    parts = [
        profile_batches(pa.table({"x": part}).to_batches(rows_per_batch), ranks=keep)
        for part in np.array_split(values, 5)
    ]
    column = merge(parts, ranks=keep).columns["x"]
    levels = 3  # batch, shard, drop
    assert rank_error(column, values, SHARES) <= levels / (2 * keep) + 1 / n


def test_ranks_keep_their_bound_when_levels_of_samples_pile_up():
    rng = np.random.default_rng(4)
    builder, batches = RankBuilder(64), []
    for index in range(2500):  # 160,000 points: four times squashed to 8,192, and these four again
        values = np.sort(rng.normal(index % 7, 1, 640))
        batches.append(values)
        builder.add(values[(np.arange(64) + 0.5).astype(int) * 10 + 5], 10.0)
    ranks = builder.finish()
    assert len(builder.levels) == 3
    values = np.sort(np.concatenate(batches))
    found = np.searchsorted(values, ranks.quantile(SHARES)) / len(values)
    assert np.abs(found - SHARES).max() <= 3 / (2 * 64)  # batch, finish, and both levels together far less
    assert ranks.weights.sum() == pytest.approx(len(values))


@settings(max_examples=60, deadline=None)
@given(
    weighed=st.dictionaries(st.integers(-50, 50), st.integers(1, 30), min_size=1, max_size=40),
    share=st.floats(0, 1),
)
def test_a_quantile_of_counted_values_has_the_rank_that_was_asked_for(weighed, share):
    values = np.repeat(sorted(weighed), [weighed[value] for value in sorted(weighed)])
    ranks = Ranks.of_counts(weighed)
    assert rank_error(ranks, values, np.array([share])) <= 1 / len(values) + 1e-9
    points = np.array([-51, 0, 51.0])
    assert ranks.share_at_or_below(points) == pytest.approx([(values <= point).mean() for point in points])


def test_quantiles_of_kept_rows_are_interpolated_between_neighbours():
    # The middles of 4 rows are at 1/8, 3/8, 5/8 and 7/8.
    assert profiled([4.0, 1.0, 3.0, 2.0]).quantile(np.array([0, 0.375, 0.5, 1])).tolist() == [1, 2, 2.5, 4]


def test_a_flag_has_no_quantile_between_no_and_yes():
    column = profiled([0, 0, 0, 0, 0, 0, 1, 1] * 1000)
    assert column.quantile(np.array([0.1, 0.5, 0.7, 0.8])).tolist() == [0, 0, 0, 1]


def test_samples_of_the_same_batches_are_the_same_whatever_came_before():
    values = np.random.default_rng(8).normal(size=30_000)
    one, other = profiled(values, rows_per_batch=1000), profiled(values, rows_per_batch=1000)
    assert one.ranks.values.tolist() == other.ranks.values.tolist()
