"""uvicorn's own HTTP protocol, but for small requests of a fast model: those are answered without a task.

A compiled model takes a fraction of what a task, its events and a second write cost. Parsing, time
limits and all but a plain small POST of /invocations stay uvicorn's; the answer is the application's own.
"""

from time import perf_counter
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from training_jobs.serving.app import App, Reply

_NOT_PLAIN = frozenset({b"connection", b"expect", b"transfer-encoding", b"upgrade"})


class Protocol(HttpToolsProtocol):
    """One connection. `_parts` is the body so far of a request that will be answered at once, else None."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._model_app: App = self.config.app  # type: ignore[assignment]  # as serve.py configures it
        self._parts: list[bytes] | None = None
        self._began = 0.0
        self._is_last = False

    def on_headers_complete(self) -> None:
        if self._model_app.answers_at_once(self._plain_size()):
            self._model_app.measures.in_flight += 1
            self._began = perf_counter()
            self._parts = []
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if self._parts is None:
            super().on_body(body)
        else:
            self._parts.append(body)

    def on_message_complete(self) -> None:
        if self._parts is None:
            super().on_message_complete()
            return
        body, self._parts = b"".join(self._parts), None
        app = self._model_app
        app.measures.in_flight -= 1
        try:
            reply = app.reply(self.headers, body)
        except Exception:  # as uvicorn does for an application: the parser would call it the caller's fault
            self.logger.exception("a request of /invocations failed")
            reply = Reply(500, (b"content-type", b"text/plain; charset=utf-8"), b"Internal Server Error")
            self._is_last = True
        app.measures.answered(reply.status, perf_counter() - self._began)
        self._write(reply.status, reply.kind, reply.body)
        self.on_response_complete()

    def shutdown(self) -> None:
        """After SIGTERM: a request under way is answered first."""
        if self._parts is None:
            super().shutdown()
        else:
            self._is_last = True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._parts is not None:
            self._model_app.measures.in_flight -= 1
            self._parts = None
        super().connection_lost(exc)

    def _plain_size(self) -> int | None:
        """Bytes of the body of a request that needs no more than an answer, with nothing before it here."""
        if (
            self.url != b"/invocations"
            or self.parser.get_method() != b"POST"
            or self.parser.get_http_version() != "1.1"
            or not (self.cycle is None or self.cycle.response_complete)
            or self.flow.write_paused
        ):
            return None
        size = None
        for name, value in self.headers:
            if name in _NOT_PLAIN:
                return None
            if name == b"content-length":
                size = int(value)  # the parser refuses what is no number
        return size

    def _write(self, status: int, kind: tuple[bytes, bytes], body: bytes) -> None:
        lines = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, kind):
            lines += (name, b": ", value, b"\r\n")
        if self._is_last:
            lines.append(b"connection: close\r\n")
        lines.append(b"content-length: %d\r\n\r\n" % len(body))
        self.transport.write(b"".join([*lines, body]))
        if self._is_last:
            self.transport.close()
