"""Values into a column's type, and which of them would not go.

A cast of a whole column is tried first. Where it fails, a pattern finds most culprits at once and halving the
rest finds the others, so one bad value costs little and a column of them is no disaster either. A pattern
lets pass whatever the cast takes, so that the answer for a value never depends on its neighbours.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.columns.arrow_types import arrow_type
from tidegate.columns.arrow_values import array_of, flags_of, is_valid, null_of, text_array, without_nulls
from tidegate.contract.plan import Column
from tidegate.readers.batch import DICTIONARY, Failed, Typed, failed
from tidegate.readers.bounds import MICROSECONDS, in_bounds, localised

Cast = Callable[[pa.Array], pa.Array]

# What exporters write for a missing value. In a text column they may be text: NA is Namibia.
_MISSING = text_array(["", "NA", "N/A", "#N/A", "NULL", "null", "None", "none", "nil", "\\N"])
_TRUE = text_array(["true", "1", "t", "yes", "y"])
_BOOLEAN = text_array(["true", "1", "t", "yes", "y", "false", "0", "f", "no", "n"])
_CLOCK = r"\d{2}(:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
_ZONED = r"(Z|[+-]\d{2}(:?\d{2})?)"
_PATTERNS = {
    "integer": r"^(-?\d+|0[xX][0-9a-fA-F]+)$",
    "number": r"(?i)^[+-]?(\d+\.?\d*(e[+-]?\d+)?|\.\d+(e[+-]?\d+)?|nan(\([a-z0-9_]*\))?|inf(inity)?)$",
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "time": rf"^{_CLOCK}$",
    "timestamp": rf"^\d{{4}}-\d{{2}}-\d{{2}}([T ]{_CLOCK}{_ZONED}?)?$",
}
_NOT_ASCII = 128
_ENDS_IN_ZONE = rf"[T ].*{_ZONED}$"


def from_text(column: Column, texts: pa.Array) -> Typed:
    """Text, as in CSV, into the column's type."""
    if column.type == "string":
        return Typed(values=texts)
    cleaned = pc.utf8_trim_whitespace(texts)
    cleaned = pc.if_else(pc.is_in(cleaned, _MISSING), null_of(pa.string()), cleaned)
    if column.type == "boolean":
        cleaned = pc.utf8_lower(cleaned)
        known = pc.is_in(cleaned, _BOOLEAN)
        values = pc.if_else(known, pc.is_in(cleaned, _TRUE), null_of(pa.bool_()))
        bad = np.flatnonzero(is_valid(cleaned) & ~flags_of(known))
        return Typed(values=values, failed=_told(texts, bad))
    cast = _text_cast(column)
    try:
        values, bad = cast(cleaned), np.zeros(0, np.int64)
    except pa.ArrowInvalid:
        values, bad = _sifted(column, cleaned, cast)
    values, beyond = in_bounds(values)
    bad = _together(bad, beyond)
    return Typed(values=values, failed=_told(texts, bad))


def _sifted(column: Column, cleaned: pa.Array, cast: Cast) -> tuple[pa.Array, NDArray[np.int64]]:
    if column.type == "integer":  # 5.0 is how a column of integers with gaps leaves pandas
        cleaned = pc.replace_substring_regex(cleaned, r"^\+|\.0*$", "")
    elif column.type in ("timestamp", "time"):
        cleaned = pc.replace_substring_regex(cleaned, r"(\.\d{6})\d+", r"\1")
    is_decimal = pa.types.is_decimal(arrow_type(column))  # unsigned 64 bits are, too: 1e3 is one of them
    fits = pc.match_substring_regex(cleaned, _PATTERNS["number" if is_decimal else column.type])
    plausible = pc.if_else(fits, cleaned, null_of(pa.string()))
    values, bad = _cast(plausible, cast)
    unfit = np.flatnonzero(flags_of(pc.invert(fits)))
    return values, _together(bad, unfit)


def from_arrow(column: Column, values: pa.Array) -> Typed:
    """Typed values, as in Parquet, into the column's type; of another family all fail: text is no number."""
    target = arrow_type(column)
    if pa.types.is_dictionary(values.type) and not (values.type == DICTIONARY and target == pa.string()):
        values = values.dictionary_decode()
    if values.type in (target, DICTIONARY):
        return _sound(values)
    if not _is_family(column, values.type):
        bad = np.flatnonzero(is_valid(values))
        return Typed(values=pa.nulls(len(values), target), failed=_told(values, bad))
    kept, beyond = in_bounds(values)
    converted, bad = _cast(kept, _arrow_cast(column, values.type))
    converted, outside = in_bounds(converted)
    bad = _together(bad, beyond, outside)
    return Typed(values=converted, failed=_told(values, bad))


def shown(values: pa.Array) -> list[str]:
    """Values as a person reads them, also those that Python's own types cannot hold."""
    try:
        return [str(value) for value in values.to_pylist()]
    except (ValueError, OverflowError):
        pass
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        return [(v or b"").decode("utf-8", "backslashreplace") for v in values.cast(pa.binary()).to_pylist()]
    naive = pa.timestamp(values.type.unit) if pa.types.is_timestamp(values.type) else None
    try:
        return [
            str(value) for value in (values.cast(naive) if naive else values).cast(pa.string()).to_pylist()
        ]
    except pa.ArrowException:
        return [f"{value} as stored" for value in values.view(_STORED[values.type.bit_width]).to_pylist()]


