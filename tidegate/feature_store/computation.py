"""The computation of one view: source rows in, piece by piece, rows of entities and ticks out.

Pure: Arrow in, Arrow out, computed by DuckDB in bounded memory. What does not fit goes to a folder.
"""

import functools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Self

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.columns.duck import Room, connect
from tidegate.errors import AmbiguousFeatureError
from tidegate.feature_store.aggregates import REVISION_BITS, TIME, order_of, partition_of, row_schema
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.ticks import Interval
from tidegate.feature_store.view_sql import (
    FIRST,
    STOP,
    WRONG_SQL,
    columns_read,
    query,
    quoted,
    refused,
    seen_by,
)

_TICKS_AT_ONCE = 512
_ROWS_AT_ONCE = 1 << 17


@dataclass
class Counts:
    """Source rows that were put right or left out; of those that a computation was given."""

    without_key: int = 0  # a part of the key is missing: of no entity
    known_early: int = 0  # known before they happened: taken as known when they happened


class Computation:
    """The rows of one view for the entities of some partitions. Use as a context.

    Args:
        schema: of the source's rows that `load` will be given; columns the view does not read are not needed.
        partitions, of: entities whose hash modulo `of` is one of `partitions`.
        room: memory and disk; without one, memory only.

    Raises:
        ViewSqlError: the SQL does not fit the columns.
    """

    def __init__(
        self,
        view: ViewPlan,
        schema: pa.Schema,
        *,
        partitions: Collection[int] = (0,),
        of: int = 1,
        room: Room | None = None,
    ) -> None:
        self.view = view
        self.partitions = frozenset(partitions)
        self.of = of
        self.counts = Counts()
        self.connection = connect(room)
        # the plan stays as it is written: rows probe ticks, in their order
        self.connection.execute("set disabled_optimizers = 'join_order,build_side_probe_side'")
        self.beside = self.connection.cursor()  # sees the same tables while a result is being read
        self.columns = columns_read(view, schema.names)
        self.types = {name: str(schema.field(name).type).removeprefix("large_") for name in self.columns}
        self._keys = ", ".join(map(quoted, view.keys))
        self._schema: pa.Schema | None = None  # of the view's rows, once there are any
        self.connection.register("sample", schema.empty_table().select(self.columns))
        try:
            self.connection.execute(f"create table loaded as {self._corrected('sample')}")
            self.connection.execute(f"create table entity as select {self._keys}, true as mine from loaded")
        except duckdb.BinderException as cause:
            raise refused(view, self.types, cause) from cause

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.beside.close()
        self.connection.close()

    def load(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take the rows of these partitions; a stream is read piece by piece."""
        for piece in _pieces(batches):
            self.connection.register("piece", piece.select(self.columns))
            if 0 in self.partitions:  # counted once among all batches
                self._count()
            entities = self._entities()
            self.connection.execute(
                f"insert into loaded {self._corrected('piece')} semi join {entities} using ({self._keys})"
            )
            self.connection.unregister("piece")

    def rows(self, intervals: Sequence[Interval], revision: int) -> Iterator[pa.RecordBatch]:
        """The view's rows for the ticks of the intervals, in order of time but for some hundred ticks.

        Raises:
            AmbiguousFeatureError: the SQL gives two rows for one entity and tick.
            ViewSqlError: the SQL fails on the rows, or gives other columns or types.
        """
        view = self.view
        # the same order of rows whatever the order of files, so that sums of floats are the same too
        order = ", ".join(quoted(n) for n in (view.source.event_ts, view.source.known_ts, *self.columns))
        self.connection.execute(
            f"create or replace table rows as select *, {seen_by(view)} from loaded order by {order}"
        )
        # a window that is longer than a piece would be read again and again
        size = max(_TICKS_AT_ONCE, view.window_seconds // view.every_seconds)
        for numbers in self._ticks(intervals, size):
            moments = pa.array(numbers * view.every_seconds * 1_000_000, TIME)
            self.connection.register("tick", pa.table({"event_ts": moments, "number": numbers}))
            for batch in self._run(revision, {"low": int(numbers[0]), "high": int(numbers[-1])}):
                self._remember(batch)
                yield batch
            self.connection.unregister("tick")

    def newest(self) -> pa.Table:
        """The newest of the rows that `rows` gave, one for each entity, in its columns."""
        if self._schema is None:
            return self.schema().empty_table()
        self._forget_older()
        return self.beside.sql(f"from newest order by {self._keys}").to_arrow_table().cast(self._schema)

    def schema(self) -> pa.Schema:
        """Of the view's rows."""
        keys = self.beside.sql(
            f"select {self._keys} from loaded limit 0"
        ).to_arrow_table()  # as DuckDB has them
        return row_schema(self.view, keys.schema)

    def _remember(self, batch: pa.RecordBatch) -> None:
        """Keep an entity's last row of the batch; rows are ordered by entity and tick."""
        self.beside.register("batch", batch.filter(pa.array(_last_of_entity(self.view, batch))))
        if self._schema is None:
            self._schema = batch.schema
            self.beside.execute("create table newest as from batch limit 0")
        self.beside.execute("insert into newest from batch")
        self.beside.unregister("batch")

    def _forget_older(self) -> None:
        newer = f"qualify row_number() over (partition by {self._keys} order by ord desc) = 1"
        self.beside.execute(f"create or replace table newest as select * from newest {newer}")

    def _ticks(self, intervals: Sequence[Interval], size: int) -> Iterator[NDArray[np.int64]]:
        """Numbers of the intervals' ticks that some row may be seen by, ascending, `size` at a time.

        One row of 1970 among those of today asks for the ticks around it, not for half a million between.
        """
        every = self.view.every_seconds
        found = self.connection.sql(
            f"select {FIRST} as first, max({STOP}) as stop from rows where {FIRST} < {STOP}"
            f" group by {FIRST} order by first"
        ).to_arrow_table()
        if not found.num_rows:
            return
        first, stop = (found[name].to_numpy().astype(np.int64) for name in ("first", "stop"))
        reached = np.maximum.accumulate(stop)
        starts = np.flatnonzero(np.append(True, first[1:] > reached[:-1]))  # of spans without a gap
        ends = reached[np.append(starts[1:], len(first)) - 1] - 1
        left: NDArray[np.int64] = np.empty(0, np.int64)
        for span in intervals:
            low, high = -(-span.start // every), span.stop // every
            for begin, end in zip(first[starts], ends, strict=True):
                for piece in range(max(begin, low), min(end, high) + 1, size):
                    left = np.append(left, np.arange(piece, min(piece + size - 1, end, high) + 1))
                    if len(left) >= size:
                        yield left[:size]
                        left = left[size:]
        if len(left):
            yield left

    def _run(self, revision: int, ticks: Mapping[str, int]) -> Iterator[pa.RecordBatch]:
        last = None  # row of the batch before
        try:
            reader = self.connection.sql(query(self.view), params=dict(ticks)).to_arrow_reader(_ROWS_AT_ONCE)
            schema = row_schema(self.view, reader.schema)
            for found in reader:
                batch = self._checked(found, schema, revision)
                self._refuse_repeated(batch, last)
                last = batch.slice(batch.num_rows - 1)
                yield batch
        except (*WRONG_SQL, pa.ArrowInvalid, pa.ArrowNotImplementedError) as cause:
            raise refused(self.view, self.types, cause) from cause

    def _checked(self, found: pa.RecordBatch, schema: pa.Schema, revision: int) -> pa.RecordBatch:
        present = [found[key].is_valid() for key in self.view.keys]
        kept = found.filter(_all(present))
        self.counts.without_key += found.num_rows - kept.num_rows
        seconds = pc.divide(kept["event_ts"].cast(TIME).cast(pa.int64()), 1_000_000)
        place = pc.bit_wise_or(pc.shift_left(seconds, REVISION_BITS), order_of(0, revision))
        columns = [*(kept[key] for key in self.view.keys), *(_finite(kept[n]) for n in self.view.outputs)]
        columns += [kept["event_ts"], kept["event_ts"], place]
        cast = [column.cast(field.type) for column, field in zip(columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(cast, schema=schema)

    def _refuse_repeated(self, batch: pa.RecordBatch, last: pa.RecordBatch | None) -> None:
        """Rows are ordered by keys and tick, so that two of one place are neighbours."""
        names = [*self.view.keys, "event_ts"]
        whole = pa.Table.from_batches([*([last] if last is not None else []), batch]).select(names)
        if whole.num_rows <= 1:
            return
        before, after = whole.slice(0, whole.num_rows - 1), whole.slice(1)
        same = _all([pc.equal(after[name], before[name]) for name in names])
        if (at := pc.index(same, True).as_py()) >= 0:
            row = after.slice(at, 1).to_pylist()[0]
            raise AmbiguousFeatureError(
                f"view `{self.view.name}` has more than one row for {_shown(self.view, row)}"
                f" at {row['event_ts']:%Y-%m-%dT%H:%M:%SZ}",
                cause="its SQL gives several rows for one entity, and no one could say which is right",
                hint=f"group by {', '.join(self.view.keys)}, and by nothing else, in the SQL of the view",
            )

    def _entities(self) -> str:
        """What to join with: entities of these partitions that a row of `piece` or an earlier one is of."""
        new = self.connection.sql(
            f"select distinct {self._keys} from piece anti join entity using ({self._keys})"
        ).to_arrow_table()
        if new.num_rows:
            mine = [self._is_mine(entity) for entity in new.to_pylist()]
            self.connection.register("new", new.append_column("mine", pa.array(mine, pa.bool_())))
            self.connection.execute("insert into entity from new")
            self.connection.unregister("new")
        return "(from entity where mine)"

    def _is_mine(self, entity: Mapping[str, object]) -> bool:
        name = self.view.entity(dict(entity))
        return name is not None and (
            len(self.partitions) == self.of or partition_of(name, self.of) in self.partitions
        )

    def _corrected(self, table: str) -> str:
        """A row is known when it happens at the earliest; without that time it is not known yet."""
        event, known = quoted(self.view.source.event_ts), quoted(self.view.source.known_ts)
        at_event = f"case when {known} < {event} then {event} else {known} end as {known}"
        return f"select * replace ({at_event}) from {table}"

    def _count(self) -> None:
        missing = " or ".join(f"{quoted(key)} is null" for key in self.view.keys)
        early = f"{quoted(self.view.source.known_ts)} < {quoted(self.view.source.event_ts)}"
        without, known_early = self.connection.execute(
            f"select count(*) filter ({missing}), count(*) filter ({early} and not ({missing})) from piece"
        ).fetchall()[0]
        self.counts.without_key += without
        self.counts.known_early += known_early


def compute(
    view: ViewPlan,
    rows: pa.Table,
    *,
    start: datetime,
    stop: datetime,
    revision: int,
    index: int = 0,
    partitions: int = 1,
) -> pa.Table:
    """The view's rows for ticks in [start, stop] and the entities of one partition, all in memory.

    Args:
        rows: the source's rows, timestamps in UTC; at least those with event time in (start - window, stop].
        revision: sequence number of the dataset's snapshot that the rows are of.

    Returns:
        The keys, the outputs in their dtypes, event_ts and known_ts (microseconds, UTC) and ord.
    """
    span = Interval(start=math.ceil(start.timestamp()), stop=math.floor(stop.timestamp()))
    with Computation(view, rows.schema, partitions=[index], of=partitions) as computation:
        computation.load(rows.to_batches())
        found = list(computation.rows([span], revision))
        return pa.Table.from_batches(found, computation.schema())


def _pieces(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows some hundred thousand at a time: each piece costs a statement, whatever its size."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(each.num_rows for each in held) >= _ROWS_AT_ONCE:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _last_of_entity(view: ViewPlan, batch: pa.RecordBatch) -> NDArray[np.bool_]:
    last = np.ones(batch.num_rows, np.bool_)
    if batch.num_rows > 1:
        before, after = batch.slice(0, batch.num_rows - 1), batch.slice(1)
        last[:-1] = ~_all([pc.equal(before[key], after[key]) for key in view.keys]).to_numpy(False)
    return last


def _finite(column: pa.Array) -> pa.Array:
    """NaN and infinities are no values: JSON online could not hold them, and both stores say the same."""
    if not pa.types.is_floating(column.type):
        return column
    return pc.if_else(pc.is_finite(column), column, pa.scalar(None, column.type))


def _all(masks: Sequence[pa.Array]) -> pa.Array:
    return functools.reduce(pc.and_, masks)


def _shown(view: ViewPlan, row: Mapping[str, object]) -> str:
    return ", ".join(f"{key} {row[key]!r}" for key in view.keys)
