"""Parquet, row group by row group."""

from collections.abc import Collection, Iterator
from itertools import chain
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tidegate.columns.arrow_types import arrow_type
from tidegate.contract.plan import NESTED, Column, ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.readers.batch import BATCH_ROWS, Batch, Typed, columns_by_name
from tidegate.readers.convert import from_arrow
from tidegate.readers.nested import from_nested
from tidegate.readers.parquet_footer import check_groups, read_footer, readable
from tidegate.readers.parquet_metadata import Chunk, Metadata
from tidegate.readers.parquet_pages import HELD_BYTES, PageFile, check_pages
from tidegate.readers.unpack import refuse_expansion

_LENGTH_BYTES = 4  # what a text costs at least where it is written out
_LITTLE_BYTES = 16 << 20
_RUN_BYTES = 8 << 20
_BUFFERS_BYTES = 64 << 20  # of all columns together, where a row group is too large to hold


def read(
    file: BinaryIO, size: int, start: int, stop: int, plan: ContractPlan, *, maximum_bytes: int
) -> Iterator[Batch]:
    """Batches of the row groups in [start, stop).

    Text columns that are stored as dictionaries stay so; a column in the contract's own type is not copied.
    """
    columns = columns_by_name(plan)
    footer = read_footer(file, size, start, stop)
    check_groups(footer, size, maximum_bytes)
    known = [name for name in footer.names if name in columns]
    extra = tuple(name for name in footer.names if name not in columns)
    rows = written_out = 0
    stored = sum(group.stored for group in footer.groups)
    wanted = [columns[name] for name in known]
    for batch in _decoded(file, size, start, footer, wanted, maximum_bytes=maximum_bytes):
        rows += batch.num_rows
        written_out += sum(_text_bytes(column) for column in batch.columns)
        refuse_expansion(stored, written_out, maximum_bytes)
        typed = {name: _typed(columns[name], batch.column(name)) for name in known}
        whole = Batch.of(plan, typed, batch.num_rows, extra)
        del batch, typed  # nothing of these rows is held while the next are decoded
        yield from whole.cut()
        del whole
    expected = sum(group.rows for group in footer.groups)
    if rows != expected:
        raise DropUnreadableError(
            f"the footer promises {expected} rows and {rows} are there", hint="write the file again"
        )
    if not rows:
        empty = {name: Typed(values=pa.nulls(0, arrow_type(columns[name]))) for name in known}
        yield Batch.of(plan, empty, 0, extra)


def _decoded(
    file: BinaryIO, size: int, start: int, footer: Metadata, columns: list[Column], *, maximum_bytes: int
) -> Iterator[pa.RecordBatch]:
    """What the row groups from `start` on hold of `columns`, in the types of the file."""
    names = [column.name for column in columns] or list(footer.names[:1])
    chunks = {
        index: [chunk for chunk in group.chunks if chunk.column in names]
        for index, group in enumerate(footer.groups, start)
    }
    is_held = all(_stored(group) <= HELD_BYTES for group in chunks.values())
    runs = _runs({index: _stored(group) for index, group in chunks.items()})
    room = max((sum(_stored(chunks[index]) for index in run) for run in runs), default=0)
    pages = PageFile(file, size, room if is_held else 0)
    leaves = max((len(group) for group in chunks.values()), default=1)
    with readable():
        parquet = pq.ParquetFile(
            pages,
            read_dictionary=_dictionaries(chunks.values(), columns),
            pre_buffer=False,  # it holds all it has read until the end, and takes twice the time
            buffer_size=0 if is_held else _BUFFERS_BYTES // leaves,
        )
    for run in runs:
        if is_held:
            pages.hold(
                [(chunk.start, chunk.stored) for index in run for chunk in chunks[index] if chunk.values]
            )
        for index in run:
            check_pages(pages, [chunk for chunk in chunks[index] if chunk.values], maximum_bytes)
        batches = parquet.iter_batches(BATCH_ROWS, row_groups=run, columns=names, use_threads=False)
        while True:
            with readable():
                batch = next(batches, None)
            if batch is None:
                break
            yield batch
            del batch


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


def _text_bytes(values: pa.Array) -> int:
    """Of a dictionary, its texts written out, unless that is little: one long text may stand in every row."""
    if not pa.types.is_dictionary(values.type) or not len(values.dictionary):
        return 0
    lengths = pc.binary_length(values.dictionary)
    if pc.max(lengths).as_py() * len(values) < _LITTLE_BYTES:
        return 0
    return pc.sum(lengths.take(values.indices)).as_py() or 0


def _typed(column: Column, values: pa.Array) -> Typed:
    return from_nested(column, values, from_arrow) if column.type in NESTED else from_arrow(column, values)


def _stored(chunks: list[Chunk]) -> int:
    return sum(chunk.stored for chunk in chunks)


def _dictionaries(groups: Collection[list[Chunk]], columns: list[Column]) -> list[str]:
    """Text columns whose every chunk is a dictionary throughout.

    A writer gives up on a dictionary that grows too large and writes the rest out, and the footer does not
    tell how much that is. But what is written out takes four bytes a value for its length alone.
    """
    chosen = {column.name for column in columns if column.type == "string"}
    for chunk in chain.from_iterable(groups):
        is_small = chunk.values < BATCH_ROWS // 8  # batches end where a dictionary does
        is_written_out = chunk.unpacked >= _LENGTH_BYTES * (chunk.values - chunk.nulls)
        if not chunk.has_dictionary or is_small or is_written_out or chunk.is_nested:
            chosen.discard(chunk.column)
    return sorted(chosen)
