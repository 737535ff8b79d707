"""HTTP/1.1 connections kept alive, a thread for each, with a WSGI application behind them.

Threads are not pooled on purpose: a long poll, or a function that calls back into this cloud, waits inside
its request, and a fixed pool would let such waits starve the calls they wait for.
Limits: no HTTP/2, no upgrades; trailers are dropped.
"""

import contextlib
import io
import logging
import socket
import socketserver
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

import httptools
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)

from localcloud.front.answer import Answer

Environ = dict[str, Any]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

RECEIVE_BYTES = 256 * 1024
AT_HAND_BYTES = 64 * 1024  # a body up to this size is read before the application is called
IDLE_SECONDS = 300.0
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BROKEN = BAD_REQUEST.replace(b"400 Bad Request", b"500 Internal Server Error")

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
        with contextlib.suppress(OSError):  # gone, idle for too long, or closed by us
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
        answer = Answer(self.request, message.method, message.protocol, message.may_be_followed)
        chunks: Iterable[bytes] = ()
        try:
            chunks = self.server.application(environ, answer.start)
            answer.send(chunks)
        except ConnectionError:
            raise
        except Exception:  # the edge of the process: who asked must not be left waiting
            log.exception("%s %s broke", message.method, message.url.decode("latin-1"))
            if not answer.begun:
                self.request.sendall(BROKEN)
            return False
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

    def may_be_followed(self) -> bool:
        """Not when the client was never told to send its body: it may or may not do so now."""
        return self.keep_alive and (self.complete or not self.awaits_continue)

    def finish(self) -> bool:
        """Skip what the application left unread, so that its answer is read; True when another may follow."""
        if self.awaits_continue and not self.complete:
            return False
        while not self.complete:
            self.body.clear()
            if not self._connection.receive():
                return False
        return self.keep_alive


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
