import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.training.splits import expanding, gap, grouped, grouped_expanding, stratified


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


def test_a_label_that_was_not_known_when_the_fold_began_is_not_learnt_from():
    # the folds worked by hand above; the label of second 1 is known at 8, that of second 4 never
    known = np.arange(12.0)
    known[1], known[4] = 8, np.nan
    folds = [(t.tolist(), v.tolist()) for t, v in expanding(np.arange(12.0), 3, 2, known=known)]
    assert [learnt for learnt, _ in folds] == [[0], [0, 2, 3], [0, 1, 2, 3, 5, 6, 7]]


def test_the_gap_is_the_longest_delay_but_of_one_label_in_a_hundred():
    delays = np.r_[np.full(99, 5.0), 1000.0]
    assert gap(3, delays) == 5
    assert gap(7, delays) == 7
    assert gap(3, np.r_[delays, 1000.0]) == 1000  # two in 101 are more than one in a hundred
    assert gap(3, np.array([np.nan])) == 3


def test_groups_are_dealt_whole_the_largest_first():
    # a has 4 rows, b 3, c 2, d 1: a | b, then c to b's 3 < 4, then d to a's 4 < 5
    groups = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 3])
    assert [v.tolist() for _, v in grouped(groups, 2)] == [[0, 1, 2, 3, 9], [4, 5, 6, 7, 8]]


def test_group_and_time_worked_by_hand():
    # 9 seconds in 3 blocks, groups 0 1 2 in turn: parts are {0, 2} and {1}. Fold 1 validates on 0 and 2 of
    # seconds 3-5, learns of 1 before 3; fold 2 validates on 1 of seconds 6-8, learns of 0 and 2 before 6.
    groups = np.arange(9) % 3
    folds = grouped_expanding(np.arange(9.0), groups, 2, 1)
    assert [(t.tolist(), v.tolist()) for t, v in folds] == [([1], [3, 5]), ([0, 2, 3, 5], [7])]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(0, 9)), min_size=1, max_size=80), st.integers(2, 5)
)
def test_no_group_and_no_moment_within_the_gap_is_on_both_sides(rows, folds):
    moments, groups = np.array(rows, dtype=float).T
    for learn, validate in grouped_expanding(moments, groups.astype(int), folds, 10, known=moments + 7):
        assert set(groups[learn]).isdisjoint(groups[validate])
        if learn.size and validate.size:
            assert moments[validate].min() - moments[learn].max() >= 10


def test_each_class_is_dealt_evenly_and_each_row_validates_once():
    labels = np.array([1] * 10 + [0] * 31, dtype=np.int8)
    folds = list(stratified(labels, 4, 7))
    assert sorted(np.concatenate([v for _, v in folds]).tolist()) == list(range(41))
    assert {int(labels[v].sum()) for _, v in folds} == {2, 3}
    assert {v.size for _, v in folds} == {10, 11}
    assert all(set(t).isdisjoint(v) for t, v in folds)
    again = list(stratified(labels, 4, 7))
    assert all((a.validate == b.validate).all() for a, b in zip(folds, again, strict=True))
