"""When AWS's schedule expressions fire: instants worked by hand from a calendar of 2026 and 2028."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from localcloud.events import schedules

# 24 November 2026 is a Tuesday
TUESDAY = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("expression", "then"),
    [
        ("cron(0 10 * * ? *)", "2026-11-24T10:00"),
        ("cron(30 8 * * ? *)", "2026-11-25T08:30"),  # after, not at
        ("cron(0/15 * * * ? *)", "2026-11-24T08:45"),
        ("cron(0 18 ? * MON-FRI *)", "2026-11-24T18:00"),
        ("cron(0 8 ? * SAT,SUN *)", "2026-11-28T08:00"),
        ("cron(0 8 1 * ? *)", "2026-12-01T08:00"),
        ("cron(0 8 L * ? *)", "2026-11-30T08:00"),
        ("cron(0 8 L-2 * ? *)", "2026-11-28T08:00"),
        ("cron(0 8 28W * ? *)", "2026-11-27T08:00"),  # the 28th is a Saturday: the Friday before it
        ("cron(0 8 29W * ? *)", "2026-11-30T08:00"),  # the 29th is a Sunday: the Monday after it
        ("cron(0 8 1W AUG ? 2026-2027)", "2027-08-02T08:00"),  # 1 August 2027 is a Sunday
        ("cron(0 8 ? * 6#3 *)", "2026-12-18T08:00"),  # the third Friday of December 2026
        ("cron(0 8 ? * 6L *)", "2026-11-27T08:00"),  # the last Friday of November 2026
        ("cron(0 8 ? * L *)", "2026-11-28T08:00"),  # Saturday ends the week
        ("cron(0 8 29 2 ? *)", "2028-02-29T08:00"),
        ("cron(5 0 ? * FRI-MON *)", "2026-11-27T00:05"),  # a range may go round the week's end
        ("cron(15 12 1 JAN ? 2030)", "2030-01-01T12:15"),
        ("rate(5 minutes)", "2026-11-24T08:35"),
        ("rate(1 hour)", "2026-11-24T09:30"),
        ("rate(2 days)", "2026-11-26T08:30"),
        ("at(2026-11-24T09:00:00)", "2026-11-24T09:00"),
    ],
)
def test_fires_next_when_the_calendar_says_so(expression, then):
    assert schedules.parse(expression).next_after(TUESDAY) == utc(then)


@pytest.mark.parametrize("expression", ["cron(0 8 1 JAN ? 2020)", "at(2026-11-24T08:30:00)"])
def test_never_fires_again_once_its_time_is_over(expression):
    assert schedules.parse(expression).next_after(TUESDAY) is None


def test_counts_local_hours_across_the_end_of_summer_time():
    # Berlin is UTC+2 until 25 October 2026, UTC+1 from then on
    nine = schedules.parse("cron(0 9 * * ? *)")
    berlin = ZoneInfo("Europe/Berlin")
    saturday = nine.next_after(utc("2026-10-23T12:00"), berlin)
    assert saturday == utc("2026-10-24T07:00")
    assert nine.next_after(saturday, berlin) == utc("2026-10-25T08:00")


def test_skips_a_local_time_that_summer_time_leaves_out():
    # on 29 March 2026 Berlin goes from 02:00 to 03:00
    half_past_two = schedules.parse("cron(30 2 * * ? *)")
    berlin = ZoneInfo("Europe/Berlin")
    assert half_past_two.next_after(utc("2026-03-28T02:00"), berlin) == utc("2026-03-30T00:30")


def test_fires_once_in_the_hour_that_comes_twice():
    # on 25 October 2026 Berlin has 02:30 at 00:30 UTC and again at 01:30 UTC
    half_past_two = schedules.parse("cron(30 2 * * ? *)")
    berlin = ZoneInfo("Europe/Berlin")
    first = half_past_two.next_after(utc("2026-10-24T12:00"), berlin)
    assert first == utc("2026-10-25T00:30")
    assert half_past_two.next_after(first, berlin) == utc("2026-10-26T01:30")


def test_reads_an_instant_in_the_zone_of_its_schedule():
    tokyo = ZoneInfo("Asia/Tokyo")  # UTC+9
    assert schedules.parse("at(2026-11-25T00:00:00)").next_after(TUESDAY, tokyo) == utc("2026-11-24T15:00")


@pytest.mark.parametrize(
    "expression",
    [
        "rate(1 minutes)",
        "rate(5 minute)",
        "rate(0 minutes)",
        "rate(5 seconds)",
        "cron(0 10 * * *)",
        "cron(0 10 * * * *)",
        "cron(0 10 ? * ? *)",
        "cron(60 10 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 10 32 * ? *)",
        "cron(0 10 ? * 8 *)",
        "cron(0 10 * JUNE ? *)",
        "cron(INVALID)",
        "at(tomorrow)",
        "5 minutes",
    ],
)
def test_refuses_what_aws_refuses(expression):
    with pytest.raises(ValueError):  # noqa: PT011  the kinds of mistakes are many, the class is the contract
        schedules.parse(expression)


def test_refuses_a_single_instant_where_a_rule_is_asked_for():
    with pytest.raises(ValueError, match="no schedule expression"):
        schedules.parse("at(2026-11-24T09:00:00)", allow_at=False)
