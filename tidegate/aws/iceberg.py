"""Iceberg as pyiceberg has it, and what we need of it besides.

Importing this costs 1.2 s, so only what touches a table does.
"""

from collections.abc import Container, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError
from pyiceberg.io.pyarrow import ArrowScan, parquet_files_to_data_files
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table import CommitTableResponse, DataScan, Table, TableProperties, Transaction
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import SnapshotRefType
from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot
from pyiceberg.table.snapshots import ancestors_of
from pyiceberg.table.update import AddSnapshotUpdate, TableRequirement, TableUpdate

from tidegate.errors import DatasetConflictError, SchemaConflictError
from tidegate.ingestion.schema_evolution import changes, conflicts
from tidegate.ingestion.snapshots import KEY, Snapshot

__all__ = [
    "Changes",
    "CommitFailedException",
    "DataFile",
    "Glue",
    "IcebergSnapshot",
    "NoSuchTableError",
    "Schema",
    "Table",
    "TableAlreadyExistsError",
    "Transaction",
    "batches",
    "by_key",
    "data_files",
    "described",
    "evolve",
    "files_of",
    "lineage",
    "replace_files",
    "resolve",
]


class Glue(GlueCatalog):
    """Glue's catalog, which does not take a commit for refused that went through.

    When the answer to UpdateTable is lost, botocore sends it again, and Glue refuses the second: the table
    has moved on, by our own hand. pyiceberg would delete the files of the commit, which the table then lacks.
    """

    def commit_table(
        self,
        table: Table,
        requirements: tuple[TableRequirement, ...],
        updates: tuple[TableUpdate, ...],
    ) -> CommitTableResponse:
        try:
            return super().commit_table(table, requirements, updates)
        except CommitFailedException:
            ours = [u.snapshot.snapshot_id for u in updates if isinstance(u, AddSnapshotUpdate)]
            now = self.load_table(table.name())
            if ours and all(now.metadata.snapshot_by_id(each) is not None for each in ours):
                landed = {"metadata": now.metadata, "metadata-location": now.metadata_location}
                return CommitTableResponse.model_validate(landed)
            raise


class Changes(Transaction):
    """A transaction that applies its updates to the metadata once, however often that is looked at.

    pyiceberg copies all of it anew each time, some 18 times in a commit: with 400 snapshots 0.3 s of CPU.
    """

    _applied: tuple[tuple[TableUpdate, ...], TableMetadata] | None = None

    @property
    def table_metadata(self) -> TableMetadata:
        if not self._updates:
            return self._table.metadata
        if self._applied is None or self._applied[0] is not self._updates:
            self._applied = (self._updates, super().table_metadata)
        return self._applied[1]


def described(table: Table, snapshot: IcebergSnapshot) -> Snapshot:
    summary = snapshot.summary
    properties = dict(summary.additional_properties) if summary else {}
    return Snapshot(
        table=table.name()[-1],
        snapshot_id=snapshot.snapshot_id,
        parent_id=snapshot.parent_snapshot_id,
        sequence=snapshot.sequence_number or 0,
        total_rows=int(properties.get("total-records", 0)),
        committed_at=datetime.fromtimestamp(snapshot.timestamp_ms / 1000, UTC),
        operation=summary.operation.value if summary else "append",
        added_rows=int(properties.get("added-records", 0)),
        removed_rows=int(properties.get("deleted-records", 0)),
        tags=tuple(
            sorted(
                tag
                for tag, ref in table.metadata.refs.items()
                if ref.snapshot_ref_type == SnapshotRefType.TAG and ref.snapshot_id == snapshot.snapshot_id
            )
        ),
        properties=properties,
    )


def lineage(table: Table, snapshot: IcebergSnapshot | None) -> Iterator[IcebergSnapshot]:
    """The state and those it was made on top of, newest first, as far as they have not expired."""
    return iter(ancestors_of(snapshot, table.metadata)) if snapshot else iter(())


def by_key(table: Table, key: str) -> IcebergSnapshot | None:
    """The state that was committed under `key`."""
    for snapshot in reversed(table.metadata.snapshots):
        if snapshot.summary is not None and snapshot.summary.additional_properties.get(KEY) == key:
            return snapshot
    return None


