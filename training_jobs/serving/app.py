"""The server's ASGI application: /ping, /invocations, /metrics.

Requests of a millisecond are answered on the event loop: handing one to a thread costs about as much.
Longer work runs on one thread, so that /ping and refusals are answered meanwhile. More than `most_in_flight`
requests at a time are refused at once with 503.
"""

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

from training_jobs.serving import measures
from training_jobs.serving.bodies import JSON, JSON_LINES
from training_jobs.serving.invocation import Invocation, RefusedError

MAX_BODY_BYTES = 6 * 1024 * 1024  # InvokeEndpoint's own limit
MOST_IN_FLIGHT = 64
RETRY_SECONDS = b"1"

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Header = tuple[bytes, bytes]
_JSON_HEADER = (b"content-type", JSON.encode())


class Reply(NamedTuple):
    """An answer, whatever it says."""

    status: int
    kind: Header  # content-type
    body: bytes
    more: tuple[Header, ...] = ()


class App:
    """The ASGI application. `invocation` is None while no model can be served."""

    def __init__(self, invocation: Invocation | None, most_in_flight: int = MOST_IN_FLIGHT) -> None:
        self.invocation = invocation
        self.measures = measures.Measures()
        self._most_in_flight = most_in_flight
        self._lock = Lock()  # of what the worker's thread counts too
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="invoke")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        route = scope["method"], scope["path"]
        if route == ("POST", "/invocations"):
            await self._invocations(scope["headers"], receive, send)
        elif route == ("GET", "/ping"):
            await _answer(send, 200 if self.invocation else 503)
        elif route == ("GET", "/metrics"):
            text = self.measures.text(self.invocation.model.run if self.invocation else "")
            await _answer(send, 200, (b"content-type", measures.CONTENT_TYPE), text.encode())
        else:
            await _answer(send, 404)

    def answers_at_once(self, size: int | None) -> bool:
        """Whether a body of so many bytes takes less time than handing it to somebody else."""
        return (
            size is not None
            and self.invocation is not None
            and size <= self.invocation.model.inline_bytes
            and self.measures.in_flight < self._most_in_flight
        )

    def reply(self, headers: list[Header], body: bytes) -> Reply:
        """The answer to a request of /invocations, or its refusal."""
        content_type, accept = _types(headers)
        if self.invocation is None:
            return _refusal(RefusedError(503, "the model is not ready"))
        try:
            answer, rows = self.invocation(body, content_type, accept)
        except RefusedError as refused:
            return _refusal(refused)
        with self._lock:
            self.measures.instances += rows
        return Reply(
            200, (b"content-type", accept.encode()) if accept in JSON_LINES else _JSON_HEADER, answer
        )

    async def _invocations(self, headers: list[Header], receive: Receive, send: Send) -> None:
        began = perf_counter()
        self.measures.in_flight += 1
        try:
            reply = await self._awaited(headers, receive)
        except RefusedError as refused:
            reply = _refusal(refused)
        finally:
            self.measures.in_flight -= 1
        self.measures.answered(reply.status, perf_counter() - began)
        await _answer(send, *reply)

    async def _awaited(self, headers: list[Header], receive: Receive) -> Reply:
        if self.measures.in_flight > self._most_in_flight:
            raise RefusedError(503, f"{self._most_in_flight} requests are being answered", is_busy=True)
        body = await _body(receive)
        if self.invocation is None or len(body) <= self.invocation.model.inline_bytes:
            return self.reply(headers, body)
        return await asyncio.get_running_loop().run_in_executor(self._worker, self.reply, headers, body)


def _refusal(refused: RefusedError) -> Reply:
    body = msgspec.json.encode(refused.body)
    if refused.is_busy:  # its body is not read
        return Reply(
            refused.status, _JSON_HEADER, body, ((b"retry-after", RETRY_SECONDS), (b"connection", b"close"))
        )
    return Reply(refused.status, _JSON_HEADER, body)


def _types(headers: list[Header]) -> tuple[str, str]:
    """Content type and accepted type; header names are in small letters, as ASGI has them."""
    content_type, accept = "", JSON
    for name, value in headers:
        if name == b"content-type":
            content_type = value.decode("latin-1")
        elif name == b"accept":
            accept = value.decode("latin-1").strip().lower()
    return content_type, accept


async def _body(receive: Receive) -> bytes:
    parts = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise RefusedError(400, "the caller went away")
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MAX_BODY_BYTES:
            raise RefusedError(413, f"the body has more than {MAX_BODY_BYTES} bytes")
        if not message.get("more_body"):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _answer(
    send: Send, status: int, kind: Header = _JSON_HEADER, body: bytes = b"", more: tuple[Header, ...] = ()
) -> None:
    headers = [kind, (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
