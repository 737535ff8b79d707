"""Rows of a dataset and the ticks of a view that see them: from a value to its rows, and from rows to values.

Pure: Arrow and numpy. A row is seen by the ticks from the first at or after it was known, and never before it
happened, up to the last before its event time and the window have passed: as `tidegate.view_sql` has it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.feature_plan import ViewPlan
from tidegate.ticks import Interval

MICROSECONDS = 1_000_000
Ticks = NDArray[np.int64]


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
    mine = rows.filter(equal(rows, keys))
    first, stop = _seen_by(view, mine)
    seen = (first <= tick) & (tick < stop)
    if not seen.any():
        return None
    events = _micros(mine[view.source.event_ts])[seen] / MICROSECONDS
    return Seen(rows=int(seen.sum()), first_event=float(events.min()), last_event=float(events.max()))


def spans(view: ViewPlan, rows: pa.Table) -> dict[str, tuple[Interval, ...]]:
    """Of each entity among the rows, the ticks that see one of its rows, as intervals of seconds.

    Rows without a part of the key are nobody's; those never known are never seen.
    """
    first, stop = _seen_by(view, rows)
    last = stop - view.every_seconds
    found: dict[str, tuple[Interval, ...]] = {}
    for entity, where in _by_entity(view, rows).items():
        mine = where[first[where] <= last[where]]
        pairs = np.unique(np.column_stack([first[mine], last[mine]]), axis=0).tolist()
        if pairs:
            intervals = (Interval(start=start, stop=end) for start, end in pairs)
            found[entity] = apart(intervals, view.every_seconds)
    return found


def equal(rows: pa.Table, keys: Mapping[str, Any]) -> pa.ChunkedArray:
    """Which rows have these values in these columns; values that are not of a column's type are nobody's."""
    wanted = pa.chunked_array([pa.repeat(pa.scalar(value=True), rows.num_rows)])
    for name, value in keys.items():
        column = rows[name]
        try:
            scalar = pa.scalar(value).cast(column.type)
        except (pa.ArrowException, OverflowError, TypeError):
            return pa.chunked_array([pa.repeat(pa.scalar(value=False), rows.num_rows)])
        wanted = pc.and_(wanted, pc.fill_null(pc.equal(column, scalar), fill_value=False))
    return wanted


def _seen_by(view: ViewPlan, rows: pa.Table) -> tuple[Ticks, Ticks]:
    """Of each row, the first tick that sees it and the first that no longer does, in seconds."""
    every = view.every_seconds * MICROSECONDS
    event, known = (_micros(rows[name]) for name in (view.source.event_ts, view.source.known_ts))
    first = -(-np.maximum(event, known) // every) * view.every_seconds
    stop = -(-(event + view.window_seconds * MICROSECONDS) // every) * view.every_seconds
    never = np.asarray(pc.or_(*(pc.is_null(rows[n]) for n in (view.source.event_ts, view.source.known_ts))))
    return np.where(never, stop, first), stop


def _micros(column: pa.ChunkedArray) -> Ticks:
    found = column.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())
    micros: Ticks = pc.fill_null(found, 0).to_numpy()
    return micros


def _by_entity(view: ViewPlan, rows: pa.Table) -> dict[str, Ticks]:
    """Positions of the rows of each entity."""
    keys = rows.select(list(view.keys)).append_column("at", pa.array(np.arange(rows.num_rows)))
    grouped = keys.group_by(list(view.keys), use_threads=False).aggregate([("at", "list")])
    named = [view.entity(row) for row in grouped.select(list(view.keys)).to_pylist()]
    places = (np.asarray(each.values, dtype=np.int64) for each in grouped["at_list"])
    return {name: where for name, where in zip(named, places, strict=True) if name is not None}


def apart(spans: Iterable[Interval], every: int) -> tuple[Interval, ...]:
    """The same ticks as intervals apart from each other; unlike `ticks.together` none that was not there."""
    joined: list[Interval] = []
    for span in sorted(spans, key=lambda span: span.start):
        if joined and span.start <= joined[-1].stop + every:
            joined[-1] = Interval(start=joined[-1].start, stop=max(joined[-1].stop, span.stop))
        else:
            joined.append(span)
    return tuple(joined)
