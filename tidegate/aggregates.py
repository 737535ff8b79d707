"""Windowed aggregates: the rows of a view, one for each entity and tick.

Pure: Arrow in, Arrow out, computed by DuckDB. A tick sees what was known at it, so its row is known at it.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.duck import connect
from tidegate.feature_plan import EntityValue, ViewPlan

# The user's SQL runs once for each tick, on the rows of that tick's window; DuckDB turns the lateral join
# into one hash join and one aggregation.
_TICKS = """
    with tick as (select unnest($ticks) as event_ts)
    select a.*, tick.event_ts, tick.event_ts as known_ts
    from tick, lateral (
        with source as (
            select * from rows
            where rows."{event_ts}" > tick.event_ts - to_seconds({window})
                and rows."{event_ts}" <= tick.event_ts
                and rows."{known_ts}" <= tick.event_ts
        )
        {sql}
    ) a
    order by {order}
"""


_REVISION_BITS = 31


def order_of(event_seconds: int, revision: int) -> int:
    """`ord` of a row: its place in the order of (event_ts, known_ts, revision) among the rows of its entity.

    Of an aggregate known_ts is event_ts. Ticks are whole seconds and revisions below 2^31, so the order of
    these integers, which fit 64 bits for any time a timestamp can hold near our own, is exactly that.

    Raises:
        ValueError: the revision does not fit.
    """
    if not 0 <= revision < 1 << _REVISION_BITS:
        raise ValueError(f"revision {revision} does not fit {_REVISION_BITS} bits")
    return event_seconds << _REVISION_BITS | revision


def ticks(view: ViewPlan, start: datetime, stop: datetime) -> list[datetime]:
    """The view's ticks in [start, stop], on multiples of its distance since the epoch."""
    every = timedelta(seconds=view.every_seconds)
    epoch = datetime(1970, 1, 1, tzinfo=start.tzinfo)
    first = epoch + -(-(start - epoch) // every) * every
    return [first + i * every for i in range((stop - first) // every + 1)] if first <= stop else []


def partition_of(entity: str, partitions: int) -> int:
    """The partition of an entity, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(entity.encode(), digest_size=8).digest(), "big") % partitions


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
    """The view's rows for ticks in [start, stop] and the entities of one partition.

    Args:
        rows: the source's rows, timestamps in UTC; at least those with event time in (start - window, stop].
        revision: sequence number of the dataset's snapshot that the rows are of.

    Returns:
        The keys, the outputs in their dtypes, event_ts and known_ts (microseconds, UTC) and ord, ordered by
        keys and event_ts. Rows with a missing key belong to no entity and are left out.
    """
    with connect() as connection:
        mine = _of_partition(connection, view, rows, index, partitions)
        connection.register("rows", mine)
        keys = ", ".join(f'a."{key}"' for key in view.keys)
        query = _TICKS.format(
            event_ts=view.source.event_ts,
            known_ts=view.source.known_ts,
            window=view.window_seconds,
            sql=view.sql,
            order=f"{keys}, tick.event_ts",
        )
        found = connection.sql(query, params={"ticks": ticks(view, start, stop)}).to_arrow_table()
    seconds = pc.divide(found["event_ts"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()), 1_000_000)
    place = pc.bit_wise_or(pc.shift_left(seconds, _REVISION_BITS), order_of(0, revision))
    rows_of_view = found.select([*view.keys, *view.outputs, "event_ts", "known_ts"])
    return rows_of_view.append_column("ord", place).cast(_schema(view, found))


def newest(view: ViewPlan, rows: pa.Table) -> list[EntityValue]:
    """The newest row of each entity in `rows` of a view."""
    nulls_too = pc.ScalarAggregateOptions(
        skip_nulls=False
    )  # as the point-in-time join: no older value instead
    last = (
        rows.sort_by("ord")
        .group_by(list(view.keys), use_threads=False)
        .aggregate([(name, "last", nulls_too) for name in [*view.outputs, "event_ts", "known_ts", "ord"]])
    )
    values = []
    for row in last.to_pylist():
        entity = view.entity(row)
        if entity is not None:
            values.append(
                EntityValue(
                    entity=entity,
                    outputs={name: row[f"{name}_last"] for name in view.outputs},
                    event_ts=int(row["event_ts_last"].timestamp()),
                    known_ts=int(row["known_ts_last"].timestamp()),
                    revision=row["ord_last"] & (1 << _REVISION_BITS) - 1,
                )
            )
    return values


def _of_partition(
    connection: duckdb.DuckDBPyConnection, view: ViewPlan, rows: pa.Table, index: int, partitions: int
) -> pa.Table:
    connection.register("everything", rows)
    keys = ", ".join(f'"{key}"' for key in view.keys)
    present = " and ".join(f'"{key}" is not null' for key in view.keys)
    entities = connection.execute(f"select distinct {keys} from everything where {present}").fetchall()  # noqa: S608  column names of the plan
    mine = [entity for entity in entities if _belongs(view, entity, index, partitions)]
    connection.register("mine", pa.table({key: [e[i] for e in mine] for i, key in enumerate(view.keys)}))
    return connection.sql(f"select e.* from everything e semi join mine using ({keys})").to_arrow_table()  # noqa: S608


def _belongs(view: ViewPlan, entity: Iterable[object], index: int, partitions: int) -> bool:
    name = view.entity(dict(zip(view.keys, entity, strict=True)))
    return name is not None and partition_of(name, partitions) == index


def _schema(view: ViewPlan, found: pa.Table) -> pa.Schema:
    time = pa.timestamp("us", tz="UTC")
    kinds = {
        "float64": pa.float64(),
        "float32": pa.float32(),
        "int64": pa.int64(),
        "int32": pa.int32(),
        "bool": pa.bool_(),
    }
    keys = [(key, found.schema.field(key).type) for key in view.keys]
    return pa.schema(
        [
            *keys,
            *((name, kinds[dtype]) for name, dtype in view.outputs.items()),
            ("event_ts", time),
            ("known_ts", time),
            ("ord", pa.int64()),
        ]
    )
