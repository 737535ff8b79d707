"""The bytes of a text file, unpacked as they are read and never more of them than allowed."""

import gzip
import io
import zlib
from typing import Any, BinaryIO, cast

import pyarrow as pa

from tidegate.errors import DropUnreadableError
from tidegate.ingestion.formats import Compression

PEEK_BYTES = 1 << 20
_RATIO = 1000  # unpacked bytes for a stored one; gzip reaches 1,032 with zeros, data 20
_RATIO_SLACK = 64 << 20


def open_text(file: BinaryIO, compression: Compression | None, maximum_bytes: int) -> io.BufferedReader:
    """`file` from where it stands, unpacked. Up to PEEK_BYTES can be peeked at.

    Raises while it is read:
        DropUnreadableError: the archive is damaged or cut off, or holds more than `maximum_bytes`.
    """
    return io.BufferedReader(_Unpacked(file, compression, maximum_bytes), PEEK_BYTES)


class _Unpacked(io.RawIOBase):
    def __init__(self, file: BinaryIO, compression: Compression | None, maximum_bytes: int) -> None:
        self.compression = compression
        self.maximum_bytes = maximum_bytes
        self.total = 0
        self.file = file
        self.start = file.tell()
        self.stream: BinaryIO = file
        if compression == "gzip":
            self.stream = cast("BinaryIO", gzip.GzipFile(fileobj=file, mode="rb"))
        elif compression == "zstd":
            self.stream = pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill `buffer` unless the file ends: peeking relies on it."""
        view = memoryview(buffer).cast("B")
        filled = 0
        try:
            while filled < len(view):
                piece = self.stream.read(len(view) - filled)
                if not piece:
                    break
                view[filled : filled + len(piece)] = piece
                filled += len(piece)
        except (EOFError, zlib.error, gzip.BadGzipFile, pa.ArrowException) as cause:
            raise self._damaged(cause) from cause
        except OSError as cause:
            if self.compression != "zstd":  # pyarrow tells of a damaged archive as an OSError
                raise
            raise self._damaged(cause) from cause
        self.total += filled
        stored = self.total if self.compression is None else self.file.tell() - self.start
        refuse_expansion(stored, self.total, self.maximum_bytes)
        return filled

    def _damaged(self, cause: Exception) -> DropUnreadableError:
        return DropUnreadableError(
            f"the {self.compression} archive is damaged or cut off",
            cause=str(cause),
            hint="compress the file again and drop it again",
        )


def refuse_expansion(stored: int, unpacked: int, maximum_bytes: int) -> None:
    """Refuse a drop of which `stored` bytes unpack to more than is allowed, or than is credible.

    Raises:
        DropUnreadableError: says which of both.
    """
    if unpacked > maximum_bytes:
        raise DropUnreadableError(
            f"the file unpacks to more than {maximum_bytes >> 20} MiB",
            cause="`max_mebibytes` of [ingestion] in pipeline.toml bounds what a drop may hold",
            hint="split the drop, or raise the bound",
        )
    if unpacked > _RATIO * stored + _RATIO_SLACK:
        raise DropUnreadableError(
            f"{stored} bytes unpack to {unpacked >> 20} MiB",
            cause=f"more than {_RATIO} bytes for one are a decompression bomb, not data",
        )
