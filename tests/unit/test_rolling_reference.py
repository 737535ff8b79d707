from dataclasses import replace
from datetime import date, timedelta

import pytest
from simulated import profiled

from tidegate.ingestion.figures import PastDrop
from tidegate.ingestion.rolling_reference import recent_reference, reference_drops

TODAY = "2026-11-27T06:00:00Z"  # a Friday


def history(drops, *, shifted=()):
    """Daily drops, the newest of yesterday; those of an age in `shifted` began a new level of `x`."""
    return [
        PastDrop(
            drop_id=str(age),
            arrived_at=f"{date(2026, 11, 27) - timedelta(days=age)}T06:00:00Z",
            figures={},
            shifted=frozenset({("x", "mean")} if age in shifted else ()),
        )
        for age in range(1, drops + 1)
    ]


def ids(drops):
    return [int(drop.drop_id) for drop in drops]


@pytest.mark.parametrize(
    "past, expected",
    [
        (history(4), []),
        (history(5), [1, 2, 3, 4, 5]),
        (history(27), list(range(1, 9))),
        (history(28), [7, 14, 21, 28]),
        (history(100), [7, 14, 21, 28, 35, 42, 49, 56]),
        (history(100, shifted={10}), list(range(1, 9))),  # four Fridays would reach over the new level
        (history(100, shifted={30}), [7, 14, 21, 28]),
    ],
    ids=["four", "five", "27", "four weeks", "years", "new level", "old level"],
)
def test_the_last_eight_drops_or_those_of_the_same_weekday(past, expected):
    assert ids(reference_drops(past, TODAY)) == expected


def test_a_column_is_known_only_from_the_drop_whose_level_was_accepted():
    profiles = [profiled({"x": [float(age)] * 10, "y": [1.0] * 10}) for age in range(1, 7)]
    past = history(6, shifted={3})
    found = recent_reference(list(zip(past, profiles, strict=True)), TODAY)
    assert (found.profile.rows, found.profile.columns["y"].rows) == (60, 60)
    assert set(found.profile.columns["x"].counts) == {1, 2, 3}
    assert (found.kind, found.against) == ("recent", "the last 6 accepted drops")


def test_a_reference_of_one_weekday_says_so():
    past = [replace(drop) for drop in reference_drops(history(28), TODAY)]
    found = recent_reference([(drop, profiled({"x": [1.0]})) for drop in past], TODAY)
    assert found.against == "the last 4 accepted Friday drops"
