"""The pages of a row group, in memory, with what each says it unpacks to."""

import io
from bisect import bisect_right
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from tidegate.readers.parquet_footer import readable, unsound
from tidegate.readers.parquet_metadata import Chunk
from tidegate.readers.thrift import INTEGERS, STRUCT, Compact, Malformed
from tidegate.readers.unpack import refuse_expansion

HELD_BYTES = 96 << 20  # a larger row group is read from the file page by page
_GAP_BYTES = 1 << 20  # read over rather than asked for apart
_HEADER_BYTES = 1 << 14  # a header may carry the smallest and largest value
_SMALL_BYTES = 4 << 20
_UNPACKED, _STORED, _DATA_PAGES = 2, 3, (5, 8)  # fields of a page's header


class _Page(NamedTuple):
    unpacked: int
    stored: int
    values: int


class PageFile(io.RawIOBase):
    """A file whose wanted ranges were read ahead: each in one go, as S3 likes it."""

    def __init__(self, file: BinaryIO, size: int, room: int = 0) -> None:
        """`room`: bytes that will be held at a time, as far as is known."""
        self.file = file
        self.size = size
        self.position = 0
        self.starts: list[int] = []
        self.parts: list[memoryview] = []
        # Used over and over: pyarrow copies what it decodes.
        self.buffer = np.empty(room, np.uint8).data

    def hold(self, ranges: list[tuple[int, int]]) -> None:
        """Read these ranges, (start, length), instead of those held so far."""
        merged: list[list[int]] = []
        for start, length in sorted(ranges):
            if merged and start <= merged[-1][1] + _GAP_BYTES:
                merged[-1][1] = max(merged[-1][1], start + length)
            else:
                merged.append([start, start + length])
        total = sum(stop - start for start, stop in merged)
        if len(self.buffer) < total:
            self.starts, self.parts, self.buffer = [], [], memoryview(b"")  # let go of the old one first
            self.buffer = np.empty(total * 5 // 4, np.uint8).data
        self.starts, self.parts = [start for start, _ in merged], []
        used = 0
        for start, stop in merged:
            self.file.seek(start)
            room = self.buffer[used : used + stop - start]
            self.parts.append(room[: self.file.readinto(room)])  # type: ignore[attr-defined]  # BinaryIO has it not
            used += stop - start

    def at(self, start: int, length: int) -> bytes | memoryview:
        """Up to `length` bytes from `start`."""
        index = bisect_right(self.starts, start) - 1
        if index >= 0 and start + length <= self.starts[index] + len(self.parts[index]):
            inside = start - self.starts[index]
            return self.parts[index][inside : inside + length]
        self.file.seek(start)
        return self.file.read(length)

    def read(self, size: int = -1) -> Any:
        """As pyarrow asks; a view of what is held, not a copy."""
        left = max(0, self.size - self.position)
        found = self.at(self.position, left if size < 0 else min(size, left))
        self.position += len(found)
        return found

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.position = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence] + offset
        return self.position


def check_pages(file: PageFile, chunks: list[Chunk], maximum_bytes: int) -> None:
    """Refuse column chunks of a row group whose pages do not fill them, or unpack to more than is allowed.

    Raises:
        DropUnreadableError: names the column.
    """
    stored = unpacked = 0
    # One column tells whether the row group has as many rows as the footer says.
    shortest = min(chunks, key=lambda chunk: chunk.stored, default=None)
    for chunk in chunks:
        stored += chunk.stored
        if not chunk.can_expand and chunk.stored <= _SMALL_BYTES and chunk is not shortest:
            continue  # it unpacks to 22 times that at most
        with readable():
            values, size = _walk(file, chunk.start, chunk.start + chunk.stored)
        if values != chunk.values:
            raise unsound(chunk, f"pages with {values} values, the footer promises {chunk.values}")
        unpacked += size
        refuse_expansion(stored, unpacked, maximum_bytes)


def _walk(file: PageFile, position: int, stop: int) -> tuple[int, int]:
    """How many values the pages from `position` to `stop` have, and their bytes, unpacked."""
    found = unpacked = 0
    while position < stop:
        page, taken = _page(file, position, stop)
        if min(page.unpacked, page.stored, page.values) < 0 or position + taken + page.stored > stop:
            raise Malformed(f"a page of {page.stored} bytes does not fit its column")
        position += taken + page.stored
        found += page.values
        unpacked += page.unpacked
    return found, unpacked


def _page(file: PageFile, position: int, stop: int) -> tuple[_Page, int]:
    """What the header at `position` says, and the bytes it takes."""
    room = min(_HEADER_BYTES, stop - position)
    while True:
        reader = Compact(file.at(position, room))
        try:
            return _parsed(reader), reader.position
        except (Malformed, IndexError):
            if room == stop - position:
                raise
            room = min(room * 8, stop - position)


def _parsed(reader: Compact) -> _Page:
    unpacked = stored = -1
    values = 0
    for number, type_ in reader.fields():
        if number == _UNPACKED and type_ in INTEGERS:
            unpacked = reader.integer()
        elif number == _STORED and type_ in INTEGERS:
            stored = reader.integer()
        elif number in _DATA_PAGES and type_ == STRUCT:
            values = reader.struct(1) or 0
        else:
            reader.skip(type_)
    return _Page(unpacked, stored, values)
