"""The point-in-time join: to each label row, a view's newest value that was known at its moment.

Bitemporal and nothing else: event_ts <= moment AND known_ts <= moment AND moment - event_ts <= TTL. Ties are
decided by `ord`, stored with each row. The result has exactly the label rows, in their order.

The labels are held, the view's rows stream by once. Each row finds, among its entity's labels in order of
time, the first that may see it, and stays there if it is the newest so far; at the end each label takes the
newest of what stayed at it and at those before it. A row costs the same however many rows and labels its
entity has, and memory grows with the labels alone. Pure: Arrow in, Arrow out.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from tidegate.feature_store.entity_codes import NOBODY, EntityCodes
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.label_slots import Integers, LabelSlots

TIMES = ("event_ts", "known_ts")
ORD = "ord"
_TIME = pa.timestamp("us", tz="UTC")
_MICROSECONDS = 1_000_000
_PIECE_ROWS = 1 << 17  # of so many rows the columns stay in the processor's caches
_MOST_PIECE_ROWS = 1 << 20
_NOTHING = np.iinfo(np.int64).min


class KnownBeforeEventError(ValueError):
    """A feature row says it was known before it happened; the join would not be exact."""


class UndatedRowsError(ValueError):
    """A feature row lacks a time or its `ord`; nobody can tell what might have seen it."""


def columns_of(view: ViewPlan) -> list[str]:
    """What the join reads of a view's rows."""
    return [*view.keys, *view.outputs, *TIMES, ORD]


def join(labels: pa.Table, view: ViewPlan, rows: pa.Table, *, moment: str) -> pa.Table:
    """`join_stream` of rows that are held already."""
    return join_stream(labels, view, rows.select(columns_of(view)).to_batches(), moment=moment)


def join_stream(
    labels: pa.Table, view: ViewPlan, batches: Iterable[pa.RecordBatch], *, moment: str
) -> pa.Table:
    """`labels` with the view's outputs added.

    Where no value was known, or the newest was too old or is null, it is the view's default, if it has one.

    Args:
        labels: one row for each label, with the view's keys and the column `moment` (timestamp, UTC).
        batches: the view's rows, in any order: keys, outputs, event_ts, known_ts (timestamps, UTC) and ord
            (int64), which among the rows of one entity orders by event_ts, then known_ts, then what decides.
            Rows of one entity with equal ord have equal values.

    Raises:
        KnownBeforeEventError: a row's known_ts is before its event_ts.
        UndatedRowsError: a row has no event_ts, known_ts or ord.
        pa.ArrowInvalid: a key cannot become the type that it has beside the labels, or an output its own.
    """
    newest = _Newest(labels, view, moment)
    for piece in _pieces(batches, newest.piece_rows):
        newest.add(piece)
    for name, column in newest.outputs().items():
        labels = labels.append_column(name, column)
    return labels


