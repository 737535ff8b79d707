"""Versioned tables: Iceberg in the lake's `warehouse/`, through the Glue catalog.

A commit is exactly once for its `key`: the key is written into the snapshot, and looked for in the table's
snapshots before every attempt. pyiceberg (1.2 s of import) is imported when a table is first touched.
"""

import itertools
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
from botocore.exceptions import HTTPClientError

from tidegate.errors import DatasetConflictError
from tidegate.ingestion.snapshots import KEY, REPLACES, Difference, Snapshot

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

    from tidegate.aws import event_times, iceberg

__all__ = ["Catalog", "Snapshot"]

Done = TypeVar("Done")
Describe = Callable[[Snapshot | None, Sequence[Snapshot]], Mapping[str, str]]
Replaces = Callable[[Sequence[Snapshot]], Sequence[Snapshot]]

_ATTEMPTS = 8
_FIRST_WAIT_SECONDS = 0.05
_PROPERTIES = {
    "commit.retry.num-retries": "0",  # we retry ourselves: each attempt has to look for its key again
    "commit.manifest-merge.enabled": "true",  # 2,000 drops are read through 100 manifests, not 2,000
    # Each commit writes all of the table's metadata anew, about 1 kB for each snapshot: 2 GB after 2,000.
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "write.parquet.compression-codec": "zstd",
    # whole, not cut to 16 characters: rows of one version of a view then go by metadata alone
    "write.metadata.metrics.column.feature_hash": "full",
}


