"""Files of tables as a process reaches them that reads tables again and again.

Metadata is kept in memory: Iceberg never writes one of its files twice, and a scan opens all manifests of a
state. Of a table that grew by a drop a day, a warm function would read a month of files for each new one.
All tables share one client of S3: a table is loaded anew for each look at it, and its own took 7 ms of CPU.
"""

import io
import threading
from collections import OrderedDict
from typing import Any, cast

from pyarrow.fs import FileSystem
from pyiceberg.io import InputFile, InputStream
from pyiceberg.io.pyarrow import PyArrowFileIO

KINDS = (".avro", ".metadata.json")
S3_PROPERTIES = ("s3.", "client.")  # all that pyiceberg makes a client of
MOST_BYTES = 16 * 1024 * 1024  # of all that is kept; the largest metadata of 2,000 drops has 2 MB


class MetadataFiles(PyArrowFileIO):
    """pyiceberg's own access to files; metadata comes from memory where it was read before."""

    def _initialize_s3_fs(self, netloc: str | None) -> FileSystem:
        of_s3 = {name: value for name, value in self.properties.items() if name.startswith(S3_PROPERTIES)}
        key = (netloc, *sorted(of_s3.items()))
        if key not in _clients:  # two threads may both make one: either does
            _clients[key] = super()._initialize_s3_fs(netloc)
        return _clients[key]

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
_clients: dict[tuple[Any, ...], FileSystem] = {}
