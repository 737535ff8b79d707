import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.splits import expanding


def folds_of(moments, folds, gap):
    return [(t.tolist(), v.tolist()) for t, v in expanding(np.array(moments, dtype=float), folds, gap)]


def test_folds_worked_by_hand():
    # Twelve rows a second apart in 4 blocks of 3; a gap of 2 s before 3, 6 and 9 leaves what is <= 1, 4, 7.
    assert folds_of(range(12), 3, 2) == [
        ([0, 1], [3, 4, 5]),
        ([0, 1, 2, 3, 4], [6, 7, 8]),
        ([0, 1, 2, 3, 4, 5, 6, 7], [9, 10, 11]),
    ]


def test_rows_in_any_order_are_split_by_their_time():
    # times 5 0 3 1 4 2: rows in order of time are 1 3 5 2 4 0
    assert folds_of([5, 0, 3, 1, 4, 2], 2, 1) == [([1, 3], [5, 2]), ([1, 3, 5, 2], [4, 0])]


def test_a_fold_whose_past_lies_within_the_gap_is_left_out():
    assert folds_of(range(12), 3, 5) == [([0, 1], [6, 7, 8]), ([0, 1, 2, 3, 4], [9, 10, 11])]
    assert folds_of(range(12), 3, 100) == []


def test_fewer_rows_than_blocks_give_the_folds_there_are():
    assert folds_of([0, 10], 3, 1) == [([0], [1])]
    assert folds_of([], 3, 1) == []


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 1000), max_size=80),
    st.integers(2, 6),
    st.sampled_from([0, 1, 10, 250]),
)
def test_no_validation_row_is_nearer_than_the_gap_and_none_is_used_twice(moments, folds, gap):
    moments = np.array(moments, dtype=float)
    validated = []
    for training, validation in expanding(moments, folds, gap):
        assert moments[validation].min() - moments[training].max() >= gap
        assert set(training.tolist()).isdisjoint(validation.tolist())
        # nothing that is old enough is held back, but what comes after in the order of ties
        assert {i for i in range(moments.size) if moments[i] < moments[validation].min() - gap} <= set(
            training.tolist()
        )
        validated += validation.tolist()
    assert len(validated) == len(set(validated))


@pytest.mark.parametrize("folds", [2, 5])
def test_blocks_are_of_equal_size_but_one(folds):
    sizes = [len(validation) for _, validation in expanding(np.arange(101.0), folds, 1)]
    assert max(sizes) - min(sizes) <= 1
