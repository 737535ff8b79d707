"""How two states of a table differ: told by Iceberg's metadata alone, and the rows that may."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import DateType, PrimitiveType, TimestampType, TimestamptzType, TimeType
from pyiceberg.utils.datetime import days_to_date, micros_to_time, micros_to_timestamp, micros_to_timestamptz

from tidegate.aws.iceberg import batches, data_files, described, lineage, resolve
from tidegate.ingestion.snapshots import ColumnChange, ColumnFigures, Difference, Snapshot

# bounds of these are numbers in the metadata
_TIMES: dict[type, Callable[[int], Any]] = {
    DateType: days_to_date,
    TimeType: micros_to_time,
    TimestampType: micros_to_timestamp,
    TimestamptzType: micros_to_timestamptz,
}


def difference(table: Table, before: Snapshot, after: Snapshot) -> Difference:
    """What leads from `before` to `after`.

    Raises:
        LookupError: a state has expired.
    """
    states = [resolve(table, snapshot_id=each.snapshot_id) for each in (before, after)]
    old, new = ({file.file_path: file for file in data_files(table, state)} for state in states)
    old_way, new_way = (
        {state.snapshot_id: described(table, state) for state in lineage(table, end)} for end in states
    )
    old_schema, new_schema = (
        table.schemas()[table.schema().schema_id if state.schema_id is None else state.schema_id]
        for state in states
    )
    return Difference(
        before=before,
        after=after,
        added_rows=sum(new[path].record_count for path in new.keys() - old.keys()),
        removed_rows=sum(old[path].record_count for path in old.keys() - new.keys()),
        columns=tuple(_columns(old_schema, new_schema)),
        gained=tuple(reversed([s for id_, s in new_way.items() if id_ not in old_way])),
        lost=tuple(reversed([s for id_, s in old_way.items() if id_ not in new_way])),
        figures=_figures(old_schema, list(old.values()), new_schema, list(new.values())),
    )


def rows_apart(
    table: Table, before: Snapshot, after: Snapshot
) -> tuple[pa.RecordBatchReader, pa.RecordBatchReader]:
    """Rows of the data files that only one of the states has, in the columns of both by name.

    Raises:
        LookupError: a state has expired.
    """
    states = [resolve(table, snapshot_id=each.snapshot_id) for each in (before, after)]
    files = [{file.file_path for file in data_files(table, state)} for state in states]
    old, new = (table.scan(snapshot_id=state.snapshot_id) for state in states)
    names = {field.name for field in old.projection().fields}
    shared = tuple(f.name for f in new.projection().fields if f.name in names)
    return (
        batches(old.select(*shared), files[0] - files[1]),
        batches(new.select(*shared), files[1] - files[0]),
    )


def _columns(old: Schema, new: Schema) -> Iterable[ColumnChange]:
    """Columns and members of nested ones, told apart by id: a new name is not a new column."""
    for field_id in sorted(old.field_ids | new.field_ids):
        before, after = _spelled(old, field_id), _spelled(new, field_id)
        if before != after:
            yield ColumnChange(before=before, after=after)


def _spelled(schema: Schema, field_id: int) -> str | None:
    name = schema.find_column_name(field_id)
    if name is None:
        return None
    field = schema.find_field(field_id)
    kind = field.field_type if field.field_type.is_primitive else type(field.field_type).__name__
    return f"{name}: {str(kind).removesuffix('Type').lower()}{' not null' if field.required else ''}"


def _figures(
    old_schema: Schema, old: list[DataFile], new_schema: Schema, new: list[DataFile]
) -> Mapping[str, tuple[ColumnFigures, ColumnFigures]]:
    """Figures of the columns that both states have, where they are not the same."""
    found = {}
    for field in new_schema.fields:
        if field.field_id not in old_schema.field_ids or not isinstance(field.field_type, PrimitiveType):
            continue
        # bounds are read as the newer type: Iceberg promotes only to types that read them
        before, after = (_figures_of(field.field_id, field.field_type, files) for files in (old, new))
        if before != after:
            found[field.name] = (before, after)
    return found


def _figures_of(id_: int, kind: PrimitiveType, files: list[DataFile]) -> ColumnFigures:
    nulls = [_nulls(file, id_) for file in files]
    low = [from_bytes(kind, file.lower_bounds[id_]) for file in files if id_ in (file.lower_bounds or {})]
    high = [from_bytes(kind, file.upper_bounds[id_]) for file in files if id_ in (file.upper_bounds or {})]
    read: Callable[[Any], Any] = _TIMES.get(type(kind), _as_it_is)
    return ColumnFigures(
        nulls=None if None in nulls else sum(each or 0 for each in nulls),
        minimum=read(min(low)) if low else None,
        maximum=read(max(high)) if high else None,
    )


def _as_it_is(value: Any) -> Any:
    return value


def _nulls(file: DataFile, field_id: int) -> int | None:
    """Nulls of a column; all rows of a file that is older than the column."""
    counts = file.null_value_counts or {}
    if field_id in counts:
        return int(counts[field_id])
    return int(file.record_count) if file.value_counts and field_id not in file.value_counts else None
