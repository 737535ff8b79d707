"""When an alarm is in ALARM: the two tables of the CloudWatch User Guide, and what they leave open.

The page is "Configuring how CloudWatch alarms treat missing data".
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from localcloud.cloudwatch.judgement import ALARM, INSUFFICIENT_DATA, OK, Rule, judge

TREATMENTS = ("missing", "ignore", "breaching", "notBreaching")
KEPT = "the state before"
SIDES = {"0": False, "X": True, "-": None}


def verdict(points, missing, *, m, n=3, current=KEPT):
    rule = Rule(evaluation_periods=n, datapoints_to_alarm=m, missing=missing)
    return judge([SIDES[point] for point in points.split()], rule, current)


THREE_OF_THREE = [
    ("0 - X - X", 0, OK, OK, OK, OK),
    ("- - - - 0", 2, OK, OK, OK, OK),
    ("0 - - - -", 2, OK, OK, OK, OK),
    ("- - - - -", 3, INSUFFICIENT_DATA, KEPT, ALARM, OK),
    ("0 X X - X", 0, ALARM, ALARM, ALARM, ALARM),
    ("- - X - -", 2, ALARM, KEPT, ALARM, OK),
]
TWO_OF_THREE = [
    ("0 - X - X", 0, ALARM, ALARM, ALARM, ALARM),
    ("0 0 X 0 X", 0, ALARM, ALARM, ALARM, ALARM),
    ("0 - X - -", 1, OK, OK, ALARM, OK),
    ("- - - - 0", 2, OK, OK, ALARM, OK),
    ("- - - X -", 2, ALARM, KEPT, ALARM, OK),
]


def rows(table):
    return [
        pytest.param(points, missing, filled, state, id=f"{points} {missing}")
        for points, filled, *states in table
        for missing, state in zip(TREATMENTS, states, strict=True)
    ]


@pytest.mark.parametrize("points, missing, filled, state", rows(THREE_OF_THREE))
def test_three_of_three_is_as_in_the_guide(points, missing, filled, state):
    found = verdict(points, missing, m=3)
    assert (found.state, found.filled) == (state, filled)


@pytest.mark.parametrize("points, missing, filled, state", rows(TWO_OF_THREE))
def test_two_of_three_is_as_in_the_guide(points, missing, filled, state):
    found = verdict(points, missing, m=2)
    assert (found.state, found.filled) == (state, filled)


@pytest.mark.parametrize("points", ["- - - - X", "- - - X -"])
def test_a_breach_does_not_alarm_before_it_is_as_old_as_the_datapoints_to_alarm(points):
    assert verdict(points, "missing", m=3, current=OK).state == OK
    assert verdict(points, "missing", m=3, current=INSUFFICIENT_DATA).state == INSUFFICIENT_DATA


def test_one_of_one_alarms_at_once():
    found = verdict("- - X", "missing", m=1, n=1)
    assert (found.state, found.used) == (ALARM, (2,))


def test_the_newest_real_datapoints_decide():
    assert verdict("X X 0 - 0", "missing", m=2).used == (1, 2, 4)


points_of_five = st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5)


@given(points_of_five, st.integers(1, 3), st.sampled_from(TREATMENTS))
def test_full_data_makes_the_treatment_of_missing_data_irrelevant(points, m, missing):
    full = [bool(point) for point in points]
    rule = Rule(evaluation_periods=3, datapoints_to_alarm=m, missing=missing)
    assert judge(full, rule, KEPT).state == (ALARM if sum(full[-3:]) >= m else OK)


@given(points_of_five, st.integers(1, 3))
def test_breaching_alarms_wherever_missing_or_ignore_do(points, m):
    def state(missing):
        return judge(points, Rule(evaluation_periods=3, datapoints_to_alarm=m, missing=missing), KEPT).state

    if ALARM in (state("missing"), state("ignore"), state("notBreaching")):
        assert state("breaching") == ALARM
