"""Times that exist: years 1 to 9999, as Python, Iceberg and SQL have them, and no 25th hour."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.columns.arrow_values import flags_of, null_of

MICROSECONDS = pa.timestamp("us", tz="UTC")
_NARROW = 32  # bits of date32 and time32
_DAY_SECONDS = 86_400
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, counted from 1970-01-01
_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def in_bounds(values: pa.Array) -> tuple[pa.Array, NDArray[np.int64]]:
    """`values` with null for times that cannot be, and the positions of these; other types pass."""
    bounds = _bounds(values.type)
    if bounds is None:
        return values, np.zeros(0, np.int64)
    numbers = values.view(pa.int32() if values.type.bit_width == _NARROW else pa.int64())
    extremes = pc.min_max(numbers)
    smallest, largest = extremes["min"].as_py(), extremes["max"].as_py()
    if smallest is None or (smallest >= bounds[0] and largest <= bounds[1]):
        return values, np.zeros(0, np.int64)
    outside = pc.or_(pc.less(numbers, bounds[0]), pc.greater(numbers, bounds[1]))
    kept = pc.if_else(outside, null_of(values.type), values)
    return kept, np.flatnonzero(flags_of(outside))


def localised(naive: pa.Array, timezone: str) -> pa.Array:
    """Microseconds without a zone as instants; without a copy where the clock is UTC's."""
    if timezone == "UTC":
        return naive.view(MICROSECONDS)
    # When clocks go back an hour happens twice: the first is meant. When they go forward: the next instant.
    kept, outside = in_bounds(naive)
    if len(outside):
        raise pa.ArrowInvalid("outside of years 1 to 9999")
    local = pc.assume_timezone(kept, timezone, ambiguous="earliest", nonexistent="latest")
    return local.cast(MICROSECONDS)


def _bounds(type_: pa.DataType) -> tuple[int, int] | None:
    """First and last number that a stored time may be; None where every number is one."""
    if type_ == pa.date32():
        return _FIRST_DAY, _LAST_DAY
    if type_ == pa.date64():
        return _FIRST_DAY * _DAY_SECONDS * 1000, (_LAST_DAY + 1) * _DAY_SECONDS * 1000 - 1
    if pa.types.is_time(type_):
        return 0, _DAY_SECONDS * _PER_SECOND[type_.unit] - 1
    if pa.types.is_timestamp(type_) and type_.unit != "ns":  # 64 bits of nanoseconds end in 2262
        per_day = _DAY_SECONDS * _PER_SECOND[type_.unit]
        return _FIRST_DAY * per_day, (_LAST_DAY + 1) * per_day - 1
    return None
