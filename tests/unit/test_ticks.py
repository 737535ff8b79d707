"""Which ticks a change asks for. Figures are worked by hand on a clock of hours."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.ticks import (
    MOST_INTERVALS,
    Interval,
    count,
    horizon,
    to_compute,
    together,
    touched,
)

HOUR = 3600
VIEW = ViewPlan(
    name="delay",
    source=SourcePlan(dataset="flights", event_ts="departed", known_ts="landed"),
    keys=("carrier",),
    sql="select carrier from source",
    window_seconds=3 * HOUR,
    every_seconds=HOUR,
    ttl_seconds=HOUR,
)


def hours(*spans):
    return tuple(Interval(start=round(a * HOUR), stop=round(b * HOUR)) for a, b in spans)


def planned(**given):
    defaults = {"first_event": 0, "last": 20 * HOUR, "computed_to": 20 * HOUR, "changed": ()}
    return to_compute(VIEW, **defaults | given)


@pytest.mark.parametrize(
    ("newest", "now", "last"),
    [
        (9.5, 50, 10),  # the first tick that sees it
        (10, 50, 10),
        (9.5, 9.9, 9),  # that tick is yet to come, and 9 is right until then
        (-1.5, 50, -1),
    ],
)
def test_the_horizon_sees_the_newest_event_but_is_not_in_the_future(newest, now, last):
    assert horizon(VIEW, round(newest * HOUR), round(now * HOUR)) == last * HOUR


def test_a_view_that_was_never_computed_gets_its_whole_history():
    assert planned(first_event=90 * 60, computed_to=None) == hours((2, 20))
    assert planned(first_event=21 * HOUR, computed_to=None) == ()


def test_a_drop_touches_the_ticks_that_see_its_rows():
    # rows of 4:30 to 5:00 are in the windows (2, 5] to (4, 7], and that of 5:00 in none after (4, 7]
    assert touched(VIEW, hours((4.5, 5)), 20 * HOUR) == hours((5, 8))
    assert touched(VIEW, hours((4.5, 5)), 6 * HOUR) == hours((5, 6))
    assert touched(VIEW, hours((4.5, 5)), 4 * HOUR) == ()


def test_new_ticks_and_touched_ones_are_computed_and_no_others():
    assert planned(computed_to=10 * HOUR, last=12 * HOUR) == hours((11, 12))
    assert planned(changed=hours((2, 2))) == hours((2, 5))
    assert planned(changed=hours((2, 2)), computed_to=18 * HOUR) == hours((2, 5), (19, 20))
    assert planned(changed=hours((18.5, 19.5)), computed_to=18 * HOUR) == hours((19, 20))
    assert planned() == ()


def test_a_row_of_1970_asks_for_the_ticks_around_it():
    today = 13 * 365 * 24
    spans = planned(
        changed=hours((0, 0), (today, today + 2)), computed_to=today * HOUR, last=(today + 2) * HOUR
    )
    assert spans == hours((0, 3), (today, today + 2))
    assert count(VIEW, spans) == 4 + 3


def test_a_backfill_computes_its_interval_and_what_is_missing():
    assert planned(asked=hours((3.5, 6.5))[0]) == hours((4, 6))
    assert planned(asked=hours((-50, 50))[0], first_event=2 * HOUR) == hours((2, 20))
    assert planned(asked=hours((4, 4))[0], computed_to=18 * HOUR) == hours((4, 4), (19, 20))


def test_of_too_many_intervals_the_closest_are_joined():
    # gaps of 1, 2, 3 ... hours
    starts = [n * (n + 1) // 2 for n in range(MOST_INTERVALS + 3)]
    joined = together(hours(*((start, start) for start in starts)))
    assert len(joined) <= MOST_INTERVALS
    assert joined[0] == hours((0, 1 + 2 + 3))[0]
    assert joined[-1] == hours((starts[-1], starts[-1]))[0]


spans = st.lists(
    st.tuples(st.integers(-40, 60), st.integers(0, 9)).map(lambda s: (s[0] / 4, s[0] / 4 + s[1] / 4)),
    max_size=5,
)


@given(spans, st.integers(-5, 20), st.none() | st.integers(-5, 20))
def test_exactly_the_ticks_that_see_a_change_or_are_new_are_computed_none_twice(changed, last, computed_to):
    """Against asking each tick in turn; a tick at the far edge may be computed though it sees nothing."""
    found = planned(
        first_event=-10 * HOUR,
        last=last * HOUR,
        computed_to=None if computed_to is None else computed_to * HOUR,
        changed=hours(*changed),
    )
    ticks = [tick // HOUR for span in found for tick in range(span.start, span.stop + 1, HOUR)]
    assert len(ticks) == len(set(ticks)) and ticks == sorted(ticks)
    new = {t for t in range(-10, last + 1) if computed_to is None or t > computed_to}
    seen = {t for t in range(-10, last + 1) for a, b in changed if a <= t and b > t - 3}
    edge = {t for t in range(-10, last + 1) for a, b in changed if b == t - 3}
    assert new | seen <= set(ticks) <= new | seen | edge | set(range(-13, -9))
