"""Ranks of samples of several weights are those that follow each value's weight one by one."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.profile.ranks import Ranks
from tidegate.profile.samples import at_even_ranks, weight_of_each

SAMPLES = st.lists(
    st.tuples(
        st.lists(st.floats(-1e300, 1e300) | st.sampled_from([-2.5, -0.0, 0.0, 1.0]), min_size=1),
        st.integers(1, 5),
    ),
    min_size=1,
)


def followed(samples, weights, keep):
    """Row by row in exact arithmetic: the value that holds the middle of each stretch."""
    pairs = sorted(
        (value, weight) for sample, weight in zip(samples, weights, strict=True) for value in sample
    )
    rows = sum(weight for _, weight in pairs)
    found = []
    for stretch in range(keep):
        middle, before = Fraction(2 * stretch + 1, 2 * keep) * rows, 0
        for value, weight in pairs:
            before += weight
            if before >= middle:
                found.append(value)
                break
    return found, rows


@given(SAMPLES, st.sampled_from([1, 2, 8, 64]))  # powers of two: middles are exact in floats
def test_the_values_at_even_ranks_are_those_of_rows_counted_one_by_one(drawn, keep):
    samples = [np.sort(values) for values, _ in drawn]
    weights = np.array([float(weight) for _, weight in drawn])
    expected, rows = followed(samples, [weight for _, weight in drawn], keep)
    found = at_even_ranks(samples, weights, keep)
    if found is None:  # the last bits decide
        whole = np.unique(np.concatenate(samples) + 0.0)
        assert (np.diff(whole) <= 8 * np.spacing(np.abs(whole[:-1])) + 1e-322).any()
        return
    assert (found[0].tolist(), found[1]) == (expected, rows)


def test_values_that_differ_by_their_last_bit_are_left_to_the_argsort():
    near = np.array([1.0, np.nextafter(1.0, 2.0)])
    assert at_even_ranks([near, near], np.array([1.0, 2.0]), 2) is None


@pytest.mark.parametrize("near", [0.0, float(np.spacing(0.5))], ids=["sorted apart", "followed"])
def test_a_merge_of_many_points_weighs_each_sample_by_its_rows(near):  # `near`: of two neighbours
    rng = np.random.default_rng(3)
    samples = [np.sort(np.round(rng.normal(size=2048), 6)) for _ in range(80)]
    samples[0][1000:1002] = [0.5, 0.5 + near]
    weights = [1.0, 3.0] * 40
    parts = [Ranks(values, np.full(2048, weight)) for values, weight in zip(samples, weights, strict=True)]
    merged = Ranks.merge(parts, 256)
    rows = np.sort(np.concatenate([np.repeat(v, int(w)) for v, w in zip(samples, weights, strict=True)]))
    middles = np.ceil((np.arange(256) + 0.5) * len(rows) / 256).astype(int) - 1
    assert merged.values.tolist() == rows[middles].tolist()
    assert merged.weights.sum() == pytest.approx(len(rows))


def test_a_sample_of_two_weights_has_no_weight_of_its_own():
    assert weight_of_each([np.array([2.0, 2.0]), np.zeros(0), np.array([3.0])]).tolist() == [2, 3]
    assert weight_of_each([np.array([2.0, 2.0]), np.array([3.0, 4.0])]) is None
