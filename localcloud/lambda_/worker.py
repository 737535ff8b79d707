"""A warm process of one function version, and the Runtime API it is given work through.

There is no server: the thread that invokes a worker accepts its connection, answers its `GET next` with the
event and reads its response. So a warm call costs no hand-over between threads, an idle worker costs no
thread at all, and all that a handler printed is read before its answer is passed on. A worker is known by
the port it calls. The protocol is AWS's Lambda Runtime API, version 2018-06-01.
"""

import contextlib
import json
import os
import select
import selectors
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, cast

from localcloud import cloud

# AWS allows an init phase of ten seconds, then starts over on the function's time; a laptop may be slower.
INIT_SECONDS = 60.0
_READ_SECONDS = 30.0
_REASONS = {200: "OK", 202: "Accepted"}
_LOOK_UP_SECONDS = (
    0.5  # a dead process is noticed by its closed pipe; this is for pipes that a child holds open
)


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How to start a worker: what a Lambda sandbox is given."""

    argv: tuple[str, ...]
    folder: Path
    environment: dict[str, str]
    log_stream: str


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """One event on its way into a worker."""

    request_id: str
    payload: bytes
    function_arn: str
    timeout_seconds: float
    trace_id: str
    client_context: str = ""


@dataclass(kw_only=True)
class Outcome:
    """What became of an invocation: a result, or an error in the shape AWS gives it."""

    result: bytes = b""
    failed: bool = False
    init_seconds: float | None = None  # set when this invocation started the worker
    seconds: float = 0.0
    lines: list[tuple[int, str]] = field(default_factory=list)


class Worker:
    """One process, one invocation at a time; globals of the handler's module survive between calls."""

    def __init__(self, launch: Launch) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._waiting: _Connection | None = None
        self._partial = b""
        self._lines: list[tuple[int, str]] = []
        self._started: float | None = time.monotonic()
        self._ready: float | None = None
        self.idle_since = time.monotonic()
        self.log_stream = launch.log_stream
        host, port = self._listener.getsockname()
        self.process = cloud.current().spawn(
            launch.argv,
            cwd=launch.folder,
            environment={**launch.environment, "AWS_LAMBDA_RUNTIME_API": f"{host}:{port}"},
        )
        self._output = cast("IO[bytes]", self.process.stdout)
        os.set_blocking(self._output.fileno(), False)
        self._selector.register(self._output, selectors.EVENT_READ)

    def alive(self) -> bool:
        return self.process.poll() is None

    def ready(self, seconds: float) -> bool:
        """Wait so long until it asks for work; whether it did, or never will.

        Its first word is left to its first invocation, which may come meanwhile.
        """
        if self._started is None:
            return True
        calls = select.poll()
        with contextlib.suppress(OSError, ValueError):  # closed meanwhile
            calls.register(self._listener, select.POLLIN)
            if calls.poll(seconds * 1000):
                self._ready = time.monotonic()
        return self._ready is not None or not self.alive()

    def invoke(self, invocation: Invocation) -> Outcome:
        """Run one event through the handler; the worker is closed when it cannot serve another."""
        outcome = Outcome()
        try:
            self._run(invocation, outcome)
        except (OSError, ValueError) as error:  # the worker hung up in mid-sentence
            self._fail(outcome, invocation, "Runtime.ExitError", self._exit_text() or str(error))
        self._read_output()
        self._flush_partial()
        outcome.lines, self._lines = self._lines, []
        return outcome

    def close(self) -> None:
        cloud.signal_group(self.process, signal.SIGKILL)
        self.process.wait()
        connections = [key.fileobj for key in self._selector.get_map().values()]
        self._selector.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                cast("socket.socket", connection).close()

    def _run(self, invocation: Invocation, outcome: Outcome) -> None:
        begun = self._started
        self._started = None
        limit = INIT_SECONDS + invocation.timeout_seconds
        asked = self._await(time.monotonic() + limit) if self._waiting is None else None
        if begun is not None:
            outcome.init_seconds = (self._ready or time.monotonic()) - begun
        if asked is not None and asked.path.endswith("/init/error"):
            outcome.failed, outcome.result = True, asked.body
            asked.connection.answer(202)
            return self._end()
        if self._waiting is None:
            return self._fail_dead(outcome, invocation, limit)

        # its limit is on the real clock: a process cannot be hurried by `advance`
        started = time.monotonic()
        self._waiting.answer(200, invocation.payload, _headers(invocation))
        self._waiting = None
        answer = self._await(started + invocation.timeout_seconds)
        outcome.seconds = time.monotonic() - started
        if answer is None:
            return self._fail_dead(outcome, invocation, invocation.timeout_seconds)
        outcome.failed, outcome.result = answer.path.endswith("/error"), answer.body
        return answer.connection.answer(202)

    def _await(self, until: float) -> "_Request | None":
        """The worker's next word: a result or an error, or None when it asks for work, dies or is late."""
        while (left := until - time.monotonic()) > 0:
            for key, _ in self._selector.select(min(left, _LOOK_UP_SECONDS)):
                if key.fileobj is self._listener:
                    connection = _Connection(self._listener.accept()[0])
                    self._selector.register(connection.socket, selectors.EVENT_READ, connection)
                elif key.fileobj is self._output:
                    self._read_output()
                elif (request := key.data.read()) is None:
                    self._selector.unregister(key.fileobj)
                    key.data.socket.close()
                elif request.method == "GET":
                    self._waiting = request.connection
                    return None
                else:
                    return cast("_Request", request)
            if not self.alive():
                return None
        return None

    def _fail_dead(self, outcome: Outcome, invocation: Invocation, limit: float) -> None:
        if exit_text := self._exit_text():
            return self._fail(outcome, invocation, "Runtime.ExitError", exit_text)
        message = f"Task timed out after {limit:.2f} seconds"
        self._lines.append((_now_ms(), f"{invocation.request_id} {message}\n"))
        return self._fail(outcome, invocation, "Sandbox.Timedout", message)

    def _fail(self, outcome: Outcome, invocation: Invocation, error_type: str, message: str) -> None:
        text = f"RequestId: {invocation.request_id} Error: {message}"
        outcome.failed = True
        outcome.result = json.dumps({"errorType": error_type, "errorMessage": text}).encode()
        self._end()

    def _end(self) -> None:
        self._read_output()
        cloud.signal_group(self.process, signal.SIGKILL)
        self.process.wait()

    def _exit_text(self) -> str | None:
        """How AWS words the end of a runtime, or None while it lives."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(0.2)  # a connection closes a moment before the process behind it has ended
        match self.process.returncode:
            case None:
                return None
            case 0:
                return "Runtime exited without providing a reason"
            case status if status < 0:
                return f"Runtime exited with error: signal: {(signal.strsignal(-status) or '').lower()}"
            case status:
                return f"Runtime exited with error: exit status {status}"

    def _read_output(self) -> None:
        if self._output.fileno() not in self._selector.get_map():
            return
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self._output.fileno(), 65536):
                *complete, self._partial = (self._partial + chunk).split(b"\n")
                self._lines += [(_now_ms(), _text(line)) for line in complete]
            self._selector.unregister(self._output)  # its end: nobody holds the pipe any more

    def _flush_partial(self) -> None:
        if self._partial:
            self._lines.append((_now_ms(), _text(self._partial)))
            self._partial = b""


class _Connection:
    """One connection of a worker, kept alive between its requests."""

    def __init__(self, accepted: socket.socket) -> None:
        accepted.settimeout(_READ_SECONDS)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = accepted
        self._stream = accepted.makefile("rb")

    def read(self) -> "_Request | None":
        """The next request, or None when the other side has closed."""
        line = self._stream.readline()
        if not line:
            return None
        method, path, _ = line.decode("ascii").split(" ", 2)
        headers: dict[str, str] = {}
        while (line := self._stream.readline()).strip():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            self.socket.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._read_chunks()
        else:
            body = self._stream.read(int(headers.get("content-length") or 0))
        return _Request(method=method, path=path, body=body, connection=self)

    def answer(self, status: int, body: bytes = b"", headers: str = "") -> None:
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\n{headers}Content-Length: {len(body)}\r\n\r\n"
        self.socket.sendall(head.encode("latin-1") + body)

    def _read_chunks(self) -> bytes:
        body = bytearray()
        while size := int(self._stream.readline().split(b";")[0], 16):
            body += self._stream.read(size)
            self._stream.readline()
        while self._stream.readline().strip():
            pass  # trailers
        return bytes(body)


@dataclass(frozen=True, kw_only=True)
class _Request:
    method: str
    path: str
    body: bytes
    connection: _Connection


def _headers(invocation: Invocation) -> str:
    deadline_ms = int((cloud.current().clock.time() + invocation.timeout_seconds) * 1000)
    headers = {
        "Content-Type": "application/json",
        "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
        "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
        "Lambda-Runtime-Invoked-Function-Arn": invocation.function_arn,
        "Lambda-Runtime-Trace-Id": invocation.trace_id,
    }
    if invocation.client_context:
        headers["Lambda-Runtime-Client-Context"] = invocation.client_context
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items())


def _now_ms() -> int:
    return int(cloud.current().clock.time() * 1000)


def _text(line: bytes) -> str:
    """One printed line; the runtime writes the line ends inside one entry as carriage returns."""
    return line.decode("utf-8", "replace").replace("\r", "\n") + "\n"
