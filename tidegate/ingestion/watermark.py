"""A watermark: how far a source has been read, as a value that a database compares and as text that we keep.

Pure standard library. A timestamp keeps the zone it came with: one without stays without, because the
database compares it with a column of that kind.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Literal

MarkType = Literal["timestamp", "date", "integer"]
Mark = datetime | date | int


def parse(text: str, kind: MarkType) -> Mark:
    """The value behind a kept text.

    Raises:
        ValueError: the text is no value of this kind.
    """
    if kind == "integer":
        return int(text)
    if kind == "date":
        return date.fromisoformat(text)
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment


def text_of(mark: Mark) -> str:
    return str(mark) if isinstance(mark, int) else mark.isoformat()


def coerce(value: object, kind: MarkType) -> Mark:
    """What a driver gave for a watermark column; a whole decimal is an integer.

    Raises:
        ValueError: the value is of another kind.
    """
    if kind == "timestamp" and isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value
    if kind == "date" and isinstance(value, date) and not isinstance(value, datetime):
        return value
    if kind == "integer" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        whole = int(value)
        if whole == value:
            return whole
    raise ValueError(f"{value!r} is a {type(value).__name__}")


def before(mark: Mark, seconds: int) -> Mark:
    """`mark` moved back, to read late rows again: a date by whole days, a number not at all."""
    if isinstance(mark, datetime):
        return mark - timedelta(seconds=seconds)
    if isinstance(mark, date):
        return mark - timedelta(days=-(-seconds // 86400))
    return mark


def name_part(mark: Mark | None) -> str:
    """For an object's key: 20240131T235959.000001Z, 20240131, 42, m42 for -42, `start` for none."""
    if mark is None:
        return "start"
    if isinstance(mark, datetime):
        return f"{mark:%Y%m%dT%H%M%S.%f}{'Z' if mark.tzinfo else ''}"
    if isinstance(mark, date):
        return f"{mark:%Y%m%d}"
    return f"m{-mark}" if mark < 0 else str(mark)
