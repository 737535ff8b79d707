"""Rows written out as they come: CSV, JSON lines or Parquet, to a file or a pipe, never all in memory."""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pyarrow.types as t

from tidegate_cli.tables import dumps, plain

Format = Literal["csv", "json", "parquet"]
SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
}


def write(sink: IO[bytes], format_: Format, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write the rows and return how many they were."""
    counted = _Counted(batches)
    if format_ == "parquet":
        with pq.ParquetWriter(sink, schema, compression="zstd") as parquet:
            for batch in counted:
                parquet.write_batch(batch)
    elif format_ == "csv":
        flat = pa.schema([pa.field(f.name, pa.string() if _unfit(f.type) else f.type) for f in schema])
        with pa.csv.CSVWriter(sink, flat) as csv:
            for batch in counted:
                csv.write_batch(_flat(batch, flat))
    else:
        for batch in counted:
            sink.writelines(f"{dumps(row)}\n".encode() for row in batch.to_pylist())
    return counted.rows


def write_object(sink: IO[bytes], facts: dict[str, Any], batches: Iterable[pa.RecordBatch]) -> int:
    """One JSON object of `facts` and, last, `rows`; no more than a batch is held."""
    counted = _Counted(batches)
    sink.write(f'{dumps(facts)[:-1]}, "rows": ['.encode())
    between = ""
    for batch in counted:
        for row in batch.to_pylist():
            sink.write(f"{between}{dumps(row)}".encode())
            between = ", "
    sink.write(b"]}\n")
    return counted.rows


@contextlib.contextmanager
def sink_of(path: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that is there whole or not at all."""
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            yield file  # type: ignore[misc]
        except BaseException:
            Path(file.name).unlink()
            raise
    mask = os.umask(0)
    os.umask(mask)
    Path(file.name).chmod(0o666 & ~mask)  # as any new file, not as a secret one
    Path(file.name).replace(path)


class _Counted:
    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        self.batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self.batches:
            self.rows += batch.num_rows
            yield batch


def _unfit(kind: pa.DataType) -> bool:
    """Whether a cell of CSV cannot hold it as it is: nested values become JSON, bytes their digits."""
    return bool(t.is_nested(kind) or t.is_binary(kind) or t.is_large_binary(kind))


def _flat(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = [
        pa.array([None if v is None else _cell(v) for v in column.to_pylist()], pa.string())
        if _unfit(column.type)
        else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cell(value: Any) -> str:
    return str(plain(value)) if isinstance(value, bytes) else dumps(value)
