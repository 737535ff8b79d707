"""Schedules from a minute up: which are well-formed, and how close two looks may be."""

import pytest

from localcloud.events import schedules as of_the_cloud
from tidegate.monitoring.schedules import shortest_interval_seconds


@pytest.mark.parametrize(
    ("schedule", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(1 hour)", 3600),
        ("rate(2 days)", 172800),
        ("cron(* * * * ? *)", 60),
        ("cron(0/15 * * * ? *)", 900),
        ("cron(*/20 6-18 ? * MON-FRI *)", 1200),
        ("cron(0,50 * * * ? *)", 600),  # from 50 to the next full hour
        ("cron(30 6 * * ? *)", 86400),
        ("cron(0 23,1 * * ? *)", 7200),  # over midnight
        ("cron(0 6 ? * 2#1 *)", 86400),  # days are not reckoned with: never less than this
    ],
)
def test_the_shortest_interval(schedule, seconds):
    assert shortest_interval_seconds(schedule) == seconds
    of_the_cloud.parse(schedule)  # another reader of the same language takes it too


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("rate(1 minutes)", "write rate(1 minute)"),
        ("rate(5 minute)", "rate(2 minutes)"),
        ("rate(0 minutes)", "rate(2 minutes)"),
        ("rate(30 seconds)", "rate(...) or cron(...)"),
        ("every hour", "rate(...) or cron(...)"),
        ("cron(0 6 * * ?)", "six fields"),
        ("cron(0 6 * * * *)", "one of day of month and day of week is ?"),
        ("cron(60 6 * * ? *)", "`60` is not within 0 and 59"),
        ("cron(0 6-24 * * ? *)", "`6-24` is not within 0 and 23"),
        ("cron(0/0 * * * ? *)", "`0/0`"),
        ("cron(x * * * ? *)", "`x` is no field of cron"),
        ("cron(0 6 * JUN! ? *)", "`JUN!` is no field of cron"),
    ],
)
def test_what_eventbridge_would_refuse_is_refused_with_the_reason(schedule, words):
    with pytest.raises(ValueError) as refused:  # noqa: PT011  the words are looked for below
        shortest_interval_seconds(schedule)
    assert words in str(refused.value)
