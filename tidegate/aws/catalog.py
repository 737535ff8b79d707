"""Versioned tables: Iceberg in the lake's `warehouse/`, through the Glue catalog.

A commit is exactly once for its `key`: the key is written into the snapshot, and looked for in the table's
snapshots before every attempt. pyiceberg (1.2 s of import) is imported when a table is first touched.
"""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from tidegate.errors import DatasetConflictError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from pyiceberg.catalog.glue import GlueCatalog
    from pyiceberg.table import Table
    from pyiceberg.table.snapshots import Snapshot as IcebergSnapshot

_KEY = "tidegate.key"
_ATTEMPTS = 8
_FIRST_WAIT_SECONDS = 0.05
_PROPERTIES = {
    "commit.retry.num-retries": "0",  # we retry ourselves: each attempt has to look for its key again
    "write.parquet.compression-codec": "zstd",
}


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """One state of a table, and what was written into it on the way."""

    table: str
    snapshot_id: int
    parent_id: int | None
    total_rows: int
    properties: Mapping[str, str] = field(default_factory=dict)


class Catalog:
    """The tables of one Glue database."""

    def __init__(self, s3: "S3Client", *, lake_bucket: str, database: str) -> None:
        self.s3 = s3
        self.lake_bucket = lake_bucket
        self.database = database

    def location(self, table: str) -> str:
        return f"s3://{self.lake_bucket}/warehouse/{table}"

    def append(
        self, table: str, rows: pa.Table, *, key: str, properties: Mapping[str, str] | None = None
    ) -> Snapshot:
        """Add `rows`, creating the table or adding columns where needed. The same `key` adds once.

        Raises:
            DatasetConflictError: other writers won every attempt.
        """

        def write(found: "Table", summary: dict[str, str]) -> None:
            found.append(rows, snapshot_properties=summary)

        return self._commit(table, rows.schema, key, lambda _: properties or {}, write)

    def append_files(
        self,
        table: str,
        schema: pa.Schema,
        uris: Sequence[str],
        *,
        key: str,
        describe: Callable[[Snapshot | None], Mapping[str, str]],
    ) -> Snapshot:
        """Add Parquet files that lie in the lake already, of exactly `schema`; they become the table's own.

        `describe` gives the properties of the new snapshot from the one it is made on top of.

        Raises:
            DatasetConflictError: other writers won every attempt.
        """

        def write(found: "Table", summary: dict[str, str]) -> None:
            # The key makes a file a member of one commit only, so looking through all files is needless.
            if uris:
                found.add_files(list(uris), snapshot_properties=summary, check_duplicate_files=False)
            else:
                found.append(schema.empty_table(), snapshot_properties=summary)

        return self._commit(table, schema, key, describe, write)

    def read(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        row_filter: str | None = None,
        snapshot_id: int | str | None = None,
        tag: str | None = None,
    ) -> pa.Table:
        """Rows of the table, of its newest state or of the one named. In no particular order."""
        return self._scan(table, columns, row_filter, snapshot_id, tag).to_arrow()

    def batches(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        row_filter: str | None = None,
        snapshot_id: int | str | None = None,
        tag: str | None = None,
    ) -> pa.RecordBatchReader:
        """The same as a stream."""
        return self._scan(table, columns, row_filter, snapshot_id, tag).to_arrow_batch_reader()

    def head(self, table: str) -> Snapshot | None:
        """The newest state; None when the table is empty or not there."""
        from pyiceberg.exceptions import NoSuchTableError

        try:
            snapshot = self._load(table).current_snapshot()
        except NoSuchTableError:
            return None
        return _described(table, snapshot) if snapshot else None

    def tag(self, table: str, snapshot_id: int | str, name: str) -> None:
        """Name a state, which keeps it from expiring. The same name again moves the tag."""
        self._load(table).manage_snapshots().create_tag(int(snapshot_id), name).commit()

    def _commit(
        self,
        table: str,
        schema: pa.Schema,
        key: str,
        describe: Callable[[Snapshot | None], Mapping[str, str]],
        write: "Callable[[Table, dict[str, str]], None]",
    ) -> Snapshot:
        from pyiceberg.exceptions import CommitFailedException

        for attempt in range(_ATTEMPTS):
            found = self._ensure(table, schema)
            if done := _by_key(found, key):
                return _described(table, done)
            parent = found.current_snapshot()
            properties = describe(_described(table, parent) if parent else None)
            try:
                write(found, {**properties, _KEY: key})
            except CommitFailedException as cause:
                if attempt + 1 == _ATTEMPTS:
                    raise DatasetConflictError(
                        f"`{table}` was changed by others during each of {_ATTEMPTS} attempts to commit",
                        cause=str(cause),
                        hint="the state machine retries; fewer drops at once if it keeps failing",
                    ) from cause
                # Full jitter: writers that collided once should not meet again.
                time.sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**attempt))  # noqa: S311  # no secret
                continue
            return _described(table, _required(_by_key(found.refresh(), key), table))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _ensure(self, table: str, schema: pa.Schema) -> "Table":
        """The table as it is now, with at least the columns of `schema`."""
        from pyiceberg.exceptions import CommitFailedException, NoSuchTableError, TableAlreadyExistsError

        try:
            found = self._load(table)
        except NoSuchTableError:
            name = f"{self.database}.{table}"
            try:
                return self._glue.create_table(
                    name, schema=schema, location=self.location(table), properties=_PROPERTIES
                )
            except TableAlreadyExistsError:  # another first drop was quicker
                found = self._load(table)
        if set(schema.names) - set(found.schema().column_names):
            try:
                with found.update_schema() as update:
                    update.union_by_name(schema)
            except CommitFailedException:
                return self._ensure(table, schema)
        return found

    def _scan(
        self,
        table: str,
        columns: Sequence[str] | None,
        row_filter: str | None,
        snapshot_id: int | str | None,
        tag: str | None,
    ) -> Any:
        found = self._load(table)
        if tag is not None:
            snapshot_id = _required(found.snapshot_by_name(tag), f"{table}@{tag}").snapshot_id
        options: dict[str, Any] = {} if row_filter is None else {"row_filter": row_filter}
        return found.scan(
            selected_fields=tuple(columns) if columns is not None else ("*",),
            snapshot_id=None if snapshot_id is None else int(snapshot_id),
            **options,
        )

    def _load(self, table: str) -> "Table":
        return self._glue.load_table(f"{self.database}.{table}")

    @cached_property
    def _glue(self) -> "GlueCatalog":
        from pyiceberg.catalog.glue import GlueCatalog

        # Arrow's own S3 client knows nothing of the endpoint and region that boto3 resolved.
        files: dict[str, Any] = {
            "warehouse": f"s3://{self.lake_bucket}/warehouse",
            "s3.endpoint": self.s3.meta.endpoint_url,
            "s3.region": self.s3.meta.region_name,
        }
        return GlueCatalog(self.database, **files)


def _by_key(table: "Table", key: str) -> "IcebergSnapshot | None":
    for snapshot in reversed(table.metadata.snapshots):
        if snapshot.summary is not None and snapshot.summary.additional_properties.get(_KEY) == key:
            return snapshot
    return None


def _described(table: str, snapshot: "IcebergSnapshot") -> Snapshot:
    properties = dict(snapshot.summary.additional_properties) if snapshot.summary else {}
    return Snapshot(
        table=table,
        snapshot_id=snapshot.snapshot_id,
        parent_id=snapshot.parent_snapshot_id,
        total_rows=int(properties.get("total-records", 0)),
        properties=properties,
    )


def _required(snapshot: "IcebergSnapshot | None", name: str) -> "IcebergSnapshot":
    if snapshot is None:
        raise LookupError(f"`{name}` has no such snapshot")
    return snapshot
