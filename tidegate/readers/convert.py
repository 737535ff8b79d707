"""Values into a column's type, and which of them would not go.

A cast of a whole column is tried first. Where it fails, a pattern finds most culprits at once and halving the
rest finds the others, so one bad value costs little and a column of them is no disaster either.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.arrow_types import arrow_type
from tidegate.contract.plan import Column
from tidegate.readers.batch import Typed, failed

# What exporters write for a missing value. In a text column they may be text: NA is Namibia.
_MISSING = pa.array(["", "NA", "N/A", "#N/A", "NULL", "null", "None", "none", "nil", "\\N"])
_TRUE = pa.array(["true", "1", "t", "yes", "y"])
_BOOLEAN = pa.array(["true", "1", "t", "yes", "y", "false", "0", "f", "no", "n"])
_CLOCK = r"\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?"
_PATTERNS = {
    "integer": r"^-?\d+$",
    "number": r"^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|[nN]a[nN]|[iI]nf(inity)?)$",
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "time": f"^{_CLOCK}$",
    "timestamp": rf"^\d{{4}}-\d{{2}}-\d{{2}}([T ]{_CLOCK}(Z|[+-]\d{{2}}(:?\d{{2}})?)?)?$",
}
_ZONE = r"(Z|:\d{2}(\.\d+)?[+-]\d{2}(:?\d{2})?)$"  # behind a clock: a date ends in -31 too
_MICROSECONDS = pa.timestamp("us", tz="UTC")


def from_text(column: Column, texts: pa.Array) -> Typed:
    """Text, as in CSV, into the column's type."""
    if column.type == "string":
        return Typed(values=texts)
    cleaned = pc.utf8_trim_whitespace(texts)
    cleaned = pc.if_else(pc.is_in(cleaned, _MISSING), pa.scalar(None, pa.string()), cleaned)
    if column.type == "boolean":
        cleaned = pc.utf8_lower(cleaned)
        known = pc.is_in(cleaned, _BOOLEAN)
        values = pc.if_else(known, pc.is_in(cleaned, _TRUE), pa.scalar(None, pa.bool_()))
        bad = np.flatnonzero(pc.and_(pc.is_valid(cleaned), pc.invert(known)).to_numpy(zero_copy_only=False))
        return Typed(values=values, failed=failed(bad, texts.take(pa.array(bad))))
    if column.type == "integer":  # 5.0 is how a column of integers with gaps leaves pandas
        cleaned = pc.replace_substring_regex(cleaned, r"^\+|\.0*$", "")
    elif column.type in ("timestamp", "time"):
        cleaned = pc.replace_substring_regex(cleaned, r"(\.\d{6})\d+", r"\1")
    fits = pc.match_substring_regex(cleaned, _PATTERNS[column.type])
    plausible = pc.if_else(fits, cleaned, pa.scalar(None, pa.string()))
    values, bad = _cast(plausible, _text_cast(column))
    bad = np.union1d(bad, np.flatnonzero(pc.invert(fits).fill_null(False).to_numpy(zero_copy_only=False)))
    return Typed(values=values, failed=failed(bad, texts.take(pa.array(bad))))


def from_arrow(column: Column, values: pa.Array) -> Typed:
    """Typed values, as in Parquet, into the column's type; of another family all fail: text is no number."""
    target = arrow_type(column)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if values.type == target:
        return Typed(values=values)
    if not _is_family(column, values.type):
        bad = np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False))
        return Typed(values=pa.nulls(len(values), target), failed=failed(bad, values.take(pa.array(bad))))
    converted, bad = _cast(values, _arrow_cast(column, values.type))
    return Typed(values=converted, failed=failed(bad, values.take(pa.array(bad))))


def _text_cast(column: Column) -> Callable[[pa.Array], pa.Array]:
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
    zoned = pc.match_substring_regex(texts, _ZONE)
    nothing = pa.scalar(None, pa.string())
    with_zone = pc.if_else(zoned, texts, nothing).cast(_MICROSECONDS)
    naive = pc.if_else(zoned, nothing, texts).cast(pa.timestamp("us"))
    return pc.coalesce(with_zone, _localised(naive, timezone))


def _localised(naive: pa.Array, timezone: str) -> pa.Array:
    # When clocks go back an hour happens twice: the first is meant. When they go forward: the next instant.
    local = pc.assume_timezone(naive, timezone, ambiguous="earliest", nonexistent="latest")
    return local.cast(_MICROSECONDS)


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
    return bool(families[column.type] or pa.types.is_null(type_))


def _arrow_cast(column: Column, source: pa.DataType) -> Callable[[pa.Array], pa.Array]:
    target = arrow_type(column)
    if pa.types.is_timestamp(source) and source.tz is None:
        return lambda values: _localised(values.cast(pa.timestamp("us"), safe=False), column.timezone)
    # Nanoseconds are cut to microseconds, and a whole number beyond 2**53 is rounded in a column of floats;
    # 1.5 is no integer, and 300 does not fit eight bits.
    rounding = pa.types.is_timestamp(source) or pa.types.is_time(source) or pa.types.is_floating(target)
    return lambda values: values.cast(target, safe=not rounding)


def _cast(values: pa.Array, cast: Callable[[pa.Array], pa.Array]) -> tuple[pa.Array, NDArray[np.int64]]:
    """The cast values, null where a value alone cannot be cast, and the positions of these."""
    pieces, bad = _halve(values, cast, 0)
    return (pieces[0] if len(pieces) == 1 else pa.concat_arrays(pieces)), np.array(bad, np.int64)


def _halve(
    values: pa.Array, cast: Callable[[pa.Array], pa.Array], start: int
) -> tuple[list[pa.Array], list[int]]:
    try:
        return [cast(values)], []
    except pa.ArrowInvalid:
        if len(values) == 1:
            return [cast(pa.nulls(1, values.type))], [start]
    middle = len(values) // 2
    left, bad_left = _halve(values[:middle], cast, start)
    right, bad_right = _halve(values[middle:], cast, start + middle)
    return left + right, bad_left + bad_right
