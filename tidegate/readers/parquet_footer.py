"""A Parquet file's footer, believed only as far as it fits the file.

pyarrow trusts a footer: a schema nested some thousand deep ends the process, and a few bytes can promise any
number of rows. So the schema is walked before pyarrow sees it, and sizes and places are checked before a page
is read.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.errors import DropUnreadableError
from tidegate.readers.thrift import Compact, Malformed
from tidegate.readers.unpack import refuse_expansion

_FOOTER_BYTES = 64 << 20
_MAXIMUM_COLUMNS = 10_000
_MAXIMUM_DEPTH = 64
_SCHEMA, _NUM_CHILDREN = 2, 5  # fields of the footer and of a column in it
_MAGIC_BYTES = 4
_TAIL = 8  # four bytes of length, four of magic
_WIDTH = 8  # bytes of a decoded value, about
_DECODED_RATIO = 10_000  # a run of equal values takes almost nothing
_DECODED_SLACK = 1 << 30
_ITEMS_RATIO, _ITEMS_SLACK = 1000, 1 << 25  # of a nested column: they come with their row, however many


def open_footer(file: BinaryIO, size: int) -> pq.FileMetaData:
    """The footer of a file of `size` bytes.

    Raises:
        DropUnreadableError: there is no sound footer, or it names a column twice.
    """
    with readable():
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != b"PAR1" or length > size - _TAIL - _MAGIC_BYTES:
            raise pa.ArrowInvalid("it does not end in a footer")
        if length > _FOOTER_BYTES:
            raise pa.ArrowInvalid(f"its footer of {length >> 20} MiB is above {_FOOTER_BYTES >> 20} MiB")
        file.seek(size - _TAIL - length)
        _check_schema(Compact(file.read(length)))
        footer = pq.read_metadata(file)
        names = footer.schema.to_arrow_schema().names
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise DropUnreadableError(f"the file has {', '.join(f'`{n}`' for n in repeated)} more than once")
    promised = sum(footer.row_group(index).num_rows for index in range(footer.num_row_groups))
    if promised != footer.num_rows:
        raise _lie(f"{footer.num_rows} rows, its row groups {promised}")
    return footer


def check_groups(footer: pq.FileMetaData, groups: range, size: int, maximum_bytes: int) -> None:
    """Refuse row groups that do not fit a file of `size` bytes, or would unpack to more than is allowed.

    Raises:
        DropUnreadableError: says which promise is broken.
    """
    if groups.stop > footer.num_row_groups:
        raise _lie(f"{footer.num_row_groups} row groups, {groups.stop} were there when it was planned")
    stored = unpacked = decoded = 0
    for index in groups:
        group = footer.row_group(index)
        if group.num_rows < 0:
            raise _lie(f"{group.num_rows} rows")
        for number in range(group.num_columns):
            chunk = group.column(number)
            start, length = chunk_range(chunk)
            if (
                start < _MAGIC_BYTES
                or length < 0
                or start + length > size - _TAIL
                or chunk.total_uncompressed_size < 0
            ):
                raise _lie(f"column `{chunk.path_in_schema}` at bytes {start} to {start + length}")
            _check_values(footer, number, chunk, group.num_rows)
            stored += length
            unpacked += chunk.total_uncompressed_size
            decoded += chunk.num_values * _WIDTH
    refuse_expansion(stored, unpacked, maximum_bytes)
    if decoded > _DECODED_RATIO * stored + _DECODED_SLACK:
        raise DropUnreadableError(
            f"{stored} bytes promise {decoded // _WIDTH} values",
            cause=f"more than {_DECODED_RATIO} bytes of values for a byte of the file are no honest data",
        )


def _check_values(footer: pq.FileMetaData, number: int, chunk: pq.ColumnChunkMetaData, rows: int) -> None:
    values, column = chunk.num_values, footer.schema.column(number)
    if column.max_repetition_level:
        if not 0 <= values <= _ITEMS_RATIO * chunk.total_compressed_size + _ITEMS_SLACK:
            raise _lie(f"{values} items of `{chunk.path_in_schema}`")
    elif values != rows:
        raise _lie(f"{rows} rows and {values} values of `{chunk.path_in_schema}`")


def chunk_range(chunk: pq.ColumnChunkMetaData) -> tuple[int, int]:
    """Where the pages of a column of a row group begin, and their bytes."""
    start = chunk.data_page_offset
    dictionary = chunk.dictionary_page_offset
    if dictionary is not None and 0 < dictionary < start:
        start = dictionary
    return start, chunk.total_compressed_size


def row_group_bytes(footer: pq.FileMetaData) -> list[int]:
    """Size of each row group as stored."""
    groups = (footer.row_group(index) for index in range(footer.num_row_groups))
    return [sum(group.column(i).total_compressed_size for i in range(group.num_columns)) for group in groups]


@contextmanager
def readable() -> Iterator[None]:
    """Whatever pyarrow makes of a damaged file, as one error in words."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, MemoryError) as cause:
        raise DropUnreadableError(
            "the Parquet file is damaged or cut off",
            cause=str(cause).splitlines()[0][:300] if str(cause) else type(cause).__name__,
            hint="write the file again; it may have been dropped before it was complete",
        ) from cause


def _check_schema(reader: Compact) -> None:
    """Walk the tree of columns that the footer begins with: preorder, each with its number of children."""
    for number, type_ in reader.fields():
        if number != _SCHEMA:
            reader.skip(type_)
            continue
        count, _ = reader.items()
        if count > _MAXIMUM_COLUMNS * 3:
            raise Malformed(f"it has {count} columns and groups of them; {_MAXIMUM_COLUMNS} are read")
        open_groups: list[int] = []
        for _ in range(count):
            children = reader.struct(_NUM_CHILDREN) or 0
            while open_groups and not open_groups[-1]:
                open_groups.pop()
            if open_groups:
                open_groups[-1] -= 1
            open_groups.append(max(0, children))
            if len(open_groups) > _MAXIMUM_DEPTH:
                raise Malformed(f"columns are nested more than {_MAXIMUM_DEPTH} deep")
        return
    raise Malformed("the footer has no schema")


def _lie(promise: str) -> DropUnreadableError:
    return DropUnreadableError(
        "the footer of the Parquet file does not fit the file",
        cause=f"it promises {promise}",
        hint="write the file again",
    )
