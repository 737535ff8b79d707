"""Which minutes hold data, and when that data is next found in another window of an alarm."""

from datetime import UTC, datetime

import pytest

from localcloud.cloudwatch.alarm import MetricAlarm, initial_state
from localcloud.cloudwatch.alarms import _moves
from localcloud.cloudwatch.store import Datum, Metric, MetricStore

METRIC = Metric.of("Test", "heat", {})


def alarm(period, evaluation_periods=1):
    settings = {
        "Namespace": "Test",
        "MetricName": "heat",
        "Dimensions": [],
        "Period": period,
        "Statistic": "Maximum",
        "EvaluationPeriods": evaluation_periods,
    }
    when = datetime.fromtimestamp(0, UTC)
    return MetricAlarm(
        name="hot", alarm_arn="arn", settings=settings, state=initial_state(when), configured=when
    )


@pytest.fixture
def store():
    found = MetricStore()
    for when, resolution in ((30, 60), (3605, 60), (3661, 1), (7300, 60)):
        found.record(Datum(metric=METRIC, sample=_one(), when=when, resolution=resolution), now=when)
    return found


def _one():
    return Datum.of(METRIC, 1.0, "None", 0.0).sample


def test_minutes_with_data_between_two_moments(store):
    assert store.slots(METRIC, since=0, until=7300, fine=False) == [0, 3600, 3660, 7260]
    assert store.slots(METRIC, since=1, until=3660, fine=False) == [3600, 3660]
    assert store.slots(METRIC, since=3590.5, until=3659.9, fine=False) == [3600]
    assert store.slots(Metric.of("Test", "cold", {}), since=0, until=7300, fine=False) == []


def test_seconds_with_data_where_they_are_kept(store):
    assert store.slots(METRIC, since=3600, until=3700, fine=True) == [3600, 3661]


def test_data_enters_a_window_when_its_minute_is_over_and_leaves_it_a_period_later():
    # data of minute 600; windows of 300 s that end at full minutes, or a minute later where one still runs:
    # at 900 the one that runs ends at 960 and no longer holds it, at 960 the full one
    hot = alarm(300)
    windows = hot.rule.range
    assert _moves(hot, 600, now=601) == 660
    assert _moves(hot, 600, now=660) == 900
    assert _moves(hot, 600, now=900) == 960
    assert _moves(hot, 600, now=600 + windows * 300 - 1) == 600 + windows * 300
    assert _moves(hot, 600, now=600 + windows * 300) == 600 + windows * 300 + 60
    assert _moves(hot, 600, now=600 + windows * 300 + 60) is None


def test_data_of_a_time_to_come_moves_first_when_its_own_window_begins_to_run():
    assert _moves(alarm(300), 6000, now=601) == 6000
    assert _moves(alarm(300), 6000, now=6000) == 6060


def test_below_a_minute_windows_move_each_ten_seconds():
    assert _moves(alarm(10), 605, now=606) == 610
    assert _moves(alarm(10), 605, now=610) == 620
