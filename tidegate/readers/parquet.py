"""Parquet, row group by row group."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.arrow_types import arrow_type
from tidegate.contract.plan import ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers.batch import BATCH_ROWS, Batch, Typed, columns_by_name
from tidegate.readers.convert import from_arrow


def read(file: BinaryIO, start: int, stop: int, plan: ContractPlan) -> Iterator[Batch]:
    """Batches of the row groups in [start, stop)."""
    columns = columns_by_name(plan)
    parquet = open_parquet(file)
    names = parquet.schema_arrow.names
    known = [name for name in names if name in columns]
    extra = tuple(name for name in names if name not in columns)
    expected = sum(parquet.metadata.row_group(index).num_rows for index in range(start, stop))
    rows = 0
    with _readable():
        for batch in parquet.iter_batches(
            BATCH_ROWS, row_groups=range(start, stop), columns=known or names[:1], use_threads=False
        ):
            rows += batch.num_rows
            typed = {name: from_arrow(columns[name], batch.column(name)) for name in known}
            yield Batch.of(plan, typed, batch.num_rows, extra)
    if rows != expected:
        raise DropUnreadableError(
            f"the footer promises {expected} rows and {rows} are there", hint="write the file again"
        )
    if not rows:
        empty = {name: Typed(values=pa.nulls(0, arrow_type(columns[name]))) for name in known}
        yield Batch.of(plan, empty, 0, extra)


def open_parquet(file: BinaryIO) -> pq.ParquetFile:
    """The file with its footer read.

    Raises:
        DropUnreadableError: there is no sound footer, or it names a column twice.
    """
    with _readable():
        parquet = pq.ParquetFile(file, pre_buffer=True)
    names = parquet.schema_arrow.names
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DropUnreadableError(f"the file has {', '.join(f'`{n}`' for n in repeated)} more than once")
    return parquet


def row_group_bytes(parquet: pq.ParquetFile) -> list[int]:
    """Size of each row group as stored."""
    groups = (parquet.metadata.row_group(index) for index in range(parquet.metadata.num_row_groups))
    return [sum(group.column(i).total_compressed_size for i in range(group.num_columns)) for group in groups]


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as cause:
        raise DropUnreadableError(
            "the Parquet file is damaged or cut off",
            cause=str(cause).splitlines()[0][:300] if str(cause) else type(cause).__name__,
            hint="write the file again; it may have been dropped before it was complete",
        ) from cause
