"""A contract as YAML for a person to edit: each column with what was seen of it as a comment."""

import datetime as dt
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

from tidegate.contract.plan import Column
from tidegate.contract.values import decimal_places, exact, integer_limits
from tidegate.profile import ColumnProfile

VALID_VALUES = 50  # so many different texts, at most, are taken for the only ones there are
KEY_ROWS = 10  # fewer rows do not tell a key from chance
_TIMES = ("date", "timestamp")  # that none repeats says only that nothing happened twice so far
_REPEATS = 2  # rows that each valid value has on average, at least
_TEXT_LENGTH = 80
_EXACT = Context(prec=60)
_LAST_PLACE = Decimal(2) ** -50
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = {"true", "false", "yes", "no", "on", "off", "y", "n", "null"}  # by YAML 1.1
_HEAD = """\
# Written by `tidegate contract infer` from {source}: what was seen there, not what must be.
# Edit it, then see what a file says to it: tidegate contract check CONTRACT FILE
apiVersion: v3.1.0
kind: DataContract
id: urn:tidegate:{name}
name: {name}
version: 1.0.0
status: draft

schema:
  - name: {name}
    physicalType: table
    # seen: {rows:,} rows
"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A column and what the file's rows showed of it."""

    column: Column
    profile: ColumnProfile
    has_repeats: bool
    failed: int = 0  # values that are not of the column's type
    first_failed: tuple[int, str] | None = None  # row and text

    @property
    def is_required(self) -> bool:
        return self.profile.rows > 0 and not self.profile.missing and not self.failed

    @property
    def is_unique(self) -> bool:
        may_be_key = self.is_required and self.column.type not in _TIMES and self.profile.rows >= KEY_ROWS
        return may_be_key and not self.has_repeats


@dataclass(frozen=True, kw_only=True)
class Draft:
    """All there is to say of a file."""

    name: str
    source: str
    rows: int
    columns: tuple[Seen, ...]
    left_out: dict[str, str]

    @property
    def primary_key(self) -> str | None:
        """The one column that could be it; None when several could, or none."""
        keys = [seen.column.name for seen in self.columns if seen.is_unique]
        return keys[0] if len(keys) == 1 else None


def write(draft: Draft) -> str:
    """The contract's text."""
    text = _HEAD.format(source=quoted(draft.source), name=draft.name, rows=draft.rows)
    lines = ["    properties:"] if draft.columns else ["    properties: []"]
    for seen in draft.columns:
        lines += _column(seen, is_primary_key=seen.column.name == draft.primary_key)
    lines += [f"      # left out: {quoted(name)}: {why}" for name, why in draft.left_out.items()]
    if draft.rows:
        lines += ["    quality:", "      - { metric: rowCount, mustBeGreaterThan: 0 }"]
    return text + "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text as YAML: between double quotes unless it is a plain word."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code < 1 << 8 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def _column(seen: Seen, *, is_primary_key: bool) -> Iterator[str]:
    column = seen.column
    yield f"      # seen: {', '.join(_remarks(seen))}"
    if seen.failed and seen.first_failed:
        row, text = seen.first_failed
        yield (
            f"      # {seen.failed:,} values are not of this type, the first in row {row:,}: "
            f"{quoted(text)}; a drop with such rows is refused"
        )
    if column.type == "timestamp":
        yield "      # times without a zone are read in defaultTimezone"
    yield f"      - name: {quoted(column.name)}"
    yield from _type(column, "        ", _options(seen))
    if seen.is_required:
        yield "        required: true"
    if seen.is_unique:
        yield "        unique: true"
    if is_primary_key:
        yield "        primaryKey: true"
    if valid := _valid_values(seen):
        listed = ", ".join(map(quoted, valid))
        yield "        quality:"
        yield (
            "          - { metric: invalidValues, arguments: { validValues: "
            f"[{listed}] }}, mustBe: 0, severity: error }}"
        )


def _type(column: Column, indent: str, options: dict[str, str]) -> Iterator[str]:
    """The type of a column or of a member, to its leaves."""
    yield f"{indent}logicalType: {column.type}"
    if column.format is not None and column.format.startswith("decimal"):
        yield f"{indent}physicalType: {column.format}"
    elif column.format is not None:
        options = {"format": column.format, **options}
    if options:
        yield f"{indent}logicalTypeOptions: {{ {', '.join(f'{k}: {v}' for k, v in options.items())} }}"
    if column.type == "object":
        yield f"{indent}properties:"
        for member in column.members:
            yield f"{indent}  - name: {quoted(member.name)}"
            yield from _type(member, indent + "    ", {})
    elif column.type == "array":
        yield f"{indent}items:"
        yield from _type(column.members[0], indent + "  ", {})
    elif column.type == "map":
        yield f"{indent}map:"
        for part, member in zip(("key", "value"), column.members, strict=True):
            yield f"{indent}  {part}:"
            yield from _type(member, indent + "    ", {})


