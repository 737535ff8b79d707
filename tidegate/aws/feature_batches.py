"""The work of one batch: read the dataset, compute its views, leave the rows in the lake.

A function and a processing job call the same code; they differ in how much memory and disk they have.
"""

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.aws.catalog import Catalog
from tidegate.aws.profiles import put_table
from tidegate.columns.duck import Room
from tidegate.errors import ViewSqlError
from tidegate.feature_store.computation import Computation
from tidegate.feature_store.feature_plan import SHORT_HASH, ViewPlan
from tidegate.feature_store.feature_run import BatchManifest, FeatureRun, ViewFiles, ViewRun
from tidegate.feature_store.ticks import Interval
from tidegate.feature_store.view_sql import columns_read
from tidegate.messages.features import FeatureBatch, FeatureRows

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PLAN = "plan.json"  # of a run, beside its rows
_FILE_ROWS = 8_000_000  # S3 copies objects of up to 5 GB in one request; this is far below
_MEMORY_SHARE = 0.5  # the rest is Python's, Arrow's, and what DuckDB does not count


def compute_batch(catalog: Catalog, run: str, batch: FeatureBatch, *, memory_mebibytes: int) -> FeatureRows:
    """Compute a batch of the run of that name; again, if it was computed before: it writes the same files.

    Raises:
        AmbiguousFeatureError, ViewSqlError: a view cannot be computed.
    """
    s3, lake = catalog.s3, catalog.lake_bucket
    plan = FeatureRun.from_json(objects.get_json(s3, lake, lake_keys.feature_run(run, PLAN)))
    schema = catalog.schema(plan.dataset, snapshot_id=plan.snapshot_id)
    with tempfile.TemporaryDirectory() as folder:
        room = Room(max(128, int(memory_mebibytes * _MEMORY_SHARE)), Path(folder))
        views = tuple(_view(catalog, plan, schema, each, batch, room=room) for each in plan.views)
    key = lake_keys.feature_batch(run, batch.index)
    objects.put_json(s3, lake, key, BatchManifest(views=views).to_json())
    return FeatureRows(
        index=batch.index,
        key=key,
        rows=sum(view.rows for view in views),
        without_key=sum(view.without_key for view in views),
        known_early=sum(view.known_early for view in views),
    )


def _view(
    catalog: Catalog, run: FeatureRun, schema: pa.Schema, work: ViewRun, batch: FeatureBatch, *, room: Room
) -> ViewFiles:
    view = work.view
    columns = _columns(view, schema)
    source = catalog.batches(
        run.dataset,
        columns=columns,
        row_filter=_within(view, schema, work.intervals),
        snapshot_id=run.snapshot_id,
    )
    name = lake_keys.feature_run(run.name, f"batch-{batch.index:05d}-{view.name}-{view.hash[:SHORT_HASH]}")
    writer = _Writer(catalog.s3, catalog.lake_bucket, name, room.spill)
    with Computation(view, source.schema, partitions=batch.partitions, of=batch.of, room=room) as computation:
        computation.load(source)
        for table in _stamped(view, computation.rows(work.intervals, run.revision)):
            writer.write(table)
        writer.finish()
        put_table(catalog.s3, catalog.lake_bucket, f"{name}-newest.parquet", computation.newest())
        counts = computation.counts
    return ViewFiles(
        version=view.version,
        rows=writer.rows,
        files=tuple(writer.keys),
        newest=f"{name}-newest.parquet",
        without_key=counts.without_key,
        known_early=counts.known_early,
    )


def _columns(view: ViewPlan, schema: pa.Schema) -> list[str]:
    needed = [*view.keys, view.source.event_ts, view.source.known_ts]
    if absent := [name for name in needed if name not in schema.names]:
        raise ViewSqlError(
            f"view `{view.name}` cannot be computed: dataset `{view.source.dataset}` has no column"
            f" {', '.join(absent)}",
            hint="name another column in features.py, or bring it back in the contract",
        )
    return columns_read(view, schema.names)


def _within(view: ViewPlan, schema: pa.Schema, intervals: Iterable[Interval]) -> str:
    """What the ticks can see, as a filter of Iceberg's: it skips files and row groups by their bounds."""
    column = view.source.event_ts
    kind = schema.field(column).type
    zone = "+00:00" if pa.types.is_timestamp(kind) and kind.tz else ""

    def literal(second: int) -> str:
        moment = pa.scalar(second, pa.timestamp("s")).as_py()
        return f"'{moment.date() if pa.types.is_date(kind) else moment.isoformat()}{zone}'"

    spans = (
        f'("{column}" >= {literal(span.start - view.window_seconds)} and "{column}" <= {literal(span.stop)})'
        for span in intervals
    )
    return " or ".join(spans)


def _stamped(view: ViewPlan, rows: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    for batch in rows:
        hashes = pa.array([view.hash], pa.string()).take(pa.array([0] * batch.num_rows, pa.int32()))
        yield pa.Table.from_batches([batch]).append_column("feature_hash", hashes)


class _Writer:
    """Files of rows in the lake, one after another; the one being written lies on the disk.

    Attributes:
        keys: of the files that are finished.
        rows: of all of them.
    """

    def __init__(self, s3: "S3Client", bucket: str, prefix: str, folder: Path) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.prefix = prefix
        self.path = folder / "rows.parquet"
        self.keys: list[str] = []
        self.rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._in_file = 0

    def write(self, table: pa.Table) -> None:
        if table.num_rows == 0:
            return
        if self._writer is None:
            self._writer = pq.ParquetWriter(self.path, table.schema, compression="zstd")
        self._writer.write_table(table)
        self.rows += table.num_rows
        self._in_file += table.num_rows
        if self._in_file >= _FILE_ROWS:
            self.finish()

    def finish(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self.keys.append(f"{self.prefix}-{len(self.keys):05d}.parquet")
        with self.path.open("rb") as file:
            objects.put_file(self.s3, self.bucket, self.keys[-1], file)
        self._writer, self._in_file = None, 0
