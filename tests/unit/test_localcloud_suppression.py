"""A composite alarm's suppressor: actions now, later, or never."""

from datetime import UTC, datetime

import pytest

from localcloud.cloudwatch import alarm_rule, suppression
from localcloud.cloudwatch.alarm import CompositeAlarm, State, Transition, initial_state

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


@pytest.fixture
def alarm():
    """Waits 60 s for its suppressor, and 120 s after it."""
    return CompositeAlarm(
        name="composite",
        alarm_arn="arn",
        settings={
            "ActionsSuppressor": "suppressor",
            "ActionsSuppressorWaitPeriod": 60,
            "ActionsSuppressorExtensionPeriod": 120,
        },
        state=initial_state(NOON),
        configured=NOON,
        rule=alarm_rule.parse("TRUE"),
    )


def change(alarm, before, after):
    old, new = (State(value=value, reason="", since=NOON) for value in (before, after))
    return Transition(alarm=alarm, before=old, after=new)


def test_actions_wait_for_a_suppressor_that_does_not_rise(alarm):
    rise = change(alarm, "OK", "ALARM")
    assert suppression.arrive(alarm, rise, "OK", 0) == []
    assert alarm.suppressed_by == "WaitPeriod"
    assert suppression.revisit(alarm, "OK", 59) == []
    assert suppression.revisit(alarm, "OK", 60) == [rise]
    assert alarm.suppressed_by is None
    assert suppression.revisit(alarm, "OK", 61) == []


def test_a_suppressor_that_rises_holds_them_until_its_extension_is_over(alarm):
    rise = change(alarm, "OK", "ALARM")
    suppression.arrive(alarm, rise, "OK", 0)
    assert suppression.revisit(alarm, "ALARM", 30) == []
    assert alarm.suppressed_by == "Alarm"
    assert suppression.revisit(alarm, "ALARM", 1000) == []
    assert suppression.revisit(alarm, "OK", 2000) == []
    assert alarm.suppressed_by == "ExtensionPeriod"
    assert suppression.revisit(alarm, "OK", 2119) == []
    assert suppression.revisit(alarm, "OK", 2120) == [rise]


def test_a_suppressor_that_rises_again_begins_anew(alarm):
    rise = change(alarm, "OK", "ALARM")
    suppression.arrive(alarm, rise, "ALARM", 0)
    suppression.revisit(alarm, "OK", 10)
    suppression.revisit(alarm, "ALARM", 20)
    assert suppression.revisit(alarm, "OK", 140) == []
    assert suppression.revisit(alarm, "OK", 260) == [rise]


def test_a_composite_back_before_its_actions_ran_has_none(alarm):
    suppression.arrive(alarm, change(alarm, "OK", "ALARM"), "OK", 0)
    assert suppression.arrive(alarm, change(alarm, "ALARM", "OK"), "OK", 10) == []
    assert suppression.revisit(alarm, "OK", 1000) == []
    assert alarm.suppressed_by is None


def test_what_rose_and_fell_under_its_suppressor_is_never_told(alarm):
    suppression.arrive(alarm, change(alarm, "OK", "ALARM"), "ALARM", 0)
    suppression.arrive(alarm, change(alarm, "ALARM", "OK"), "ALARM", 10)
    suppression.revisit(alarm, "OK", 20)
    assert suppression.revisit(alarm, "OK", 1000) == []


def test_a_fall_after_its_rise_was_told_is_told_at_once(alarm):
    suppression.arrive(alarm, change(alarm, "OK", "ALARM"), "OK", 0)
    suppression.revisit(alarm, "OK", 60)
    fall = change(alarm, "ALARM", "OK")
    assert suppression.arrive(alarm, fall, "OK", 70) == [fall]
