"""Heavy hitters keep what they promise, in any order and any split, against exact counts."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiled import merged, profiled

from tidegate.profile.frequencies import EXACT_CHARACTERS, Frequencies, merge

ROWS = 40_000


def assert_bound(column, values):
    """No count is too high, none lacks more than the error, and the error is below one percent."""
    exact = Counter(values)
    assert column.counts is None
    assert column.heavy_error <= len(values) / 100
    for value, count in exact.items():
        listed = column.heavy.get(value, 0)
        assert listed <= count <= listed + column.heavy_error
    assert set(column.heavy) <= set(exact)
    assert list(column.heavy.values()) == sorted(column.heavy.values(), reverse=True)


def crowd(shape, rng):
    """Integers of which more than 1,000 differ."""
    noise = rng.integers(10**6, 10**9, ROWS)
    if shape == "zipf":
        return np.minimum(rng.zipf(1.3, ROWS), 10**9)
    if shape == "uniform":
        return rng.integers(0, 20_000, ROWS)
    if shape == "all different":
        return np.arange(ROWS) * 10**6
    heavy = np.repeat(np.arange(7), ROWS // 40)  # seven values of 2.5 percent each
    noise[: len(heavy)] = heavy
    if shape == "frequent last":
        return noise[::-1].copy()
    if shape == "scattered":
        return rng.permutation(noise)
    return noise  # frequent first


SHAPES = ["zipf", "uniform", "all different", "frequent first", "frequent last", "scattered"]


@pytest.mark.parametrize("batch", [300, 5000, 65_536])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("form", ["integers", "floats", "near", "texts", "dictionaries"])
def test_heavy_hitters_keep_their_bound_in_adversarial_orders(shape, form, batch):
    numbers = crowd(shape, np.random.default_rng(5))
    if form == "floats":
        values = pa.array(numbers / 4)
    elif form == "near":  # within reach of a tally
        values = pa.array(numbers % 29_989)
    elif form == "integers":
        values = pa.array(numbers)
    else:
        values = pa.array([f"v{number}" for number in numbers])
    if form == "dictionaries":
        values = values.dictionary_encode()
    column = profiled(values, rows_per_batch=batch)
    assert_bound(column, values.to_pylist())
    if shape in ("frequent first", "frequent last", "scattered"):
        assert len(column.heavy) >= 7


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.integers(1, ROWS - 1), min_size=1, max_size=8),
    shape=st.sampled_from(SHAPES),
)
def test_heavy_hitters_of_any_split_merged_in_any_order_keep_their_bound(seed, cuts, shape):
    rng = np.random.default_rng(seed)
    values = crowd(shape, rng)
    parts = np.split(values, sorted(set(cuts)))
    rng.shuffle(parts)
    assert_bound(merged(parts), values.tolist())


def test_profiles_that_counted_each_value_and_profiles_that_could_not_merge():
    few, many = ["a"] * 500 + ["b"] * 300, [f"{number}" for number in range(1500)] + ["a"] * 100
    column = merged([few, many, ["c"]])
    assert column.counts is None
    exact = Counter([*few, *many, "c"])
    assert all(
        column.heavy.get(value, 0) <= exact[value] <= column.heavy.get(value, 0) + column.heavy_error
        for value in exact
    )
    assert column.top(1)[0][0] == "a"


def test_many_merges_lose_no_more_than_one_would():
    rng = np.random.default_rng(2)
    parts = [rng.zipf(1.2, 2000) % 10**9 for _ in range(200)]
    column = merged(parts)
    assert_bound(column, np.concatenate(parts).tolist())


def test_the_most_frequent_values_come_first_and_ties_in_order_of_their_text():
    assert profiled(["b", "a", "c", "c"]).top(2) == [("c", 2), ("a", 1)]


def test_long_texts_are_not_kept_in_a_profile():
    pages = [f"{number}" * 3000 for number in range(10, 60)]  # 6,000 characters each
    column = profiled(pages * 2)
    assert sum(map(len, pages)) > EXACT_CHARACTERS
    assert column.counts is None
    assert column.heavy == {}
    assert column.distinct == pytest.approx(50, rel=0.05)
    assert merged([pages[:25], pages[25:]]).counts is None
    assert merged([pages[:25], pages[:25]]).counts == dict.fromkeys(pages[:25], 2)


def test_merging_nothing_counted_is_exact():
    assert merge([Frequencies(), Frequencies(counts={"a": 1})]).counts == {"a": 1}
