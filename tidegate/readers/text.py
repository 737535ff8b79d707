"""Bytes of a text file in pieces that end where a record ends, and what is wrong when they are no text."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from tidegate.errors import DropUnreadableError
from tidegate.readers.batch import BATCH_ROWS
from tidegate.readers.records import is_open, last_record_end

_SMALLEST_PIECE = 1 << 20
_MAXIMUM_RECORD_BYTES = 64 << 20
_BLANK = b" \t\r\n"


@dataclass(frozen=True)
class Piece:
    """Whole records: the first `stop` bytes of `buffer`, only until the next piece is asked for."""

    buffer: bytearray
    stop: int

    def __bytes__(self) -> bytes:
        return bytes(self.view)

    @property
    def view(self) -> memoryview:
        return memoryview(self.buffer)[: self.stop]

    def has(self, part: bytes) -> bool:
        return self.buffer.find(part, 0, self.stop) >= 0

    @property
    def is_blank(self) -> bool:
        return self.view[0] in _BLANK and not bytes(self).strip()


def batch_bytes(read: int, rows: int, largest: int) -> int:
    """Bytes of a piece that holds about as many rows as a batch, when `read` bytes have held `rows`."""
    full = read * BATCH_ROWS // rows if rows else _SMALLEST_PIECE
    return min(max(full, _SMALLEST_PIECE), largest)


def pieces(
    stream: BinaryIO,
    length: int | None,
    *,
    quoted: bool,
    piece_bytes: Callable[[], int],
) -> Iterator[Piece]:
    """`length` bytes of `stream` (None: all) in pieces, each cut behind the last record that is complete.

    One buffer is used over and over: memory that is new to the process costs more than copying a few bytes.

    Args:
        stream: stands at the start of a record.
        length: bytes to read.
        quoted: a newline between double quotes belongs to the record (CSV).
        piece_bytes: about how many the next piece shall have.

    Raises:
        DropUnreadableError: a record is above 64 MiB, or a quote is never closed.
    """
    buffer, filled = bytearray(), 0
    while True:
        # A record without end doubles what is looked at, or looking again and again would take for ever.
        wanted = max(piece_bytes(), filled)
        if length is not None:
            wanted = min(wanted, length)
        if len(buffer) < filled + wanted:  # a new one, for the last piece may still be looked at
            buffer = buffer[:filled] + bytearray(filled + wanted)
        read = _read_into(stream, buffer, filled, wanted)
        if length is not None:
            length -= read
        if not read:
            break
        filled += read
        end = last_record_end(buffer, filled, quoted=quoted)
        if end:
            yield Piece(buffer, end)
            buffer[: filled - end] = buffer[end:filled]
            filled -= end
        elif filled > _MAXIMUM_RECORD_BYTES:
            raise DropUnreadableError(
                f"a record is longer than {_MAXIMUM_RECORD_BYTES >> 20} MiB",
                cause="no end of a line was found in it",
                hint="check that lines end in a newline and that every double quote is closed",
            )
    if quoted and is_open(buffer, filled):
        raise DropUnreadableError(
            "a double quote is opened and never closed",
            cause=f"in the last {filled} bytes, beginning {_shown(buffer)}",
            hint="double the quotes inside a quoted field, or the file was cut off",
        )
    if filled:
        yield Piece(buffer, filled)


def _read_into(stream: BinaryIO, buffer: bytearray, start: int, wanted: int) -> int:
    if not wanted:
        return 0
    with memoryview(buffer)[start : start + wanted] as room:
        return int(stream.readinto(room))  # type: ignore[attr-defined]  # typing.BinaryIO does not know it


def check_text(piece: bytes, offset: int) -> None:
    """Refuse bytes that are not UTF-8 text; `offset` is the place of `piece` in the file, unpacked.

    Raises:
        DropUnreadableError: names the first offending byte.
    """
    if (zero := piece.find(b"\0")) >= 0:
        raise DropUnreadableError(
            f"byte {offset + zero} is 0, which text never holds",
            cause="the file is binary, or encoded in UTF-16 or UTF-32",
            hint="export it as UTF-8",
        )
    try:
        piece.decode("utf-8")
    except UnicodeDecodeError as cause:
        raise DropUnreadableError(
            f"byte {offset + cause.start} is not UTF-8",
            cause=f"0x{piece[cause.start]:02x} near {_shown(piece[max(0, cause.start - 20) :])}",
            hint="export it as UTF-8; it may be Latin-1 or Windows-1252",
        ) from cause


def _shown(piece: bytes | bytearray) -> str:
    return repr(piece[:40].decode("utf-8", "backslashreplace"))