class Catalog:
    """The tables of one Glue database.

    Without `glue` and `credentials` they are those of boto3's default session: in a function, its role's.
    """

    def __init__(
        self,
        s3: "S3Client",
        *,
        lake_bucket: str,
        database: str,
        glue: "GlueClient | None" = None,
        credentials: "Credentials | None" = None,
    ) -> None:
        self.s3 = s3
        self.lake_bucket = lake_bucket
        self.database = database
        self._glue_client = glue
        self._credentials = credentials

    def location(self, table: str) -> str:
        return f"s3://{self.lake_bucket}/warehouse/{table}"

    def append(
        self, table: str, rows: pa.Table, *, key: str, properties: Mapping[str, str] | None = None
    ) -> Snapshot:
        """Add `rows`, creating the table or evolving its columns where needed. The same `key` adds once.

        Raises:
            DatasetConflictError: other writers won every attempt.
            SchemaConflictError: the table's columns cannot become those of `rows`.
        """

        def write(_: "iceberg.Table", transaction: "iceberg.Transaction", summary: dict[str, str]) -> None:
            transaction.append(rows, snapshot_properties=summary)

        return self._commit(table, rows.schema, key, lambda *_: properties or {}, write)

    def append_files(
        self,
        table: str,
        schema: pa.Schema,
        uris: Sequence[str],
        *,
        key: str,
        describe: Describe,
        replaces: Replaces | None = None,
        instead_of: str | None = None,
    ) -> Snapshot:
        """Add Parquet files that lie in the lake already, of exactly `schema`; they become the table's own.

        `replaces` chooses, of the states before, newest first, those whose rows go in the same commit: the
        data files under `data/<drop_id>/` of the table. Older states keep them. It is asked anew on each
        attempt, so what others have committed meanwhile is among them; what it raises ends the commit.
        `instead_of` is a filter: rows of it go in the same commit, whatever file holds them.
        `describe` gives the properties of the new snapshot from the one it is made on top of and from those
        whose rows go.

        Raises:
            DatasetConflictError: other writers won every attempt, or rewrote files that should go.
            SchemaConflictError: the table's columns cannot become those of `schema`.
        """

        def write(
            found: "iceberg.Table", transaction: "iceberg.Transaction", summary: dict[str, str]
        ) -> None:
            if instead_of is not None:
                transaction.delete(instead_of)
            drops = [drop for drop in summary.get(REPLACES, "").split(",") if drop]
            gone = self._iceberg.files_of(found, drops) if drops else []
            if gone:
                self._iceberg.replace_files(found, transaction, gone, uris, summary)
            elif uris:
                # The key makes a file a member of one commit only: looking through all files is needless.
                transaction.add_files(list(uris), snapshot_properties=summary, check_duplicate_files=False)
            else:
                transaction.append(schema.empty_table(), snapshot_properties=summary)

        return self._commit(table, schema, key, describe, write, replaces=replaces)

    def read(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        row_filter: str | None = None,
        snapshot_id: int | str | None = None,
        tag: str | None = None,
        as_of: datetime | None = None,
    ) -> pa.Table:
        """Rows of the table, of its newest state or of the one named. In no particular order."""
        return self._scan(
            table, columns, row_filter, snapshot_id=snapshot_id, tag=tag, as_of=as_of
        ).to_arrow()

    def batches(
        self,
        table: str,
        *,
        columns: Sequence[str] | None = None,
        row_filter: str | None = None,
        limit: int | None = None,
        snapshot_id: int | str | None = None,
        tag: str | None = None,
        as_of: datetime | None = None,
    ) -> pa.RecordBatchReader:
        """The same as a stream that holds one data file at a time."""
        return self._iceberg.batches(
            self._scan(table, columns, row_filter, limit=limit, snapshot_id=snapshot_id, tag=tag, as_of=as_of)
        )

    def head(self, table: str) -> Snapshot | None:
        """The newest state; None when the table is empty or not there."""
        try:
            found = self._load(table)
        except self._iceberg.NoSuchTableError:
            return None
        snapshot = found.current_snapshot()
        return self._iceberg.described(found, snapshot) if snapshot else None

    def resolve(
        self,
        table: str,
        *,
        snapshot_id: int | str | None = None,
        tag: str | None = None,
        as_of: datetime | None = None,
    ) -> Snapshot:
        """The state of that id, of that tag, or the one that was newest at a time; else the newest.

        Raises:
            LookupError: there is no such table or state.
        """
        found = self._found(table)
        snapshot = self._iceberg.resolve(found, snapshot_id, tag, as_of)
        described: Snapshot = self._iceberg.described(found, snapshot)
        return described

    def log(self, table: str, limit: int | None = None) -> Sequence[Snapshot]:
        """The newest state and those it was made on top of, newest first, as far as they have not expired.

        Raises:
            LookupError: there is no such table.
        """
        return self._states(self._found(table), limit)

    def event_times(
        self, table: str, column: str, *, snapshot_id: int | str, now: int
    ) -> "event_times.EventTimes":
        """When the rows of a state happened, by `column`; `now` in seconds since the epoch.

        Raises:
            LookupError: there is no such table or state.
            SchemaConflictError: the table has no such column, or not of times.
        """
        from tidegate.aws.event_times import EventTimes

        return EventTimes(self._found(table), snapshot_id, column, now)

    def schema(self, table: str, *, snapshot_id: int | str | None = None) -> pa.Schema:
        """The columns of a state as `batches` gives them."""
        schema: pa.Schema = self._scan(table, None, None, snapshot_id=snapshot_id).projection().as_arrow()
        return schema

    def delete(
        self, table: str, row_filter: str, *, key: str, properties: Mapping[str, str] | None = None
    ) -> Snapshot | None:
        """Take rows out of the newest state; older ones keep them. The same `key` takes out once.

        Files that hold such rows only are taken out by metadata alone. None when there is no such table.

        Raises:
            DatasetConflictError: other writers won every attempt.
        """

        def attempt() -> Snapshot | None:
            try:
                found = self._load(table)
            except self._iceberg.NoSuchTableError:
                return None
            done = self._iceberg.by_key(found, key)
            if done is None:
                found.delete(row_filter, snapshot_properties={**(properties or {}), KEY: key})
                found = self._load(table)
                done = self._iceberg.by_key(found, key)
            return None if done is None else self._iceberg.described(found, done)

        return self._until_won(table, attempt)

    def diff(self, table: str, before: Snapshot, after: Snapshot) -> Difference:
        """What leads from one state to the other, from metadata alone: no row is read.

        Raises:
            LookupError: a state has expired.
        """
        from tidegate.aws.table_diff import difference

        return difference(self._found(table), before, after)

    def rows_apart(
        self, table: str, before: Snapshot, after: Snapshot
    ) -> tuple[pa.RecordBatchReader, pa.RecordBatchReader]:
        """Rows of the data files that only one of the states has: all that differ, and maybe others.

        Raises:
            LookupError: a state has expired.
        """
        from tidegate.aws.table_diff import rows_apart

        return rows_apart(self._found(table), before, after)

    def tag(self, table: str, snapshot_id: int | str, name: str, *, move: bool = False) -> None:
        """Name a state, which keeps it from expiring. The same again does nothing.

        Raises:
            ValueError: the name is another state's, and `move` was not meant.
            LookupError: there is no such table or state.
            DatasetConflictError: other writers won every attempt.
        """
        wanted = int(snapshot_id)

        def attempt() -> bool:
            found = self._found(table)
            self._iceberg.resolve(found, snapshot_id=wanted)
            ref = found.refs().get(name)
            if ref is not None and ref.snapshot_id == wanted:
                return True
            if ref is not None and not move:
                raise ValueError(f"`{name}` names state {ref.snapshot_id} of `{table}`, not {wanted}")
            found.manage_snapshots().create_tag(wanted, name).commit()
            return True

        self._until_won(table, attempt)

    def _states(self, found: "iceberg.Table", limit: int | None = None) -> list[Snapshot]:
        states = itertools.islice(self._iceberg.lineage(found, found.current_snapshot()), limit)
        return [self._iceberg.described(found, state) for state in states]

    def _commit(
        self,
        table: str,
        schema: pa.Schema,
        key: str,
        describe: Describe,
        write: "Callable[[iceberg.Table, iceberg.Transaction, dict[str, str]], None]",
        *,
        replaces: Replaces | None = None,
    ) -> Snapshot:
        def attempt() -> Snapshot:
            found = self._create(table, schema)
            done = self._iceberg.by_key(found, key)
            if done is None:
                head = found.current_snapshot()
                parent = self._iceberg.described(found, head) if head else None
                gone = replaces(self._states(found)) if replaces else ()
                summary = {**describe(parent, gone), KEY: key}
                if gone:
                    summary[REPLACES] = ",".join(state.drop_id for state in gone)
                with self._iceberg.Changes(found) as transaction:  # columns and rows become visible at once
                    self._iceberg.evolve(found, transaction, schema)
                    write(found, transaction, summary)
                done = self._iceberg.by_key(found, key)
            described: Snapshot = self._iceberg.described(found, done)
            return described

        return self._until_won(table, attempt)

    def _until_won(self, table: str, attempt: Callable[[], Done]) -> Done:
        """What `attempt` returns, as often as others win or an answer is lost; it looks what became of it."""
        for number in range(1, _ATTEMPTS + 1):
            try:
                return attempt()
            except (self._iceberg.CommitFailedException, HTTPClientError) as cause:
                if number == _ATTEMPTS:
                    raise DatasetConflictError(
                        f"`{table}` was changed by others during each of {_ATTEMPTS} attempts to commit",
                        cause=str(cause),
                        hint="the state machine retries; fewer drops at once if it keeps failing",
                    ) from cause
            # Full jitter: writers that collided once should not meet again.
            time.sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**number))  # noqa: S311  # no secret
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _create(self, table: str, schema: pa.Schema) -> "iceberg.Table":
        """The table as it is now, made if it was not there."""
        try:
            return self._load(table)
        except self._iceberg.NoSuchTableError:
            name = f"{self.database}.{table}"
            try:
                return self._glue.create_table(
                    name, schema=schema, location=self.location(table), properties=_PROPERTIES
                )
            except self._iceberg.TableAlreadyExistsError:  # another first drop was quicker
                return self._load(table)

    def _scan(
        self,
        table: str,
        columns: Sequence[str] | None,
        row_filter: str | None,
        *,
        limit: int | None = None,
        **named: Any,
    ) -> Any:
        found = self._load(table)
        state = None  # a table without any state has no rows
        if any(name is not None for name in named.values()):
            state = self._iceberg.resolve(found, **named).snapshot_id
        options: dict[str, Any] = {} if row_filter is None else {"row_filter": row_filter}
        return found.scan(
            selected_fields=tuple(columns) if columns is not None else ("*",),
            snapshot_id=state,
            limit=limit,
            **options,
        )

    def _found(self, table: str) -> "iceberg.Table":
        try:
            return self._load(table)
        except self._iceberg.NoSuchTableError as cause:
            raise LookupError(f"there is no table `{table}`") from cause

    def _load(self, table: str) -> "iceberg.Table":
        return self._glue.load_table(f"{self.database}.{table}")

    @property
    def _iceberg(self) -> Any:
        from tidegate.aws import iceberg

        return iceberg

    @cached_property
    def _glue(self) -> "iceberg.Glue":
        # Arrow's own S3 client knows nothing of the endpoint, region and credentials that boto3 resolved.
        files: dict[str, Any] = {
            "warehouse": f"s3://{self.lake_bucket}/warehouse",
            "py-io-impl": "tidegate.aws.metadata_files.MetadataFiles",
            "s3.endpoint": self.s3.meta.endpoint_url,
            "s3.region": self.s3.meta.region_name,
        }
        if self._credentials is not None:
            frozen = self._credentials.get_frozen_credentials()
            files |= {"s3.access-key-id": frozen.access_key, "s3.secret-access-key": frozen.secret_key}
            files |= {"s3.session-token": frozen.token} if frozen.token else {}
        glue: iceberg.Glue = self._iceberg.Glue(self.database, client=self._glue_client, **files)
        return glue
