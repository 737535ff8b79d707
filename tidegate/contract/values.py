"""Values and limits of rules as the plan carries them, exact, or why a column cannot hold them.

Decimals, u64 among them, are numbers where JSON keeps all their digits and text elsewhere; dates and times
are ISO 8601 text, timestamps in UTC.
"""

import datetime as dt
import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from tidegate.contract.plan import Column

PlanValue = int | float | str | bool
_EXACT = Context(prec=100)
_INT64 = 2**63
_INT64_DIGITS = 19
SUM_DIGITS = 75  # of an exact sum: a decimal256 has 76, and an addition of two asks for one more
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def integer_limits(form: str | None) -> tuple[int, int]:
    """Least and greatest number of an integer format; i64 without one."""
    bits = int((form or "i64")[1:])
    return (0, 2**bits - 1) if (form or "i64")[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)


def decimal_places(column: Column) -> tuple[int, int] | None:
    """Digits and decimal places of a column of decimals; None when it is none."""
    if column.format == "u64":
        return 20, 0
    found = _DECIMAL.fullmatch(column.format or "")
    return (int(found[1]), int(found[2])) if found else None


def is_float(column: Column) -> bool:
    return column.type == "number" and decimal_places(column) is None


def value_of(column: Column, value: Any) -> PlanValue:
    """`value` as the plan carries it.

    Raises:
        ValueError: the column cannot hold it; the text says why.
    """
    if column.type == "string" and isinstance(value, str):
        return value
    if column.type == "boolean" and isinstance(value, bool):
        return value
    if column.type in ("integer", "number") and _is_number(value):
        return _number(column, value, rounding=None)
    if isinstance(value, str):
        try:
            return _time(column, value)
        except (KeyError, ValueError, OverflowError):
            pass
    quote = "; quote it" if column.type == "string" else ""
    raise ValueError(f"{shown(value)} is not of type {column.type}{quote}")


def bound_of(column: Column, value: Any, *, is_upper: bool, is_exclusive: bool) -> PlanValue:
    """A limit as the plan carries it; one between two values of the column moves to where it cuts the same.

    `minimum: 0.5` of integers lets pass what `minimum: 1` does, `exclusiveMinimum: 0.5` what
    `exclusiveMinimum: 0` does.

    Raises:
        ValueError: the column cannot be compared with it; the text says why.
    """
    if column.type in ("integer", "number") and _is_number(value):
        upwards = is_upper == is_exclusive
        return _number(column, value, rounding=ROUND_CEILING if upwards else ROUND_FLOOR)
    return value_of(column, value)


def order_of(column: Column, value: PlanValue) -> Any:
    """Something that sorts as the column's values do, from a value of the plan."""
    if column.type in ("integer", "number"):
        return exact(value)
    return dt.datetime.fromisoformat(str(value)) if column.type == "timestamp" else value


def exact(number: Any) -> Decimal:
    """The number as it is written: a float of 0.1 is a tenth."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def number_of(value: Any) -> PlanValue:
    """A number that is of no column, as the plan carries it.

    Raises:
        ValueError: it is no finite number; the text says so.
    """
    if not _is_number(value) or not exact(value).is_finite():
        raise ValueError(f"{shown(value)} is not a finite number")
    number = exact(value)
    if number and abs(number.adjusted()) > SUM_DIGITS:
        raise ValueError(f"{shown(value)} has more than {SUM_DIGITS} digits")
    return _json(number)


def sum_places(columns: Sequence[Column], total: PlanValue | None) -> tuple[int, int]:
    """Digits and decimal places that hold an exact sum of integers and decimals, and its total."""
    places = [decimal_places(column) or (_INT64_DIGITS, 0) for column in columns]
    if total is not None:
        number = exact(total).normalize(_EXACT)
        scale = max(0, -int(number.as_tuple().exponent))
        places.append((max(0, number.adjusted() + 1) + scale, scale))
    scale = max(scale for _, scale in places)
    whole = max(digits - own_scale for digits, own_scale in places)
    return whole + len(str(len(columns))) + scale, scale


def pattern_mistake(pattern: Any) -> str | None:
    """Why a pattern cannot be used. It runs on RE2: linear in time, and without what prevents that."""
    import pyarrow as pa  # only at synthesis
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except (pa.ArrowInvalid, TypeError) as cause:
        return (
            f"pattern {pattern!r} cannot be used: {str(cause).removeprefix('Invalid regular expression: ')}"
        )
    return None


def shown(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _number(column: Column, value: float | Decimal, *, rounding: str | None) -> PlanValue:
    number = exact(value)
    if not number.is_finite():
        raise ValueError(f"{shown(value)} is not a finite number")
    places = decimal_places(column)
    if column.type == "number" and places is None:
        nearest = float(value)
        largest = 2**24 if column.format == "f32" else 2**53  # above it not every integer is a float
        return int(nearest) if nearest.is_integer() and abs(nearest) <= largest else nearest
    digits, scale = places or (19, 0)
    try:
        cut = number.quantize(Decimal(1).scaleb(-scale), rounding=rounding, context=_EXACT)
    except InvalidOperation as cause:
        raise ValueError(f"{shown(value)} does not fit {column.format}") from cause
    if rounding is None and cut != number:
        kind = column.format or column.type
        raise ValueError(f"{shown(value)} is not of type {kind}: it has more decimal places")
    if column.type == "integer" and not (column.format or "").startswith("decimal"):
        low, high = integer_limits(column.format)
        fits = low <= cut <= high
    else:
        fits = abs(cut) < Decimal(10) ** (digits - scale)
    if not fits:
        raise ValueError(f"{shown(value)} does not fit {column.format or 'i64'}")
    return _json(cut)


def _json(number: Decimal) -> PlanValue:
    if number == number.to_integral_value() and -_INT64 <= number < _INT64:
        return int(number)
    nearest = float(number)
    return nearest if Decimal(repr(nearest)) == number else f"{number:f}"


def _time(column: Column, text: str) -> str:
    if column.type == "date":
        return dt.date.fromisoformat(text).isoformat()
    if column.type == "time":
        time = dt.time.fromisoformat(text)
        if time.tzinfo is not None:
            raise ValueError("a time of day has no zone")
        return time.isoformat()
    if column.type != "timestamp":
        raise KeyError(column.type)
    instant = dt.datetime.fromisoformat(text)
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=ZoneInfo(column.timezone))
    return instant.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")
