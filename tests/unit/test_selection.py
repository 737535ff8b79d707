"""The one-standard-error rule on searches small enough to work by hand."""

import math
import statistics

import pytest

from tidegate.training.selection import ScoredTrial, best, one_standard_error


def trial(name, score, *, spread=0.02, folds=5, complexity=100):
    return ScoredTrial(
        name=name, hyperparameters={}, score=score, spread=spread, folds=folds, complexity=complexity
    )


def test_the_standard_error_is_that_of_a_mean_of_so_many_folds():
    scores = [0.61, 0.64, 0.66, 0.70]
    told = trial("a", statistics.mean(scores), spread=statistics.pstdev(scores), folds=4)
    assert told.standard_error == pytest.approx(statistics.stdev(scores) / math.sqrt(4))


def test_one_fold_has_no_standard_error():
    assert trial("a", 0.6, spread=0, folds=1).standard_error == 0


# the best has 0.70; its standard error is 0.02 / sqrt(5 - 1) = 0.01, so from 0.69 on scores are as good
SEARCH = (
    trial("t-1", 0.689, complexity=10),  # the smallest, a hair too bad
    trial("t-2", 0.691, complexity=40),
    trial("t-3", 0.700, complexity=160),
    trial("t-4", 0.695, complexity=90),
)


def test_the_smallest_within_one_standard_error_is_taken_and_the_reason_says_so():
    found = one_standard_error(SEARCH)
    assert (found.taken.name, found.best.name) == ("t-2", "t-3")
    assert found.reason == (
        "0.6910 is the smallest of 3 within 0.0100 of the best, 0.7000: it stores 25% of its numbers"
    )


def test_the_best_is_taken_where_nothing_smaller_is_as_good():
    found = one_standard_error([trial("t-1", 0.65, complexity=1), trial("t-2", 0.70, complexity=9)])
    assert found.taken is found.best
    assert (
        found.reason
        == "0.7000 is the best of 2 trials and the smallest of 1 within 0.0100 of the best, 0.7000"
    )


def test_the_spread_of_the_best_decides_not_that_of_the_small():
    small = trial("t-1", 0.66, spread=0.5, complexity=1)
    assert one_standard_error([small, trial("t-2", 0.70, spread=0.02)]).taken.name == "t-2"


def test_of_equal_size_the_better_is_taken_and_of_equals_the_first():
    twins = [trial("t-3", 0.70), trial("t-2", 0.695), trial("t-1", 0.695)]
    assert one_standard_error(twins).taken.name == "t-3"
    smaller = [trial("t-4", 0.70), *(trial(f"t-{n}", 0.695, complexity=5) for n in (3, 2))]
    assert one_standard_error(smaller).taken.name == "t-2"


def test_a_trial_stopped_before_its_last_fold_neither_leads_nor_is_taken():
    stopped = trial("t-0", 0.99, folds=2, complexity=1)
    assert one_standard_error([stopped, *SEARCH]).best.name == "t-3"
    assert best([stopped, *SEARCH]).taken.name == "t-3"


def test_a_search_of_which_every_trial_was_stopped_still_has_a_best():
    assert best([trial("t-1", 0.5, folds=1), trial("t-2", 0.6, folds=1)]).taken.name == "t-2"


def test_the_best_may_be_asked_for():
    found = best(SEARCH)
    assert (found.taken.name, found.reason) == ("t-3", "0.7000 is the best of 4 trials")
