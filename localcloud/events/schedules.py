"""When a schedule fires: AWS's rate(), cron() and at() expressions.

The grammar is that of "Schedule types in EventBridge Scheduler" and "Cron expressions" in EventBridge's
guides: cron has six fields (minutes, hours, day of month, month, day of week, year), day of week counts from
1 = Sunday, and one of the two day fields is `?`.
"""

import calendar
import functools
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

_MONTHS = {name: number for number, name in enumerate(
    ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1)}  # fmt: skip
_DAYS = {name: number for number, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_UNITS = {"minute": 60, "hour": 3600, "day": 86400}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_FIELDS = 6
_LONGEST_SEARCH = timedelta(days=366 * 9)  # 29 February may be eight years away


class Schedule(Protocol):
    def next_after(self, instant: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first time it fires after `instant`, or None when it never does again."""


@dataclass(frozen=True)
class Rate:
    """`rate(5 minutes)`: every so long, counted from the instant asked about."""

    seconds: int

    def next_after(self, instant: datetime, zone: tzinfo = UTC) -> datetime:
        return instant + timedelta(seconds=self.seconds)


@dataclass(frozen=True)
class At:
    """`at(2026-11-24T08:00:00)`: once, in the schedule's time zone."""

    local: datetime

    def next_after(self, instant: datetime, zone: tzinfo = UTC) -> datetime | None:
        when = self.local.replace(tzinfo=zone).astimezone(UTC)
        return when if when > instant else None


@dataclass(frozen=True)
class Cron:
    """`cron(0 10 ? * MON-FRI *)`: at every minute of the calendar that all six fields allow."""

    minutes: frozenset[int]
    hours: frozenset[int]
    day_of_month: str
    months: frozenset[int]
    day_of_week: str
    years: frozenset[int]

    def next_after(self, instant: datetime, zone: tzinfo = UTC) -> datetime | None:
        """The first allowed minute after `instant`; a local time that daylight saving skips is skipped."""
        local = instant.astimezone(zone).replace(second=0, microsecond=0, tzinfo=None)
        # around a change of the clock local times are not in order: begin early and compare in UTC
        day = (local - timedelta(hours=3)).date()
        last = min(day + _LONGEST_SEARCH, date(_LAST_YEAR, 12, 31))
        if day.year < min(self.years):
            day = date(min(self.years), 1, 1)
            last = day + _LONGEST_SEARCH
        while day <= last:
            if day.year in self.years and day.month in self.months and self._allows(day):
                for hour in sorted(self.hours):
                    for minute in sorted(self.minutes):
                        wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                        when = wall.astimezone(UTC)
                        exists = when.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None)
                        if exists and when > instant:
                            return when
            day += timedelta(days=1)
        return None

    def _allows(self, day: date) -> bool:
        if self.day_of_month == "?":
            return _weekday_allows(self.day_of_week, day)
        return _monthday_allows(self.day_of_month, day)


@functools.lru_cache(maxsize=1024)
def parse(expression: str, *, allow_at: bool = True) -> Schedule:
    """Read an expression.

    Raises:
        ValueError: it is none of the three forms, or a field of it is out of its range.
    """
    found = re.fullmatch(r"(rate|cron|at)\((.+)\)", expression)
    if not found or (found[1] == "at" and not allow_at):
        raise ValueError(f"no schedule expression: {expression!r}")
    kind, inside = found[1], found[2]
    if kind == "rate":
        return _rate(inside)
    if kind == "at":
        return At(datetime.strptime(inside, "%Y-%m-%dT%H:%M:%S"))  # noqa: DTZ007  its zone is the schedule's
    return _cron(inside)


def _rate(inside: str) -> Rate:
    found = re.fullmatch(r"(\d+) (minute|hour|day)(s?)", inside)
    if not found or int(found[1]) < 1 or (int(found[1]) == 1) == bool(found[3]):
        raise ValueError(f"no rate: {inside!r} (1 minute, 5 minutes, 1 hour, ...)")
    return Rate(int(found[1]) * _UNITS[found[2]])


def _cron(inside: str) -> Cron:
    fields = inside.upper().split()
    if len(fields) != _FIELDS:
        raise ValueError(f"cron has six fields, got {len(fields)}: {inside!r}")
    minutes, hours, day_of_month, months, day_of_week, years = fields
    if (day_of_month == "?") == (day_of_week == "?"):
        raise ValueError("one of day of month and day of week is `?`, and only one")
    _check_days(day_of_month, day_of_week)
    return Cron(
        minutes=_numbers(minutes, 0, 59),
        hours=_numbers(hours, 0, 23),
        day_of_month=day_of_month,
        months=_numbers(months, 1, 12, _MONTHS),
        day_of_week=day_of_week,
        years=_numbers(years, _FIRST_YEAR, _LAST_YEAR),
    )


def _check_days(day_of_month: str, day_of_week: str) -> None:
    if day_of_month not in {"?", "L"} and not re.fullmatch(r"L-\d+|(LW|WL)", day_of_month):
        _numbers(day_of_month.removesuffix("W"), 1, 31)
    if day_of_week not in {"?", "L"}:
        _numbers(re.sub(r"#[1-5]$|(?<=.)L$", "", day_of_week), 1, 7, _DAYS)


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """The values of a field: `*`, `5`, `1-5`, `0/15`, `MON,WED`, and lists of these."""
    values: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        if span == "*":
            first, last = low, high
        else:
            ends = [_number(end, names) for end in span.split("-")]
            first, last = ends[0], ends[-1] if len(ends) > 1 or not step else high
        every = int(step) if step else 1
        if not low <= first <= high or not low <= last <= high or every < 1:
            raise ValueError(f"{part!r} is outside {low}-{high}")
        if first <= last:
            values.update(range(first, last + 1, every))
        else:  # FRI-MON goes round
            values.update(range(first, high + 1, every), range(low, last + 1, every))
    return frozenset(values)


def _number(text: str, names: dict[str, int] | None) -> int:
    if names and text in names:
        return names[text]
    if not text.isdecimal():
        raise ValueError(f"{text!r} is not a value of this field")
    return int(text)


def _monthday_allows(field: str, day: date) -> bool:
    length = calendar.monthrange(day.year, day.month)[1]
    if field == "L":
        return day.day == length
    if field.startswith("L-"):
        return day.day == length - int(field[2:])
    if field in {"LW", "WL"}:
        return day == _nearest_weekday(day.replace(day=length))
    if field.endswith("W"):
        return int(field[:-1]) <= length and day == _nearest_weekday(day.replace(day=int(field[:-1])))
    return day.day in _numbers(field, 1, 31)


def _nearest_weekday(day: date) -> date:
    """Saturday gives way to Friday and Sunday to Monday, but never to another month."""
    steps = {5: (-1, 2), 6: (1, -2)}.get(day.weekday(), (0,))
    return next(moved for step in steps if (moved := day + timedelta(days=step)).month == day.month)


def _weekday_allows(field: str, day: date) -> bool:
    number = day.isoweekday() % 7 + 1
    if field == "L":  # the last day of the week
        return number == _DAYS["SAT"]
    if "#" in field:
        name, nth = field.split("#")
        return number in _numbers(name, 1, 7, _DAYS) and (day.day - 1) // 7 + 1 == int(nth)
    if field.endswith("L"):
        length = calendar.monthrange(day.year, day.month)[1]
        return number in _numbers(field[:-1], 1, 7, _DAYS) and day.day > length - 7
    return number in _numbers(field, 1, 7, _DAYS)
