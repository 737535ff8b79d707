"""The pages of a row group, in memory, with what each says it unpacks to."""

import io
from bisect import bisect_right
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from tidegate.errors import DropUnreadableError
from tidegate.readers.parquet_footer import chunk_range, readable
from tidegate.readers.thrift import Compact, Malformed, struct_of
from tidegate.readers.unpack import refuse_expansion

HELD_BYTES = 96 << 20  # a larger row group is read from the file page by page
_GAP_BYTES = 1 << 20  # read over rather than asked for apart
_HEADER_BYTES = 1 << 14  # a header may carry the smallest and largest value
_HEADER = {1: "type", 2: "unpacked", 3: "stored"}


class PageFile(io.RawIOBase):
    """A file whose wanted ranges were read ahead: each in one go, as S3 likes it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.file = file
        self.size = size
        self.position = 0
        self.starts: list[int] = []
        self.parts: list[memoryview] = []

    def hold(self, ranges: list[tuple[int, int]]) -> None:
        """Read these ranges, (start, length), instead of those held so far."""
        merged: list[list[int]] = []
        for start, length in sorted(ranges):
            if merged and start <= merged[-1][1] + _GAP_BYTES:
                merged[-1][1] = max(merged[-1][1], start + length)
            else:
                merged.append([start, start + length])
        self.starts, self.parts = [], []  # let go of the old ones first
        for start, stop in merged:
            self.file.seek(start)
            self.starts.append(start)
            self.parts.append(memoryview(self.file.read(stop - start)))

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


def check_pages(file: PageFile, chunks: list[pq.ColumnChunkMetaData], maximum_bytes: int) -> None:
    """Refuse column chunks of a row group whose pages do not fill them, or unpack to more than is allowed.

    Raises:
        DropUnreadableError: names the column.
    """
    stored = unpacked = 0
    for chunk in chunks:
        start, length = chunk_range(chunk)
        stored += length
        position, stop = start, start + length
        values = 0
        while position < stop and values < chunk.num_values:
            with readable():
                header, taken = _header(file, position, stop)
            position += taken + header["stored"]
            unpacked += header["unpacked"]
            values += header["values"]
            if position > stop or min(header.values()) < 0:
                raise _unsound(chunk, f"a page of {header['stored']} bytes does not fit")
        if values != chunk.num_values:
            raise _unsound(chunk, f"pages with {values} values, the footer promises {chunk.num_values}")
        refuse_expansion(stored, unpacked, maximum_bytes)


def _header(file: PageFile, position: int, stop: int) -> tuple[dict[str, int], int]:
    """Sizes and number of values of the page at `position`, and the bytes of its header."""
    room = min(_HEADER_BYTES, stop - position)
    while True:
        reader = Compact(file.at(position, room))
        try:
            return _parsed(reader), reader.position
        except Malformed:
            if room == stop - position:
                raise
            room = min(room * 8, stop - position)


def _parsed(reader: Compact) -> dict[str, int]:
    header = {"type": -1, "unpacked": -1, "stored": -1, "values": 0}
    for number, type_ in reader.fields():
        if number in _HEADER and type_ in (4, 5, 6):
            header[_HEADER[number]] = reader.integer()
        elif number in (5, 8) and type_ == 12:  # of a data page, old or new
            header["values"] = struct_of(reader, {1: "values"}).get("values", -1)
        else:
            reader.skip(type_)
    return header


def _unsound(chunk: pq.ColumnChunkMetaData, cause: str) -> DropUnreadableError:
    return DropUnreadableError(
        "the Parquet file is damaged or cut off",
        cause=f"column `{chunk.path_in_schema}`: {cause}",
        hint="write the file again; it may have been dropped before it was complete",
    )
