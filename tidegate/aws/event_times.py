"""When the rows of a table happened, by Iceberg's metadata: bounds of a column in each data file.

Only files whose bounds say too little are opened, and of those the one column: a file that reaches into the
future, or one that came with the last drops and spans more than a window.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.types import DateType, PrimitiveType, TimestampType, TimestamptzType

from tidegate.aws.iceberg import IcebergSnapshot, batches, data_files, resolve
from tidegate.errors import SchemaConflictError
from tidegate.feature_store.ticks import Interval, together

_MICROSECONDS = 1_000_000
_UNITS: dict[type, int] = {
    DateType: 86_400 * _MICROSECONDS,
    TimestampType: 1,
    TimestamptzType: 1,
}  # of bounds


@dataclass(frozen=True, kw_only=True)
class _File:
    """Rows of a data file; earliest and latest event in microseconds since the epoch, None when untold."""

    path: str
    rows: int
    first: int | None
    last: int | None


class EventTimes:
    """Of one state of a table.

    Args:
        column: when a row happened: a timestamp or a date.
        now: seconds since the epoch; what happens later is future.

    Raises:
        LookupError: the state has expired.
        SchemaConflictError: the table has no such column, or it is of another type.
    """

    def __init__(self, table: Table, snapshot_id: int | str, column: str, now: int) -> None:
        self.table = table
        self.column = column
        self.now = now
        self._now = now * _MICROSECONDS
        self._read = _Reader(table, column)
        self.snapshot = resolve(table, snapshot_id)
        self.files = self._files(self.snapshot)

    @cached_property
    def first(self) -> int | None:
        """Second of the earliest event; None without any."""
        known = [self._bounds(file)[0] for file in self.files.values() if file.rows]
        found = [first for first in known if first is not None]
        return min(found) // _MICROSECONDS if found else None

    @cached_property
    def newest(self) -> int | None:
        """Second, rounded up, of the latest event that is not in the future."""
        found = []
        for file in self.files.values():
            last = self._bounds(file)[1]
            if last is not None and last > self._now:
                past = self._read(self.snapshot.snapshot_id, file.path)
                last = max(past[past <= self._now], default=None)
            if last is not None:
                found.append(int(last))
        return -(-max(found) // _MICROSECONDS) if found else None

    def rows_between(self, spans: Sequence[Interval]) -> int:
        """Rows of the files that may hold an event of the spans: at least those that are read."""
        return sum(
            file.rows
            for file in self.files.values()
            if any(
                (file.last is None or file.last >= span.start * _MICROSECONDS)
                and (file.first is None or file.first <= span.stop * _MICROSECONDS)
                for span in spans
            )
        )

    def changes_since(self, revision: int, gap: int) -> "Changes | None":
        """What came and went after the state of that revision; None when it has expired.

        Args:
            gap: seconds; events less far apart are told as one span.
        """
        before = next((s for s in self.table.metadata.snapshots if s.sequence_number == revision), None)
        if before is None:
            return None
        old = self._files(before)
        came = [(self.snapshot, file) for path, file in self.files.items() if path not in old]
        gone = [(before, file) for path, file in old.items() if path not in self.files]
        spans = [span for state, file in (*came, *gone) for span in self._spans(state, file, gap)]
        future = sum(self._future(file) for _, file in came)
        return Changes(spans=together(spans, gap), removed=bool(gone), future_rows=future)

    def future_rows(self) -> int:
        """Rows of the whole state that happen after now."""
        return sum(self._future(file) for file in self.files.values())

    def _future(self, file: _File) -> int:
        last = self._bounds(file)[1]
        if last is None or last <= self._now:
            return 0
        return int(np.count_nonzero(self._read(self.snapshot.snapshot_id, file.path) > self._now))

    def _spans(self, state: IcebergSnapshot, file: _File, gap: int) -> Iterable[Interval]:
        first, last = self._bounds(file, state)
        if first is None or last is None:
            return
        if last - first <= gap * _MICROSECONDS:
            yield _interval(first, last)
            return
        moments = np.unique(self._read(state.snapshot_id, file.path))
        ends = np.flatnonzero(np.diff(moments) > gap * _MICROSECONDS)
        starts = [0, *(ends + 1)]
        for start, stop in zip(starts, [*ends, len(moments) - 1], strict=True):
            yield _interval(int(moments[start]), int(moments[stop]))

    def _bounds(self, file: _File, state: IcebergSnapshot | None = None) -> tuple[int | None, int | None]:
        if file.first is not None and file.last is not None:
            return file.first, file.last
        moments = self._read((state or self.snapshot).snapshot_id, file.path)
        return (int(moments.min()), int(moments.max())) if len(moments) else (None, None)

    def _files(self, snapshot: IcebergSnapshot) -> dict[str, _File]:
        return {file.file_path: self._file(file) for file in data_files(self.table, snapshot)}

    def _file(self, file: DataFile) -> _File:
        id_, kind = self._field
        ends = []
        for bounds in (file.lower_bounds, file.upper_bounds):
            raw = (bounds or {}).get(id_)
            ends.append(None if raw is None else int(from_bytes(kind, raw)) * _UNITS[type(kind)])
        return _File(path=file.file_path, rows=int(file.record_count), first=ends[0], last=ends[1])

    @cached_property
    def _field(self) -> tuple[int, PrimitiveType]:
        """Id and type of the column."""
        try:
            field = self.table.schema().find_field(self.column)
        except ValueError:
            field = None
        kind = field.field_type if field else None
        if field is None or not isinstance(kind, PrimitiveType) or type(kind) not in _UNITS:
            name = self.table.name()[-1]
            raise SchemaConflictError(
                f"dataset `{name}` has no column `{self.column}` of times, by which features are computed",
                cause=f"it is a {kind}" if field else "there is no such column",
                hint="name another event_ts in features.py, or bring the column back in the contract",
            )
        return field.field_id, kind


@dataclass(frozen=True, kw_only=True)
class Changes:
    """Spans of event times of rows that came or went."""

    spans: tuple[Interval, ...]
    removed: bool
    future_rows: int


class _Reader:
    """The column of one file, each read once."""

    def __init__(self, table: Table, column: str) -> None:
        self.table = table
        self.column = column
        self._once = cache(self._column)

    def __call__(self, snapshot_id: int, path: str) -> NDArray[np.int64]:
        """Event times in microseconds, without missing ones."""
        return self._once(snapshot_id, path)

    def _column(self, snapshot_id: int, path: str) -> NDArray[np.int64]:
        scan = self.table.scan(selected_fields=(self.column,), snapshot_id=snapshot_id)
        found = [
            batch.column(0).drop_null().cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
            for batch in batches(scan, {path})
        ]
        return np.concatenate([np.empty(0, np.int64), *found])


def _interval(first: int, last: int) -> Interval:
    return Interval(start=first // _MICROSECONDS, stop=-(-last // _MICROSECONDS))
