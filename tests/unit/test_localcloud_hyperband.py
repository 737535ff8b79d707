"""Hyperband's brackets, rungs and verdicts, worked by hand."""

from localcloud.sagemaker.hyperband import Hyperband


def test_brackets_are_those_of_the_paper():
    # R = 81 and eta = 3, the table of Li et al. (2018): 81, 34, 15, 8, 5 configurations in brackets 4 to 0
    band = Hyperband(minimum=1, maximum=81)
    dealt = [band.bracket(number) for number in range(143)]
    assert [dealt.count(bracket) for bracket in range(5)] == [81, 34, 15, 8, 5]
    assert [band.bracket(143 + number) for number in range(143)] == dealt
    assert [band.rungs(bracket) for bracket in range(5)] == [(1, 3, 9, 27), (3, 9, 27), (9, 27), (27,), ()]


def test_nobody_is_stopped_below_the_minimum_or_between_rungs():
    band = Hyperband(minimum=2, maximum=8)  # brackets of 3 and 2 jobs, rungs at 2 and 6
    assert [band.rungs(bracket) for bracket in range(2)] == [(2, 6), (6,)]
    good = [(0, [9.0] * 8)]
    assert not band.gives_up(1, [1.0], good, minimize=False)
    assert band.gives_up(1, [1.0, 1.0], good, minimize=False)
    assert not band.gives_up(1, [1.0] * 3, good, minimize=False)


def test_the_best_third_of_a_rung_passes():
    band = Hyperband(minimum=1, maximum=3)  # jobs 0, 1, 2, 5, 6, 7 are of the bracket that looks at 1
    ended = [(0, [0.1, 0.2]), (1, [0.2]), (2, [0.3]), (5, [0.4]), (6, [0.5])]
    # six with its own: two pass, so it must not be below the second
    assert not band.gives_up(7, [0.5], ended, minimize=False)
    assert not band.gives_up(7, [0.45], ended, minimize=False)
    assert band.gives_up(7, [0.39], ended, minimize=False)
    assert band.gives_up(7, [0.3], ended, minimize=True)
    assert not band.gives_up(7, [0.15], ended, minimize=True)


def test_jobs_of_another_bracket_and_jobs_that_never_came_so_far_are_no_rivals():
    band = Hyperband(minimum=1, maximum=3)
    assert [band.bracket(number) for number in (2, 3, 4)] == [0, 1, 1]
    assert not band.gives_up(2, [0.1], [(3, [0.9]), (4, [0.9])], minimize=False)
    assert not Hyperband(minimum=2, maximum=8).gives_up(2, [0.1, 0.1], [(0, [0.9])], minimize=False)


def test_the_first_of_a_bracket_passes():
    assert not Hyperband(minimum=1, maximum=9).gives_up(0, [0.0], [], minimize=False)
