"""Schedules of EventBridge: whether one is well-formed, and how soon after a look the next may come.

Source: EventBridge User Guide, "Cron expressions" and "Rate expressions". Days and months are checked by
their letters only; CloudFormation has the last word on them.
"""

import itertools
import re

MINUTE, HOUR, DAY = 60, 3600, 86400
_RATE = re.compile(r"rate\((\d+) (minute|hour|day)(s?)\)")
_UNITS = {"minute": MINUTE, "hour": HOUR, "day": DAY}
_CRON = re.compile(r"cron\(([^()]+)\)")
_CRON_FIELDS = 6
_DAYS = re.compile(r"[\dA-Z,\-*/?LW#]+")


def shortest_interval_seconds(schedule: str) -> int:
    """From one start to the next, at least: a minute or more.

    Raises:
        ValueError: it is no rate or cron expression of EventBridge; the text says what is wrong.
    """
    if rate := _RATE.fullmatch(schedule):
        number, unit, plural = int(rate[1]), rate[2], rate[3]
        if number < 1 or (number == 1) == bool(plural):
            raise ValueError(f"write rate(1 {unit}), and rate(2 {unit}s) and more")
        return number * _UNITS[unit]
    if cron := _CRON.fullmatch(schedule):
        return _of_cron(cron[1].split())
    raise ValueError("must be rate(...) or cron(...)")


def _of_cron(fields: list[str]) -> int:
    if len(fields) != _CRON_FIELDS:
        raise ValueError("cron has six fields: minutes, hours, day of month, month, day of week, year")
    minutes, hours, days, months, weekdays, years = fields
    if (days == "?") == (weekdays == "?"):
        raise ValueError("one of day of month and day of week is ?, and the other is not")
    for field in (days, months, weekdays, years):
        if not _DAYS.fullmatch(field):
            raise ValueError(f"`{field}` is no field of cron")
    starts = sorted(
        hour * HOUR + minute * MINUTE for hour in _values(hours, 24) for minute in _values(minutes, 60)
    )
    gaps = (later - earlier for earlier, later in itertools.pairwise([*starts, starts[0] + DAY]))
    return min(gaps)


def _values(field: str, end: int) -> set[int]:
    """What a field of minutes or hours names, below `end`."""
    found: set[int] = set()
    for part in field.split(","):
        match = re.fullmatch(r"(?:(\*)|(\d+)(?:-(\d+))?)(?:/(\d+))?", part)
        if match is None:
            raise ValueError(f"`{part}` is no field of cron")
        everything, first, last, step = match.groups()
        start = 0 if everything else int(first)
        # a lone number with a step goes on to the end
        stop = int(last) + 1 if last else end if everything or step else start + 1
        values = range(start, stop, int(step or 1) or end)
        if not values or values[-1] >= end or step == "0":
            raise ValueError(f"`{part}` is not within 0 and {end - 1}")
        found.update(values)
    return found