def resolve(
    table: Table,
    snapshot_id: int | str | None = None,
    tag: str | None = None,
    as_of: datetime | None = None,
) -> IcebergSnapshot:
    """The state of that id, of that tag, or the one that was newest at a time; else the newest.

    Raises:
        LookupError: there is none.
    """
    if [snapshot_id, tag, as_of].count(None) < 2:  # noqa: PLR2004  # at most one names a state
        raise ValueError("name a state by its id, a tag or a time, not by several")
    if snapshot_id is not None:
        state, name = table.snapshot_by_id(int(snapshot_id)), str(snapshot_id)
    elif tag is not None:
        state, name = table.snapshot_by_name(tag), tag
    elif as_of is not None:
        if as_of.tzinfo is None:
            raise ValueError("a time without its zone names no state")
        state, name = table.snapshot_as_of_timestamp(int(as_of.timestamp() * 1000)), as_of.isoformat()
    else:
        state, name = table.current_snapshot(), "newest"
    if state is None:
        raise LookupError(f"`{table.name()[-1]}` has no state `{name}`")
    return state


def evolve(table: Table, transaction: Transaction, schema: pa.Schema) -> None:
    """Let the table have the columns of `schema` too. Nothing is dropped: old states read as they were.

    Raises:
        SchemaConflictError: a type would narrow or change, or a new column may not be null.
    """
    current = table.schema().as_arrow()
    refused = conflicts(current, schema, [old.as_arrow() for old in table.metadata.schemas])
    if not refused and changes(current, schema):
        try:
            with transaction.update_schema() as update:
                update.union_by_name(schema)
        except ValueError as cause:
            refused = [str(cause)]
    if refused:
        raise SchemaConflictError(
            f"`{table.name()[-1]}` cannot take columns as they are defined now",
            cause="; ".join(refused),
            hint="give the column another name; the old one stays, and is null in new rows",
        )


def files_of(table: Table, drops: Sequence[str]) -> list[DataFile]:
    """Data files that the drops added and the table still has: those under `data/<drop_id>/`.

    Raises:
        DatasetConflictError: some are gone though nobody replaced them: their rows are in files of others now
            (compaction), and could not be taken out.
    """
    below = {drop: f"{table.location()}/data/{drop}/" for drop in drops}
    head = table.current_snapshot()
    files = [f for f in data_files(table, head) if f.file_path.startswith(tuple(below.values()))]
    states = [described(table, state) for state in lineage(table, head)]
    replaced = {drop for state in states for drop in state.replaces}
    added = {state.properties.get(KEY): state.added_rows for state in states}
    for drop in set(drops) - replaced:
        rows = sum(file.record_count for file in files if file.file_path.startswith(below[drop]))
        if rows != added.get(drop, rows):
            raise DatasetConflictError(
                f"rows of drop {drop} cannot be taken out of `{table.name()[-1]}`",
                cause=f"it added {added[drop]} rows, and {rows} are in files of its own now",
                hint="do not compact a table whose objects are overwritten",
            )
    return files


def data_files(table: Table, snapshot: IcebergSnapshot | None) -> Iterator[DataFile]:
    """Every data file of a state, from its manifests: metadata only."""
    for manifest in snapshot.manifests(table.io) if snapshot else ():
        for entry in manifest.fetch_manifest_entry(table.io, discard_deleted=True):
            yield entry.data_file


def replace_files(
    table: Table,
    transaction: Transaction,
    gone: Sequence[DataFile],
    uris: Sequence[str],
    summary: dict[str, str],
) -> None:
    """Take files out and Parquet files that lie in the lake in, as one snapshot."""
    if transaction.table_metadata.name_mapping() is None:  # files of ours carry no field ids
        mapping = transaction.table_metadata.schema().name_mapping.model_dump_json()
        transaction.set_properties({TableProperties.DEFAULT_NAME_MAPPING: mapping})
    added = list(parquet_files_to_data_files(table.io, transaction.table_metadata, iter(uris)))
    with transaction.update_snapshot(snapshot_properties=summary).overwrite() as overwrite:
        for file in gone:
            overwrite.delete_data_file(file)
        for file in added:
            overwrite.append_data_file(file)


def batches(scan: DataScan, files: Container[str] | None = None) -> pa.RecordBatchReader:
    """Rows of a scan, or of those of its data files, as a stream that holds one file at a time.

    pyiceberg's own reader starts on all files at once, and holds whatever the consumer has not taken.
    """
    projection = scan.projection()

    def rows() -> Iterator[pa.RecordBatch]:
        left = scan.limit
        for task in scan.plan_files():
            if files is not None and task.file.file_path not in files:
                continue
            reader = ArrowScan(
                scan.table_metadata, scan.io, projection, scan.row_filter, scan.case_sensitive, left
            )
            for batch in reader.to_record_batches([task]):
                yield batch
                left = None if left is None else left - batch.num_rows
            if left is not None and left <= 0:
                return

    schema: Any = projection.as_arrow()
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in rows()))
