"""Parquet, row group by row group."""

from collections.abc import Collection, Iterator
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.arrow_types import arrow_type
from tidegate.contract.plan import NESTED, Column, ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers.batch import BATCH_ROWS, Batch, Typed, columns_by_name
from tidegate.readers.convert import from_arrow
from tidegate.readers.nested import from_nested
from tidegate.readers.parquet_footer import check_groups, chunk_range, open_footer, readable
from tidegate.readers.parquet_pages import HELD_BYTES, PageFile, check_pages

_LENGTH_BYTES = 4  # what a text costs at least where it is written out
_RUN_BYTES = 16 << 20
_BUFFERS_BYTES = 64 << 20  # of all columns together, where a row group is too large to hold


def read(
    file: BinaryIO, size: int, start: int, stop: int, plan: ContractPlan, *, maximum_bytes: int
) -> Iterator[Batch]:
    """Batches of the row groups in [start, stop).

    Text columns that are stored as dictionaries stay so; a column in the contract's own type is not copied.
    """
    columns = columns_by_name(plan)
    footer = open_footer(file, size)
    groups = range(start, stop)
    check_groups(footer, groups, size, maximum_bytes)
    names = footer.schema.to_arrow_schema().names
    known = [name for name in names if name in columns]
    extra = tuple(name for name in names if name not in columns)
    rows = 0
    wanted = [columns[name] for name in known]
    for batch in _decoded(file, size, footer, groups, wanted, maximum_bytes=maximum_bytes):
        rows += batch.num_rows
        typed = {name: _typed(columns[name], batch.column(name)) for name in known}
        yield from Batch.of(plan, typed, batch.num_rows, extra).cut()
    expected = sum(footer.row_group(index).num_rows for index in groups)
    if rows != expected:
        raise DropUnreadableError(
            f"the footer promises {expected} rows and {rows} are there", hint="write the file again"
        )
    if not rows:
        empty = {name: Typed(values=pa.nulls(0, arrow_type(columns[name]))) for name in known}
        yield Batch.of(plan, empty, 0, extra)


def _decoded(
    file: BinaryIO,
    size: int,
    footer: pq.FileMetaData,
    groups: range,
    columns: list[Column],
    *,
    maximum_bytes: int,
) -> Iterator[pa.RecordBatch]:
    """What the groups hold of `columns`, in the types of the file."""
    names = [column.name for column in columns] or footer.schema.to_arrow_schema().names[:1]
    pages = PageFile(file, size)
    chunks = {index: _chunks(footer, index, names) for index in groups}
    runs = _runs({index: _stored(group) for index, group in chunks.items()})
    is_held = all(_stored(group) <= HELD_BYTES for group in chunks.values())
    leaves = max((len(group) for group in chunks.values()), default=1)
    with readable():
        parquet = pq.ParquetFile(
            pages,
            metadata=footer,
            read_dictionary=_dictionaries(chunks.values(), columns),
            pre_buffer=False,  # it holds all it has read until the end, and takes twice the time
            buffer_size=0 if is_held else _BUFFERS_BYTES // leaves,
        )
    for run in runs:
        if is_held:
            pages.hold([chunk_range(chunk) for index in run for chunk in chunks[index]])
        for index in run:
            check_pages(pages, chunks[index], maximum_bytes)
        batches = parquet.iter_batches(BATCH_ROWS, row_groups=run, columns=names, use_threads=False)
        while True:
            with readable():
                batch = next(batches, None)
            if batch is None:
                break
            yield batch


def _runs(stored: dict[int, int]) -> list[list[int]]:
    """Row groups that are read in one go: small ones together."""
    runs: list[list[int]] = []
    total = 0
    for index, size in stored.items():
        if not runs or total + size > _RUN_BYTES:
            runs.append([])
            total = 0
        runs[-1].append(index)
        total += size
    return runs


def _typed(column: Column, values: pa.Array) -> Typed:
    return from_nested(column, values, from_arrow) if column.type in NESTED else from_arrow(column, values)


def _chunks(footer: pq.FileMetaData, index: int, names: list[str]) -> list[pq.ColumnChunkMetaData]:
    """The columns of a row group that are read, the leaves of nested ones each."""
    group = footer.row_group(index)
    every = (group.column(number) for number in range(group.num_columns))
    return [chunk for chunk in every if _is_of(chunk.path_in_schema, names)]


def _is_of(path: str, names: list[str]) -> bool:
    return path in names or any(path.startswith(f"{name}.") for name in names)


def _stored(chunks: list[pq.ColumnChunkMetaData]) -> int:
    return sum(chunk.total_compressed_size for chunk in chunks)


def _dictionaries(groups: Collection[list[pq.ColumnChunkMetaData]], columns: list[Column]) -> list[str]:
    """Text columns whose every chunk is a dictionary throughout.

    A writer gives up on a dictionary that grows too large and writes the rest out, and the footer does not
    tell how much that is. But what is written out takes four bytes a value for its length alone.
    """
    chosen = {column.name for column in columns if column.type == "string"}
    for chunk in chain.from_iterable(groups):
        nulls = chunk.statistics.null_count if chunk.statistics and chunk.statistics.has_null_count else 0
        room = _LENGTH_BYTES * (chunk.num_values - nulls)
        is_small_group = chunk.num_values < BATCH_ROWS // 8  # batches end where a dictionary does
        if not chunk.has_dictionary_page or is_small_group or chunk.total_uncompressed_size >= room:
            chosen.discard(chunk.path_in_schema)
    return sorted(chosen)
