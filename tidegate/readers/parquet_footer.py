"""A Parquet file's footer, believed only as far as it fits the file: a few bytes can promise any rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa

from tidegate.errors import DropUnreadableError
from tidegate.readers.parquet_metadata import Chunk, Metadata, RowGroup, parse
from tidegate.readers.unpack import refuse_expansion

_FOOTER_BYTES = 64 << 20
_MAGIC = b"PAR1"
_TAIL = 8  # four bytes of length, and the magic
_WIDTH = 8  # bytes of a decoded value, about
_DECODED_RATIO = 10_000  # a run of equal values takes almost nothing
_DECODED_SLACK = 1 << 30
_ITEMS_RATIO, _ITEMS_SLACK = 1000, 1 << 25  # of a nested column: they come with their row, however many


def read_footer(file: BinaryIO, size: int, start: int = 0, stop: int | None = None) -> Metadata:
    """The footer of a file of `size` bytes, with its row groups in [start, stop).

    Raises:
        DropUnreadableError: there is no sound footer, or it names a column twice.
    """
    with readable():
        file.seek(max(0, size - _TAIL))
        tail = file.read(_TAIL)
        length = int.from_bytes(tail[:4], "little")
        if tail[4:] != _MAGIC or length > size - _TAIL - len(_MAGIC):
            raise pa.ArrowInvalid("it does not end in a footer")
        if length > _FOOTER_BYTES:
            raise pa.ArrowInvalid(f"its footer of {length >> 20} MiB is above {_FOOTER_BYTES >> 20} MiB")
        file.seek(size - _TAIL - length)
        footer = parse(file.read(length), start, stop)
    if len(footer.groups) < (footer.group_count if stop is None else stop) - start:
        raise lie(f"{footer.group_count} row groups, and {stop} were there when it was planned")
    names = footer.names
    if len(set(names)) < len(names):
        repeated = sorted({name for name in names if names.count(name) > 1})
        raise DropUnreadableError(f"the file has {', '.join(f'`{n}`' for n in repeated)} more than once")
    promised = sum(group.rows for group in footer.groups)
    if promised > footer.rows or (len(footer.groups) == footer.group_count and promised != footer.rows):
        raise lie(f"{footer.rows} rows, its row groups {promised}")
    return footer


def check_groups(footer: Metadata, size: int, maximum_bytes: int) -> None:
    """Refuse row groups that do not fit a file of `size` bytes, or would unpack to more than is allowed.

    Raises:
        DropUnreadableError: says which promise is broken.
    """
    stored = unpacked = decoded = 0
    for group in footer.groups:
        _check_columns(footer, group)
        for chunk in group.chunks:
            end = chunk.start + chunk.stored
            is_inside = chunk.start >= len(_MAGIC) and end <= size - _TAIL
            if min(chunk.stored, chunk.unpacked) < 0 or (chunk.values and not is_inside):
                raise lie(f"column `{chunk.column}` at bytes {chunk.start} to {end}")
            stored += chunk.stored
            unpacked += chunk.unpacked
            decoded += chunk.values * _WIDTH
    refuse_expansion(stored, unpacked, maximum_bytes)
    if decoded > _DECODED_RATIO * stored + _DECODED_SLACK:
        raise DropUnreadableError(
            f"{stored} bytes promise {decoded // _WIDTH} values",
            cause=f"more than {_DECODED_RATIO} bytes of values for a byte of the file are no honest data",
        )


def _check_columns(footer: Metadata, group: RowGroup) -> None:
    """Every leaf of the schema has its chunk, with as many values as there are rows."""
    if len(group.chunks) != len(footer.leaves):
        raise lie(f"{len(footer.leaves)} columns, and a row group has {len(group.chunks)}")
    for leaf, chunk in zip(footer.leaves, group.chunks, strict=True):
        if leaf.column != chunk.column:
            raise lie(f"column `{leaf.column}` where a row group has `{chunk.column}`")
        most = _ITEMS_RATIO * chunk.stored + _ITEMS_SLACK if leaf.is_repeated else group.rows
        least = 0 if leaf.is_repeated else group.rows
        if group.rows < 0 or not least <= chunk.values <= most:
            raise lie(f"{group.rows} rows and {chunk.values} values of `{chunk.column}`")


def unsound(chunk: Chunk, cause: str) -> DropUnreadableError:
    return _damaged(f"column `{chunk.column}`: {cause}")


@contextmanager
def readable() -> Iterator[None]:
    """Whatever a damaged file makes pyarrow raise, as one error in words."""
    try:
        yield
    except (pa.ArrowException, OSError, ValueError, LookupError, ArithmeticError, MemoryError) as cause:
        told = str(cause).splitlines()[0][:300] if str(cause) else type(cause).__name__
        raise _damaged(told) from cause


def _damaged(cause: str) -> DropUnreadableError:
    return DropUnreadableError(
        "the Parquet file is damaged or cut off",
        cause=cause,
        hint="write the file again; it may have been dropped before it was complete",
    )


def lie(promise: str) -> DropUnreadableError:
    return DropUnreadableError(
        "the footer of the Parquet file does not fit the file",
        cause=f"it promises {promise}",
        hint="write the file again",
    )
