"""Rows of a dataset and the ticks of a view that see them: from a value to its rows, and from rows to values.

Pure: Arrow and numpy. A row is seen by the ticks from the first at or after it was known, and never before it
happened, up to the last before its event time and the window have passed: as the SQL of a view has it.
Arrow's buffers are read as they are: to make one array of Python's values, pyarrow imports pandas, which
takes longer than all that is done here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.ticks import Interval

MICROSECONDS = 1_000_000
Ticks = NDArray[np.int64]
Mask = NDArray[np.bool_]
_NOBODY = -1


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Rows behind one value."""

    rows: int
    first_event: float  # seconds since the epoch
    last_event: float


def columns_of(view: ViewPlan) -> list[str]:
    """What of a source row is needed here."""
    return list(dict.fromkeys([*view.keys, view.source.event_ts, view.source.known_ts]))


def behind(view: ViewPlan, rows: pa.Table, keys: Mapping[str, Any], tick: int) -> Seen | None:
    """The rows of an entity that a tick, in seconds since the epoch, sees; None when it sees none."""
    first, stop = _seen_by(view, rows)
    seen = equal(rows, keys) & (first <= tick) & (tick < stop)
    if not seen.any():
        return None
    events = _micros(rows[view.source.event_ts])[seen] / MICROSECONDS
    return Seen(rows=int(seen.sum()), first_event=float(events.min()), last_event=float(events.max()))


def spans(view: ViewPlan, rows: pa.Table, mask: Mask | None = None) -> dict[str, tuple[Interval, ...]]:
    """Of each entity among the rows, the ticks that see one of its rows, as intervals of seconds.

    Rows without a part of the key are nobody's; those never known are never seen.

    Args:
        mask: which rows count, shape (rows,); None for all.
    """
    first, stop = _seen_by(view, rows)
    last = stop - view.every_seconds
    numbers, names = _entities(view, rows)
    counts = (first <= last) & (numbers != _NOBODY)
    if mask is not None:
        counts &= mask
    triples = np.unique(np.column_stack([numbers[counts], first[counts], last[counts]]), axis=0)
    found: dict[str, list[Interval]] = {}
    for number, start, end in triples.tolist():
        found.setdefault(names[number], []).append(Interval(start=start, stop=end))
    return {entity: apart(intervals, view.every_seconds) for entity, intervals in found.items()}


def equal(rows: pa.Table, keys: Mapping[str, Any]) -> Mask:
    """Which rows have these values in these columns: the same, or, where one is text, of the same text."""
    wanted = np.ones(rows.num_rows, dtype=bool)
    for name, value in keys.items():
        codes, values = _codes(rows[name])
        same = [i for i, each in enumerate(values) if each is not None and _is_same(each, value)]
        wanted &= np.isin(codes, same)
    return wanted


def _is_same(one: Any, other: Any) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return str(one) == str(other)
    return bool(one == other)


def _seen_by(view: ViewPlan, rows: pa.Table) -> tuple[Ticks, Ticks]:
    """Of each row, the first tick that sees it and the first that no longer does, in seconds."""
    every = view.every_seconds * MICROSECONDS
    event, known = (_micros(rows[name]) for name in (view.source.event_ts, view.source.known_ts))
    first = -(-np.maximum(event, known) // every) * view.every_seconds
    stop = -(-(event + view.window_seconds * MICROSECONDS) // every) * view.every_seconds
    never = _nulls(rows[view.source.event_ts]) | _nulls(rows[view.source.known_ts])
    return np.where(never, stop, first), stop


def _entities(view: ViewPlan, rows: pa.Table) -> tuple[Ticks, dict[int, str]]:
    """A number for each row's entity, and the names; `_NOBODY` where a part of the key is missing."""
    parts = [_codes(rows[key]) for key in view.keys]
    sizes = [max(1, len(values)) for _, values in parts]
    numbers = np.zeros(rows.num_rows, dtype=np.int64)
    missing = np.zeros(rows.num_rows, dtype=bool)
    for (codes, values), size in zip(parts, sizes, strict=True):
        absent = [_NOBODY, *(i for i, each in enumerate(values) if each is None)]
        missing |= np.isin(codes, absent)
        numbers = numbers * size + np.maximum(codes, 0)
    names = {}
    for number in np.unique(numbers[~missing]).tolist():
        row, left = {}, number
        for key, (_, values), size in zip(view.keys[::-1], parts[::-1], sizes[::-1], strict=True):
            left, code = divmod(left, size)
            row[key] = values[code]
        names[number] = view.entity(row) or ""
    return np.where(missing, _NOBODY, numbers), names


def _codes(column: pa.ChunkedArray) -> tuple[Ticks, list[Any]]:
    """Positions in the list of different values; `_NOBODY` for null."""
    if pa.types.is_null(column.type):
        return np.full(len(column), _NOBODY), []
    whole = column.unify_dictionaries() if pa.types.is_dictionary(column.type) else column
    encoded = pc.dictionary_encode(whole.combine_chunks()) if len(column) else None
    if encoded is None:
        return np.zeros(0, dtype=np.int64), []
    codes = _buffer(encoded.indices, np.dtype(np.int32)).astype(np.int64)
    codes[_nulls(column)] = _NOBODY
    return codes, encoded.dictionary.to_pylist()


def _micros(column: pa.ChunkedArray) -> Ticks:
    """Microseconds since the epoch; anything where null."""
    if pa.types.is_null(column.type):
        return np.zeros(len(column), dtype=np.int64)
    found = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
    return np.concatenate(
        [np.zeros(0, np.int64), *(_buffer(each, np.dtype(np.int64)) for each in found.chunks)]
    )


def _nulls(column: pa.ChunkedArray) -> Mask:
    bits = pc.is_null(column).cast(pa.uint8())
    found = np.concatenate(
        [np.zeros(0, np.uint8), *(_buffer(each, np.dtype(np.uint8)) for each in bits.chunks)]
    )
    return found.astype(bool)


def _buffer(array: pa.Array, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The values of an array of numbers as they lie in memory."""
    if not len(array):
        return np.zeros(0, dtype=dtype)
    return np.frombuffer(array.buffers()[1], dtype=dtype)[array.offset : array.offset + len(array)].copy()


def apart(spans: Iterable[Interval], every: int) -> tuple[Interval, ...]:
    """The same ticks as intervals apart from each other; unlike `ticks.together` none that was not there."""
    joined: list[Interval] = []
    for span in sorted(spans, key=lambda span: span.start):
        if joined and span.start <= joined[-1].stop + every:
            joined[-1] = Interval(start=joined[-1].start, stop=max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return tuple(joined)
