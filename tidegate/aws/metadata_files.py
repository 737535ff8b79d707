"""Files of a table's metadata, kept in memory by a process that reads tables again and again.

Iceberg never writes one of them twice, and a scan opens all manifests of a state: of a table that grew by a
drop a day, a warm function would read a month of files anew for each new one.
"""

import io
import threading
from collections import OrderedDict
from typing import Any, cast

from pyiceberg.io import InputFile, InputStream
from pyiceberg.io.pyarrow import PyArrowFileIO

KINDS = (".avro", ".metadata.json")
MOST_BYTES = 16 * 1024 * 1024  # of all that is kept; the largest metadata of 2,000 drops has 2 MB


class MetadataFiles(PyArrowFileIO):
    """pyiceberg's own access to files; metadata comes from memory where it was read before."""

    def new_input(self, location: str) -> Any:
        found = super().new_input(location)
        return _Kept(location, found) if location.endswith(KINDS) else found


class _Kept(InputFile):
    """A file that is read whole at its first opening in this process, and never again."""

    def __init__(self, location: str, there: InputFile) -> None:
        super().__init__(location)
        self._there = there

    def __len__(self) -> int:
        return len(self._there)

    def exists(self) -> bool:
        return self._there.exists()

    def open(self, seekable: bool = True) -> InputStream:
        body = _files.get(self.location)
        if body is None:
            with self._there.open(seekable) as stream:
                body = stream.read()
            _files.put(self.location, body)
        return cast("InputStream", io.BytesIO(body))


class _Files:
    """Bodies by location, those least lately used out first."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, location: str) -> bytes | None:
        with self._lock:
            if location in self._bodies:
                self._bodies.move_to_end(location)
            return self._bodies.get(location)

    def put(self, location: str, body: bytes) -> None:
        with self._lock:
            self._bytes += len(body) - len(self._bodies.pop(location, b""))
            self._bodies[location] = body
            while self._bytes > self._most_bytes:
                self._bytes -= len(self._bodies.popitem(last=False)[1])


_files = _Files(MOST_BYTES)