class _Newest:
    """The newest row that each label may see, of those added so far."""

    def __init__(self, labels: pa.Table, view: ViewPlan, moment: str) -> None:
        self._view = view
        self._rows = labels.num_rows
        moments = _times(labels[moment])
        entities = EntityCodes([labels[key] for key in view.keys])
        self._entities = entities
        self.piece_rows = min(max(_PIECE_ROWS, entities.looked_through), _MOST_PIECE_ROWS)
        dated = np.flatnonzero((entities.labels != NOBODY) & (labels[moment].is_valid().to_numpy()))
        self._slots = (
            LabelSlots(entities.labels[dated], moments[dated], entities.size) if len(dated) else None
        )
        self._labels = dated[self._slots.order] if self._slots else dated
        size = self._slots.size if self._slots else 0
        self._ttl = view.ttl_seconds * _MICROSECONDS
        self._ord = np.full(size, _NOTHING)
        self._event = np.zeros(size, np.int64)
        self._values = {name: np.zeros(size, dtype) for name, dtype in view.outputs.items()}
        self._missing = {name: np.zeros(size, bool) for name in view.outputs}
        self._early = self._undated = 0

    def add(self, rows: pa.Table) -> None:
        undated = sum(rows[name].null_count for name in (*TIMES, ORD))
        self._undated += undated
        if undated:
            return  # `outputs` refuses them all
        event, known, place = _times(rows["event_ts"]), _times(rows["known_ts"]), _integers(rows[ORD])
        self._early += int(np.count_nonzero(known < event))
        if self._slots is None:
            return
        codes = self._entities.of([rows[key] for key in self._view.keys])
        at = np.flatnonzero(codes != NOBODY)
        if len(at) < len(codes):
            codes, event, known, place = (column[at] for column in (codes, event, known, place))
        slots = self._slots.first_at(codes, known)
        # Who is too old for the first label is too old for those after it, and all are for the slot behind.
        fresh = event >= self._slots.moments[slots] - self._ttl
        newer = np.flatnonzero(fresh & (place > self._ord[slots]))
        slots, event, place = slots[newer], event[newer], place[newer]
        np.maximum.at(self._ord, slots, place)
        stays = self._ord[slots] == place
        slots, at = slots[stays], at[newer[stays]]
        self._event[slots] = event[stays]
        for name in self._view.outputs:
            self._put(name, slots, rows[name], at)

    def _put(self, name: str, slots: Integers, column: pa.ChunkedArray, at: Integers) -> None:
        values = self._values[name]
        wanted = pa.from_numpy_dtype(values.dtype)
        if column.type != wanted:
            column = column.cast(wanted)
        if column.null_count:
            self._missing[name][slots] = column.is_null().to_numpy()[at]
            column = column.fill_null(pa.scalar(0).cast(wanted))
        else:
            self._missing[name][slots] = False
        values[slots] = column.to_numpy()[at]

    def outputs(self) -> dict[str, pa.Array]:
        """Each output as a column beside the labels, in their order."""
        if self._undated:
            raise UndatedRowsError(f"rows of view `{self._view.name}` lack {self._undated} times or `ord`s")
        if self._early:
            raise KnownBeforeEventError(
                f"{self._early} rows of view `{self._view.name}` were known before they happened"
            )
        source, found = self._sources()
        columns = {}
        for name, values in self._values.items():
            column = np.zeros(self._rows, values.dtype)
            missing = np.ones(self._rows, bool)
            column[self._labels[found]] = values[source]
            missing[self._labels[found]] = self._missing[name][source]
            array = pa.array(column, mask=missing)
            default = self._view.defaults.get(name)
            columns[name] = array if default is None else array.fill_null(pa.scalar(default).cast(array.type))
        return columns

    def _sources(self) -> tuple[Integers, Integers]:
        """Slots that hold the newest row of a label, and which of the labels in order of slots those are."""
        filled = np.flatnonzero(self._ord != _NOTHING)
        if self._slots is None or not len(filled):
            return filled, filled
        by_rank = filled[np.argsort(self._ord[filled])]
        # ranks start anew above all of the entity before, so that one running maximum serves all entities
        above = self._slots.codes * (len(filled) + 1)
        ranks = above.copy()
        ranks[by_rank] += np.arange(1, len(filled) + 1)
        newest = (np.maximum.accumulate(ranks) - above)[self._slots.slots]
        found = np.flatnonzero(newest)
        source = by_rank[newest[found] - 1]
        fresh = self._event[source] >= self._slots.moments[self._slots.slots[found]] - self._ttl
        return source[fresh], found[fresh]


def _pieces(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """The same rows in tables of at most so many rows, and not many fewer."""
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        for start in range(0, batch.num_rows, rows):
            part = batch.slice(start, rows)
            if count + part.num_rows > rows:
                yield pa.Table.from_batches(held).combine_chunks()
                held, count = [], 0
            held.append(part)
            count += part.num_rows
    if held:
        yield pa.Table.from_batches(held).combine_chunks()


def _times(column: pa.ChunkedArray) -> Integers:
    """Microseconds since the epoch; of a null anything."""
    return _integers(column.cast(_TIME))


def _integers(column: pa.ChunkedArray) -> Integers:
    column = column.cast(pa.int64())
    found: Integers = (column.fill_null(0) if column.null_count else column).to_numpy()
    return found
