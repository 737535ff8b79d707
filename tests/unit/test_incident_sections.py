"""`[retraining]` and `[incidents]` of pipeline.toml."""

import pytest

from tidegate.incidents.sections import IncidentsSection, RetrainingSection, problems


@pytest.mark.parametrize(
    ("hours", "minutes"),
    [("22:00-07:00", (1320, 420)), ("00:00-23:59", (0, 1439)), (None, None), ("24:00-07:00", None)],
)
def test_quiet_hours_are_minutes_of_the_day(hours, minutes):
    assert IncidentsSection(quiet_hours=hours).quiet_minutes == minutes


@pytest.mark.parametrize("hours", ["night", "22-7", "22:00-22:00", "24:00-07:00", "22:00-07:60", "22:00"])
def test_quiet_hours_that_are_none_are_a_mistake(hours):
    [(where, sentence)] = problems(RetrainingSection(), IncidentsSection(quiet_hours=hours))
    assert where == "incidents.quiet_hours" and "22:00-07:00" in sentence


def test_more_windows_cannot_show_it_than_are_looked_at():
    found = dict(problems(RetrainingSection(windows=4, of_windows=3), IncidentsSection()))
    assert found == {"retraining.windows": "`retraining.windows` is 4, of 3 at most"}


def test_the_defaults_are_no_mistake():
    assert list(problems(RetrainingSection(), IncidentsSection(quiet_hours="22:00-07:00"))) == []
