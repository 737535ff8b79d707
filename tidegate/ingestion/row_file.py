"""Rows of a shard on their way into the lake: record batches as one Parquet file with large row groups."""

from typing import Any, BinaryIO, Self

import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP_ROWS = 1 << 16  # what waits to be written is most of a shard's memory


class RowFile:
    """Writes batches of one schema; text may come as dictionaries, and is written as text.

    Leaving the block closes the file; without a batch it holds no rows and the schema all the same.
    """

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        self.file = file
        self.schema = schema
        self.rows = 0
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        if self._writer is None:
            self._writer = self._open(self.schema)
        self._writer.close()

    def add(self, rows: pa.RecordBatch) -> None:
        self.rows += rows.num_rows
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        if self._waiting_rows >= ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Columns are written as they come where all batches agree: a dictionary need not be made again."""
        if not self._waiting_rows:
            return
        if self._writer is None:
            self._writer = self._open(self._waiting[0].schema)
        schema = self._writer.schema
        batches = [rows if rows.schema.equals(schema) else _cast(rows, schema) for rows in self._waiting]
        self._writer.write_table(pa.Table.from_batches(batches, schema), row_group_size=ROW_GROUP_ROWS)
        self._waiting, self._waiting_rows = [], 0

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        # Arrow's own schema is left out: readers must find text, not dictionaries.
        options: dict[str, Any] = {"compression": "zstd", "store_schema": False}
        return pq.ParquetWriter(self.file, schema, **options)


def _cast(rows: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    columns = []
    for column, field in zip(rows.columns, schema, strict=True):
        if column.type == field.type:
            columns.append(column)
        elif pa.types.is_dictionary(field.type):
            columns.append(_plain(column).dictionary_encode().cast(field.type))
        else:
            columns.append(_plain(column).cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
