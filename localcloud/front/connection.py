"""HTTP/1.1 connections kept alive, a thread for each, with a WSGI application behind them.

Threads are not pooled on purpose: a long poll, or a function that calls back into this cloud, waits inside
its request, and a fixed pool would let such waits starve the calls they wait for.
Limits: no HTTP/2, no upgrades; trailers are dropped.
"""

import contextlib
import functools
import io
import logging
import socket
import socketserver
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

RECEIVE_BYTES = 256 * 1024
AT_HAND_BYTES = 64 * 1024  # a body up to this size is read before the application is called
IDLE_SECONDS = 300.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

log = logging.getLogger(__name__)


class Server(socketserver.ThreadingTCPServer):
    """Accepts on 127.0.0.1; `server_close` also ends the connections that are open."""

    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False  # a waiting long poll must not keep the process from ending
    request_queue_size = 256

    application: Application  # set before it serves; it needs to know the port

    def __init__(self, port: int) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), Connection)
        self.port: int = self.server_address[1]

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        with self._lock:
            self._open.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.discard(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.exception("a connection broke")  # noqa: LOG004  socketserver calls this while it handles one

    def server_close(self) -> None:
        super().server_close()
        with self._lock:
            connections = list(self._open)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class Connection(socketserver.BaseRequestHandler):
    """One client's connection: its requests, one after the other."""

    server: Server

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.request.settimeout(IDLE_SECONDS)
        self.arrived: deque[Message] = deque()  # more than one only when a client pipelines
        self.parser = httptools.HttpRequestParser(self)

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            try:
                while (message := self._next()) and self._answer(message):
                    self.arrived.popleft()
            except (httptools.HttpParserError, httptools.HttpParserUpgrade):
                self.request.sendall(BAD_REQUEST)

    def receive(self) -> bool:
        """Feed what the client sent to the parser; False at the end of the connection."""
        data = self.request.recv(RECEIVE_BYTES)
        if data:
            self.parser.feed_data(data)
        return bool(data)

    def _next(self) -> "Message | None":
        while not (self.arrived and self.arrived[0].headed):
            if not self.receive():
                return None
        return self.arrived[0]

    def _answer(self, message: "Message") -> bool:
        """Whether the connection stays open."""
        host, port = self.server.server_address[:2]
        environ = message.environ(str(host), str(port), self.client_address[0])
        answer = Answer(self.request, message)
        chunks = self.server.application(environ, answer.start)
        try:
            answer.send(chunks)
        finally:
            if close := getattr(chunks, "close", None):
                close()
        return answer.keeps_open and message.finish()

    # httptools calls the rest while it is fed

    def on_message_begin(self) -> None:
        self.arrived.append(Message(self))

    def on_url(self, url: bytes) -> None:
        self.arrived[-1].url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.arrived[-1].headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        self.arrived[-1].head(self.parser)

    def on_body(self, body: bytes) -> None:
        self.arrived[-1].body.append(body)

    def on_message_complete(self) -> None:
        self.arrived[-1].complete = True


class Message(io.RawIOBase):
    """One request as it arrives; read as a file it is the request's body."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.url = b""
        self.headers: list[tuple[str, str]] = []
        self.body: deque[bytes] = deque()
        self.headed = self.complete = self.awaits_continue = False
        self.method = ""
        self.keep_alive = True
        self.protocol = "HTTP/1.1"

    def head(self, parser: httptools.HttpRequestParser) -> None:
        self.headed = True
        self.method = parser.get_method().decode("latin-1")
        self.keep_alive = parser.should_keep_alive()
        self.protocol = f"HTTP/{parser.get_http_version()}"

    def environ(self, host: str, port: str, client: str) -> Environ:
        path, _, query = self.url.partition(b"?")
        environ: Environ = {
            "REQUEST_METHOD": self.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "RAW_URI": self.url.decode("latin-1"),
            "REQUEST_URI": self.url.decode("latin-1"),
            "REMOTE_ADDR": client,
            "SERVER_NAME": host,
            "SERVER_PORT": port,
            "SERVER_PROTOCOL": self.protocol,
            "SERVER_SOFTWARE": "localcloud",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,  # the body ends where the message ends, chunked or not
        }
        _add_headers(environ, self.headers)
        self.awaits_continue = environ.get("HTTP_EXPECT", "").lower() == "100-continue"
        environ["wsgi.input"] = self._input(int(environ.get("CONTENT_LENGTH") or AT_HAND_BYTES + 1))
        return environ

    def _input(self, size: int) -> io.IOBase:
        if not self.awaits_continue and size <= AT_HAND_BYTES:
            while not self.complete and self._connection.receive():
                pass
        if self.complete:
            at_hand = io.BytesIO(b"".join(self.body))
            self.body.clear()
            return at_hand
        return io.BufferedReader(self, RECEIVE_BYTES)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self.awaits_continue:
            self.awaits_continue = False
            if not self.body and not self.complete:
                self._connection.request.sendall(CONTINUE)
        while not self.body:
            if self.complete:
                return 0
            if not self._connection.receive():
                raise ConnectionResetError("the client went away in the middle of a body")
        chunk = self.body.popleft()
        size = min(len(buffer), len(chunk))
        buffer[:size] = chunk[:size]
        if size < len(chunk):
            self.body.appendleft(chunk[size:])
        return size

    def finish(self) -> bool:
        """Skip what the application did not read; False when the next request cannot be found."""
        if self.awaits_continue and not self.complete:
            return False  # the client may or may not send the body now
        while not self.complete:
            self.body.clear()
            if not self._connection.receive():
                return False
        return self.keep_alive


class Answer:
    """One response on its way out: small ones leave in one packet."""

    def __init__(self, connection: socket.socket, message: Message) -> None:
        self._connection = connection
        self._message = message
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self.keeps_open = True

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        self._status, self._headers = status, headers

    def send(self, chunks: Iterable[bytes]) -> None:
        iterator = iter(chunks)
        first = next(iterator, b"")
        names = {name.lower() for name, _ in self._headers}
        bodiless = self._message.method == "HEAD" or self._status[:3] in {"204", "304"}
        known = "content-length" in names
        if not known and not bodiless and isinstance(chunks, (list, tuple)) and len(chunks) <= 1:
            self._headers.append(("Content-Length", str(len(first))))
            known = True
        # HTTP/1.0 clients know no chunks: to them the body ends with the connection
        chunked = not known and not bodiless and self._message.protocol != "HTTP/1.0"
        self.keeps_open = known or bodiless or chunked
        head = self._head(names, chunked=chunked)
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
        if not (self.keeps_open and self._message.keep_alive):
            lines.append("Connection: close")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _framed(chunk: bytes, *, chunked: bool) -> bytes:
    return b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked and chunk else chunk


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second, usegmt=True)


def _add_headers(environ: Environ, headers: list[tuple[str, str]]) -> None:
    """CGI names. An underscored header never stands in for a dashed one; S3 metadata keeps its spelling."""
    kept: dict[str, str] = {}
    dashed = {environ_key_for_header(name) for name, _ in headers if "_" not in name}
    for name, value in headers:
        key = environ_key_for_header(name)
        if "_" in name:
            if key in dashed or not should_preserve_original_header_name(name):
                continue
            kept[key] = name
        environ[key] = f"{environ[key]},{value}" if key in environ else value
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = kept
