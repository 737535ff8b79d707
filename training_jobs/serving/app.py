"""The server's ASGI application: /ping, /invocations, /metrics.

Small requests are answered on the event loop: handing one to a thread costs more than a compiled model takes.
Longer work runs on one thread, so that /ping and refusals are answered meanwhile. More than `most_in_flight`
requests at a time are refused at once with 503.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec

from tidegate.artefact import Artefact
from tidegate.prediction import NotFiniteError, of_instances
from training_jobs.serving import measures
from training_jobs.serving.bodies import JSON, JSON_LINES, FormatError, decode

MAX_BODY_BYTES = 6 * 1024 * 1024  # InvokeEndpoint's own limit
MOST_IN_FLIGHT = 64
INLINE_BYTES = 8 * 1024  # about 20 rows
RETRY_SECONDS = b"1"

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
Header = tuple[bytes, bytes]


class Response(msgspec.Struct):
    """Answer of /invocations; `model` is the run that trained it."""

    predictions: list[dict[str, Any]]  # of tidegate.answers
    model: str
    vectors: list[list[Any]] | msgspec.UnsetType = msgspec.UNSET  # numbers, texts, null for missing


class RefusedError(Exception):
    """A request that cannot be answered, with the HTTP status that says so."""

    def __init__(
        self, status: int, what: str, fields: list[str] | None = None, *, is_busy: bool = False
    ) -> None:
        super().__init__(what)
        self.status = status
        self.is_busy = is_busy
        self.body = {"error": {"what": what, "fields": fields or []}}


class App:
    """The ASGI application. `model` is None while the artefact cannot be served."""

    def __init__(self, model: Artefact | None, most_in_flight: int = MOST_IN_FLIGHT) -> None:
        self.model = model
        self.measures = measures.Measures()
        self.encode = msgspec.json.Encoder().encode
        self._most_in_flight = most_in_flight
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="invoke")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        route = scope["method"], scope["path"]
        if route == ("POST", "/invocations"):
            await self._invocations(scope, receive, send)
        elif route == ("GET", "/ping"):
            await _answer(send, 200 if self.model else 503, b"")
        elif route == ("GET", "/metrics"):
            text = self.measures.text(self.model.run if self.model else "")
            await _answer(send, 200, text.encode(), measures.CONTENT_TYPE)
        else:
            await _answer(send, 404, b"")

    def invoke(self, body: bytes, content_type: str = JSON, accept: str = JSON) -> bytes:
        """Bytes in, bytes out.

        Raises:
            RefusedError: 400 for a request that is not as the signature says, 415 for another content type,
                500 for a model that answers with values that are not finite, 503 while there is no model.
        """
        model = self.model
        if model is None:
            raise RefusedError(503, "the model is not ready")
        try:
            request = decode(body, content_type, model.plan.request, model.types)
        except FormatError as cause:
            raise RefusedError(cause.status, str(cause)) from cause
        if not request.instances:
            raise RefusedError(400, "the body has no instances")
        _check_members(model, request.instances)
        try:
            found = of_instances(model, request.instances)
        except NotFiniteError as cause:
            raise RefusedError(500, str(cause)) from cause
        except ValueError as cause:
            raise RefusedError(400, str(cause)) from cause
        self.measures.predicted(len(request.instances))
        answers = model.task.answers(found.predictions)
        if accept in JSON_LINES:
            return b"".join(self.encode(answer) + b"\n" for answer in answers)
        vectors = found.vectors() if request.vectors else msgspec.UNSET
        return self.encode(Response(answers, model.run, vectors))

    async def _invocations(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        extra: tuple[Header, ...] = ()
        answer_type = JSON.encode()
        self.measures.in_flight += 1
        try:
            content_type, accept = _types(scope["headers"])
            answer = await self._answered(receive, content_type, accept)
            status = 200
            if accept in JSON_LINES:
                answer_type = accept.encode()
        except RefusedError as refused:
            status, answer = refused.status, self.encode(refused.body)
            if refused.is_busy:
                extra = ((b"retry-after", RETRY_SECONDS), (b"connection", b"close"))  # its body is not read
        finally:
            self.measures.in_flight -= 1
        self.measures.answered(status, time.perf_counter() - began)
        await _answer(send, status, answer, answer_type, extra)

    async def _answered(self, receive: Receive, content_type: str, accept: str) -> bytes:
        if self.measures.in_flight > self._most_in_flight:
            raise RefusedError(503, f"{self._most_in_flight} requests are being answered", is_busy=True)
        body = await _body(receive)
        if len(body) <= INLINE_BYTES and (self.model is None or self.model.scorer is not None):
            return self.invoke(body, content_type, accept)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, self.invoke, body, content_type, accept)


def _check_members(model: Artefact, instances: list[dict[str, Any]]) -> None:
    """Of what a model of other features takes besides, this one knows nothing."""
    needed = model.plan.request
    for position, instance in enumerate(instances):
        if missing := sorted(name for name in needed if name not in instance):
            raise RefusedError(400, f"instance {position} lacks members", missing)
        values = [(name, instance[name]) for name in needed]
        infinite = [name for name, v in values if isinstance(v, float) and not math.isfinite(v)]
        if infinite:
            raise RefusedError(400, f"instance {position} has members that are not finite", sorted(infinite))


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
    send: Send,
    status: int,
    body: bytes,
    content_type: bytes = b"application/json",
    extra: tuple[Header, ...] = (),
) -> None:
    headers = [(b"content-type", content_type), (b"content-length", b"%d" % len(body)), *extra]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