def _remarks(seen: Seen) -> Iterator[str]:
    profile = seen.profile
    if profile.rows == profile.missing and not seen.failed:
        yield f"no value in {profile.rows:,} rows"
        return
    yield f"{profile.rows:,} rows"
    yield f"{profile.missing - seen.failed:,} missing"
    if not seen.has_repeats:
        yield "all different"
    elif profile.kind != "other":
        about = "" if profile.counts is not None else "about "
        known = profile.rows - profile.missing  # an estimate may be above it
        yield f"{about}{min(round(profile.distinct), known):,} different"
    if profile.infinite:
        yield f"{profile.infinite:,} infinite"
    if profile.minimum is not None and profile.maximum is not None:
        low, high = (_shown(seen.column, bound) for bound in (profile.minimum, profile.maximum))
        yield f"from {low} to {high}"


def _shown(column: Column, value: Any) -> str:
    """A bound as the profile has it, in words: it counts days and microseconds."""
    if column.type == "boolean":
        return "true" if value else "false"
    if column.type == "date":
        return _instant(int(value) * 86_400_000_000)[:10]
    if column.type == "timestamp":
        return _instant(int(value))
    if column.type == "time":
        return _instant(int(value))[11:]
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _instant(microseconds: int) -> str:
    try:
        return f"{(_EPOCH + dt.timedelta(microseconds=microseconds)).replace(tzinfo=None).isoformat()}"
    except OverflowError:
        return f"{microseconds:,} microseconds from 1970"


def _options(seen: Seen) -> dict[str, str]:
    if seen.column.type == "timestamp":
        return {"defaultTimezone": "UTC"}
    if seen.column.type not in ("integer", "number") or seen.profile.infinite:
        return {}
    bounds = zip(("minimum", "maximum"), limits(seen), strict=True)
    return {name: bound for name, bound in bounds if bound is not None}


def limits(seen: Seen) -> tuple[str | None, str | None]:
    """Readable numbers around those that were seen, as text; None where there is nothing to say."""
    profile, column = seen.profile, seen.column
    if profile.minimum is None or profile.maximum is None:
        return None, None
    low, high = exact(profile.minimum), exact(profile.maximum)
    if seen.is_unique:  # identifiers go on beyond those seen
        return ("0" if low >= 0 else None), None
    if column.type == "integer" and low >= 0 and high <= 1:
        return "0", "1"
    if decimal_places(column) and high - low <= max(abs(low), abs(high)) * _LAST_PLACE:
        low = high  # the profile may have rounded decimals to floats: so near, they are one value
    wide_low, wide_high = widened(low, high, is_whole=column.type == "integer")
    least, greatest = _held(column)
    return (
        _limit(column, wide_low) if least is None or wide_low >= least else None,
        _limit(column, wide_high) if greatest is None or wide_high <= greatest else None,
    )


def widened(low: Decimal, high: Decimal, *, is_whole: bool) -> tuple[Decimal, Decimal]:
    """A quarter of their distance further apart, then outwards to numbers of few digits; 0 is not crossed."""
    distance = high - low or abs(high) or Decimal(1)
    step = Decimal(5).scaleb(distance.adjusted() - 1)
    if is_whole:
        step = max(step, Decimal(1))
    quarter = distance / 4
    wide_low = _EXACT.divide(low - quarter, step).to_integral_value(ROUND_FLOOR) * step
    wide_high = _EXACT.divide(high + quarter, step).to_integral_value(ROUND_CEILING) * step
    return (
        max(wide_low, Decimal(0)) if low >= 0 else wide_low,
        min(wide_high, Decimal(0)) if low < 0 and high <= 0 else wide_high,
    )


def _held(column: Column) -> tuple[Decimal | None, Decimal | None]:
    """Least and greatest number that the column's type has."""
    if column.type == "integer" and not (column.format or "").startswith("decimal"):
        least, greatest = integer_limits(column.format)
        return Decimal(least), Decimal(greatest)
    if places := decimal_places(column):
        most = Decimal(10) ** (places[0] - places[1]) - Decimal(1).scaleb(-places[1])
        return -most, most
    return None, None


def _limit(column: Column, limit: Decimal) -> str | None:
    if column.type == "number" and decimal_places(column) is None:
        nearest = float(limit)
        return _number(nearest) if math.isfinite(nearest) else None
    return f"{limit:f}"


def _number(value: float) -> str:
    """A float that YAML 1.1 takes for one: it wants a point before an exponent."""
    text = repr(value)
    if "e" not in text:
        return text.removesuffix(".0")
    mantissa, exponent = text.split("e")
    return f"{mantissa}{'' if '.' in mantissa else '.0'}e{exponent}"


def _valid_values(seen: Seen) -> list[str]:
    counts = seen.profile.counts
    if seen.column.type != "string" or not counts or len(counts) > VALID_VALUES or seen.failed:
        return []
    texts = [str(text) for text in counts]
    repeat = sum(counts.values()) >= _REPEATS * len(counts)
    return sorted(texts) if repeat and all(len(text) <= _TEXT_LENGTH for text in texts) else []
