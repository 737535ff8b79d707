"""Windowed aggregates: the rows of a view, one for each entity and tick.

Pure: Arrow in, Arrow out. A tick sees what was known at it, so its row is known at it.
"""

import hashlib

import pyarrow as pa
import pyarrow.compute as pc

from tidegate.feature_store.feature_plan import EntityValue, ViewPlan

TIME = pa.timestamp("us", tz="UTC")
REVISION_BITS = 31
_TYPES = {
    "float64": pa.float64(),
    "float32": pa.float32(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "bool": pa.bool_(),
}


def order_of(event_seconds: int, revision: int) -> int:
    """`ord` of a row: its place in the order of (event_ts, known_ts, revision) among the rows of its entity.

    Of an aggregate known_ts is event_ts. Ticks are whole seconds and revisions below 2^31, so the order of
    these integers, which fit 64 bits for any time a timestamp can hold near our own, is exactly that.

    Raises:
        ValueError: the revision does not fit.
    """
    if not 0 <= revision < 1 << REVISION_BITS:
        raise ValueError(f"revision {revision} does not fit {REVISION_BITS} bits")
    return event_seconds << REVISION_BITS | revision


def partition_of(entity: str, partitions: int) -> int:
    """The partition of an entity, the same on every machine."""
    return int.from_bytes(hashlib.blake2b(entity.encode(), digest_size=8).digest(), "big") % partitions


def row_schema(view: ViewPlan, source: pa.Schema) -> pa.Schema:
    """Of the view's rows: the types of keys are the source's."""
    return pa.schema(
        [
            *((key, source.field(key).type) for key in view.keys),
            *((name, _TYPES[dtype]) for name, dtype in view.outputs.items()),
            ("event_ts", TIME),
            ("known_ts", TIME),
            ("ord", pa.int64()),
        ]
    )


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
                    revision=row["ord_last"] & (1 << REVISION_BITS) - 1,
                )
            )
    return values