_STORED = {32: pa.int32(), 64: pa.int64()}


def _together(*found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions found in any of several ways, ascending; nearly always there are none."""
    some = [positions for positions in found if len(positions)]
    return np.unique(np.concatenate(some)) if len(some) > 1 else some[0] if some else found[0]


def _told(values: pa.Array, bad: NDArray[np.int64]) -> Failed | None:
    return failed(bad, shown(values.take(array_of(bad)))) if len(bad) else None


def _sound(values: pa.Array) -> Typed:
    """Values that need no cast, less those that are none: text that is not UTF-8, a date in year 0."""
    kept, bad = in_bounds(values)
    if not (_is_ascii(kept) or _is_ascii_dictionary(kept)):
        try:
            kept.validate(full=True)
        except pa.ArrowInvalid:
            return _damaged(kept)
    return Typed(values=kept, failed=_told(values, bad))


def _is_ascii(values: pa.Array) -> bool:
    """Whether text has but ASCII's bytes, which a look at all of them together tells in no time."""
    if not pa.types.is_string(values.type) or not len(values) or values.buffers()[2] is None:
        return False
    first, last = np.frombuffer(values.buffers()[1], np.int32)[[values.offset, values.offset + len(values)]]
    return bool(np.frombuffer(values.buffers()[2], np.uint8)[first:last].max(initial=0) < _NOT_ASCII)


def _is_ascii_dictionary(values: pa.Array) -> bool:
    """The same of a dictionary, whose codes must all have an entry."""
    if not pa.types.is_dictionary(values.type) or not len(values) or not _is_ascii(values.dictionary):
        return False
    codes = without_nulls(values.indices)
    return not len(codes) or bool(codes.min() >= 0 and codes.max() < len(values.dictionary))


def _damaged(values: pa.Array) -> Typed:
    """Each value tried alone."""
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    kept, bad = _cast(values, _validated)
    return Typed(values=kept, failed=_told(values, bad))


def _validated(values: pa.Array) -> pa.Array:
    values.validate(full=True)
    return values


def _text_cast(column: Column) -> Cast:
    target = arrow_type(column)
    if column.type == "timestamp":
        return lambda texts: _timestamps(texts, column.timezone)
    if column.type == "time":
        midnight = pa.scalar("1970-01-01T")
        joined = pc.binary_join_element_wise
        return lambda texts: joined(midnight, texts, "").cast(pa.timestamp("us")).cast(target)
    return lambda texts: texts.cast(target)


def _timestamps(texts: pa.Array, timezone: str) -> pa.Array:
    """Times that carry a zone, and those that do not: the latter are local to `timezone`."""
    zoned = pc.match_substring_regex(texts, _ENDS_IN_ZONE)
    nothing = null_of(pa.string())
    with_zone = pc.if_else(zoned, texts, nothing).cast(MICROSECONDS)
    naive = pc.if_else(zoned, nothing, texts).cast(pa.timestamp("us"))
    return pc.coalesce(with_zone, localised(naive, timezone))


def _is_family(column: Column, type_: pa.DataType) -> bool:
    is_number = pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
    families = {
        "string": pa.types.is_large_string(type_) or pa.types.is_string_view(type_),
        "integer": is_number,
        "number": is_number,
        "boolean": False,
        "date": pa.types.is_date(type_),
        "timestamp": pa.types.is_timestamp(type_),
        "time": pa.types.is_time(type_),
    }
    return bool(families.get(column.type) or pa.types.is_null(type_))


def _arrow_cast(column: Column, source: pa.DataType) -> Cast:
    target = arrow_type(column)
    if pa.types.is_timestamp(source) and source.tz is None:
        return lambda values: localised(values.cast(pa.timestamp("us"), safe=False), column.timezone)
    # Nanoseconds are cut to microseconds, and a whole number beyond 2**53 is rounded in a column of floats;
    # 1.5 is no integer, and 300 does not fit eight bits.
    rounding = pa.types.is_timestamp(source) or pa.types.is_time(source) or pa.types.is_floating(target)
    return lambda values: values.cast(target, safe=not rounding)


def _cast(values: pa.Array, cast: Cast) -> tuple[pa.Array, NDArray[np.int64]]:
    """The cast values, null where a value alone cannot be cast, and the positions of these."""
    pieces, bad = _halve(values, cast, 0)
    return (pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces)), np.array(bad, np.int64)


def _halve(values: pa.Array, cast: Cast, start: int) -> tuple[list[pa.Array], list[int]]:
    try:
        return [cast(values)], []
    except pa.ArrowInvalid:
        if len(values) == 1:
            return [cast(pa.nulls(1, values.type))], [start]
    middle = len(values) // 2
    left, bad_left = _halve(values[:middle], cast, start)
    right, bad_right = _halve(values[middle:], cast, start + middle)
    return left + right, bad_left + bad_right
