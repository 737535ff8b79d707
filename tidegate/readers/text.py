"""Bytes of a text file in pieces that end where a record ends, and what is wrong when they are no text."""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import DropUnreadableError

PIECE_BYTES = 4 << 20
_MAXIMUM_RECORD_BYTES = 64 << 20
_NEWLINE, _QUOTE = 10, 34


def pieces(
    stream: BinaryIO, length: int | None, *, quoted: bool, piece_bytes: int = PIECE_BYTES
) -> Iterator[bytes]:
    """`length` bytes of `stream` (None: all) in pieces, each cut behind the last record that is complete.

    `quoted`: a newline between double quotes belongs to the record (CSV). The stream stands at the start of a
    record.

    Raises:
        DropUnreadableError: a record is above 64 MiB, or a quote is never closed.
    """
    rest = b""
    while True:
        wanted = piece_bytes if length is None else min(piece_bytes, length)
        piece = stream.read(wanted) if wanted else b""
        if length is not None:
            length -= len(piece)
        if not piece:
            break
        rest += piece
        end = last_record_end(rest, quoted=quoted)
        if end:
            yield rest[:end]
            rest = rest[end:]
        elif len(rest) > _MAXIMUM_RECORD_BYTES:
            raise DropUnreadableError(
                f"a record is longer than {_MAXIMUM_RECORD_BYTES >> 20} MiB",
                cause="no end of a line was found in it",
                hint="check that lines end in a newline and that every double quote is closed",
            )
    if quoted and rest.count(b'"') % 2:
        raise DropUnreadableError(
            "a double quote is opened and never closed",
            cause=f"in the last {len(rest)} bytes, beginning {_shown(rest)}",
            hint="double the quotes inside a quoted field, or the file was cut off",
        )
    if rest:
        yield rest


def last_record_end(piece: bytes, *, quoted: bool) -> int:
    """Behind the last newline that ends a record; 0 when there is none."""
    if not quoted or b'"' not in piece:
        return piece.rfind(b"\n") + 1
    ends = _record_ends(piece)
    return int(ends[-1]) if len(ends) else 0


def first_record_end(piece: bytes, *, quoted: bool) -> int:
    """Behind the first newline that ends a record; 0 when there is none."""
    end = piece.find(b"\n") + 1
    if not quoted or b'"' not in piece[:end]:
        return end
    ends = _record_ends(piece)
    return int(ends[0]) if len(ends) else 0


def _record_ends(piece: bytes) -> NDArray[np.int64]:
    """Behind every newline that an even number of quotes precedes."""
    content = np.frombuffer(piece, np.uint8)
    newlines = np.flatnonzero(content == _NEWLINE)
    quotes = np.flatnonzero(content == _QUOTE)
    ends: NDArray[np.int64] = newlines[np.searchsorted(quotes, newlines) % 2 == 0] + 1
    return ends


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


def _shown(piece: bytes) -> str:
    return repr(piece[:40].decode("utf-8", "backslashreplace"))
