"""The serving container: /ping and /invocations over the verified artefact, on a bare ASGI app.

A container whose manifest is not the verified one, whose files or feature code do not match it, or whose
package was registered with other features, never becomes healthy, so a rollout gives it no traffic. The model
is compiled, else scikit-learn's; one process, one request at a time in the interpreter.
"""

import asyncio
import gc
import logging
import math
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn

from tidegate import artefact, signing
from tidegate.artefact import Artefact
from tidegate.errors import ArtefactError, TidegateError
from tidegate.prediction import NotFiniteError, of_instances
from training_jobs.paths import Paths

logger = logging.getLogger("serve")
DEFAULT_PORT = 8080
EVERY_INTERFACE = "0.0.0.0"  # noqa: S104  SageMaker reaches a container from outside of it
MAX_BODY_BYTES = 6 * 1024 * 1024  # InvokeEndpoint's own limit
FEATURE_SET_HASH = "FEATURE_SET_HASH"  # environment variable of the model package
DRAIN_SECONDS = 25  # SageMaker kills 30 s after SIGTERM

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Request(msgspec.Struct):
    """Body of /invocations."""

    instances: list[dict[str, Any]]
    vectors: bool = False  # answer what the model saw, too


class Response(msgspec.Struct):
    """Answer of /invocations; `model` is the run that trained it."""

    predictions: list[dict[str, Any]]  # of tidegate.answers
    model: str
    vectors: list[list[Any]] | msgspec.UnsetType = msgspec.UNSET  # numbers, texts, null for missing


class RefusedError(Exception):
    """A request that cannot be answered, with the HTTP status that says so."""

    def __init__(self, status: int, what: str, fields: list[str] | None = None) -> None:
        super().__init__(what)
        self.status = status
        self.body = {"error": {"what": what, "fields": fields or []}}


class App:
    """The ASGI application. `model` is None while the artefact cannot be served."""

    def __init__(self, model: Artefact | None) -> None:
        self.model = model
        self.decode = msgspec.json.Decoder(Request).decode
        self.encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        route = scope["method"], scope["path"]
        if route == ("GET", "/ping"):
            await _answer(send, 200 if self.model else 503, b"")
        elif route == ("POST", "/invocations"):
            try:
                body = await _body(receive)
                await _answer(send, 200, self.invoke(body))
            except RefusedError as refused:
                await _answer(send, refused.status, self.encode(refused.body))
        else:
            await _answer(send, 404, b"")

    def invoke(self, body: bytes) -> bytes:
        """Bytes in, bytes out.

        Raises:
            RefusedError: 400 for a request that is not as the signature says, 500 for a model that answers
                with values that are not finite, 503 while there is no model.
        """
        model = self.model
        if model is None:
            raise RefusedError(503, "the model is not ready")
        try:
            request = self.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as cause:
            raise RefusedError(400, f"the body is not {{'instances': [...]}}: {cause}") from cause
        if not request.instances:
            raise RefusedError(400, "`instances` is empty")
        _check_members(model, request.instances)
        try:
            found = of_instances(model, request.instances)
        except NotFiniteError as cause:
            raise RefusedError(500, str(cause)) from cause
        except ValueError as cause:
            raise RefusedError(400, str(cause)) from cause
        answers = model.task.answers(found.predictions)
        vectors = found.vectors() if request.vectors else msgspec.UNSET
        return self.encode(Response(answers, model.run, vectors))


def main(paths: Paths) -> None:
    """Serve until SIGTERM; requests in flight are answered first."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    try:
        _refuse_another(paths.model)  # before any of its code runs
        model: Artefact | None = _of_its_package(artefact.read(paths.model))
    except TidegateError as error:
        logger.error("%s", error)  # noqa: TRY400  the three lines say it; /ping stays 503 and the endpoint fails
        model = None
    app = App(model)
    if model is not None:
        _warm_up(app, model)
        gc.freeze()  # the model never dies: a collection need not walk its trees
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", DEFAULT_PORT))
    config = uvicorn.Config(
        app,
        host=os.environ.get("SAGEMAKER_BIND_TO_HOST", EVERY_INTERFACE),
        port=port,
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    asyncio.run(uvicorn.Server(config).serve())


def _refuse_another(folder: Path) -> None:
    """Raises ArtefactError when the artefact is not the one whose signature the rollout verified."""
    verified = os.environ.get(signing.MANIFEST_SHA256)
    if not verified:
        return
    try:
        found = signing.digest((folder / signing.MANIFEST).read_bytes()).hex()
    except OSError as cause:
        raise ArtefactError("the artefact is incomplete", cause=str(cause)) from cause
    if found != verified:
        raise ArtefactError(
            "the artefact is not the one that was verified",
            cause=f"sha256 of {signing.MANIFEST} is {found[:16]}, the rollout verified {verified[:16]}",
            hint="model.tar.gz was replaced since the preflight: find out by whom, then train anew",
        )


def _of_its_package(model: Artefact) -> Artefact:
    """Raises ArtefactError when the model package names other features than the artefact has."""
    named = os.environ.get(FEATURE_SET_HASH)
    if named and named != model.plan.hash:
        raise ArtefactError(
            "the artefact is of another feature set than its package",
            cause=f"{FEATURE_SET_HASH} is {named[:16]}, the artefact has {model.plan.hash[:16]}",
            hint="the package's model.tar.gz was replaced: register the model again",
        )
    return model


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


def _warm_up(app: App, model: Artefact) -> None:
    """The first prediction imports and allocates; do it before /ping says 200."""
    kinds = ((name, model.types[name]) for name in model.plan.request)
    instance = {name: "1970-01-01T00:00:00Z" if kind == "timestamp" else None for name, kind in kinds}
    try:
        app.invoke(app.encode({"instances": [instance], "vectors": True}))
    except RefusedError as error:
        logger.warning("warm-up was refused: %s", error)


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
            return b"".join(parts)


async def _answer(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
