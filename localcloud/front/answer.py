"""One HTTP response on its way out, framed by length, by chunks or by the end of the connection."""

import functools
import socket
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any


class Answer:
    """Status and headers of `start_response`, then the chunks of the application, sent."""

    def __init__(
        self, connection: socket.socket, method: str, protocol: str, may_be_followed: Callable[[], bool]
    ) -> None:
        self._connection = connection
        self._method = method
        self._protocol = protocol
        self._may_be_followed = may_be_followed
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self.keeps_open = True
        self.begun = False

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self._status, self._headers = status, headers

    def send(self, chunks: Iterable[bytes]) -> None:
        iterator = iter(chunks)
        first = next(iterator, b"")
        names = {name.lower() for name, _ in self._headers}
        bodiless = self._method == "HEAD" or self._status[:3] in {"204", "304"}
        known = "content-length" in names
        if not known and not bodiless and isinstance(chunks, (list, tuple)) and len(chunks) <= 1:
            self._headers.append(("Content-Length", str(len(first))))
            known = True
        # HTTP/1.0 clients know no chunks: to them the body ends with the connection
        chunked = not known and not bodiless and self._protocol != "HTTP/1.0"
        self.keeps_open = known or bodiless or chunked
        head = self._head(names, chunked=chunked)
        self.begun = True
        if bodiless:
            self._connection.sendall(head)
            return
        self._connection.sendall(head + _framed(first, chunked=chunked))
        for chunk in iterator:
            self._connection.sendall(_framed(chunk, chunked=chunked))
        if chunked:
            self._connection.sendall(b"0\r\n\r\n")

    def _head(self, names: set[str], *, chunked: bool) -> bytes:
        lines = [f"HTTP/1.1 {self._status}", *(f"{name}: {value}" for name, value in self._headers)]
        if "date" not in names:
            lines.append(f"Date: {_date(int(time.time()))}")
        if chunked:
            lines.append("Transfer-Encoding: chunked")
        if not (self.keeps_open and self._may_be_followed()):
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _framed(chunk: bytes, *, chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked and chunk else chunk


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)
