"""The serving container: a verified artefact behind training_jobs.serving.app, on uvicorn.

A container whose manifest is not the verified one, whose files or feature code do not match it, or whose
package was registered with other features, never becomes healthy, so a rollout gives it no traffic. The model
is compiled, else scikit-learn's. After SIGTERM no connection is taken, and requests under way are answered
first.
"""

import asyncio
import gc
import logging
import os
from pathlib import Path

import uvicorn

from tidegate import artefact, signing
from tidegate.artefact import Artefact
from tidegate.compiled.matrix import FEWEST_ROWS
from tidegate.errors import ArtefactError, TidegateError
from training_jobs.paths import Paths
from training_jobs.serving.app import App, RefusedError

logger = logging.getLogger("serve")
DEFAULT_PORT = 8080
EVERY_INTERFACE = "0.0.0.0"  # noqa: S104  SageMaker reaches a container from outside of it
FEATURE_SET_HASH = "FEATURE_SET_HASH"  # environment variable of the model package
DRAIN_SECONDS = 25  # SageMaker kills 30 s after SIGTERM


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


def _warm_up(app: App, model: Artefact) -> None:
    """The first prediction imports and allocates; do it before /ping says 200."""
    kinds = ((name, model.types[name]) for name in model.plan.request)
    instance = {name: "1970-01-01T00:00:00Z" if kind == "timestamp" else None for name, kind in kinds}
    try:
        for rows in (1, FEWEST_ROWS):  # by walking the trees and by the array kernel
            app.invoke(app.encode({"instances": [instance] * rows, "vectors": True}))
    except RefusedError as error:
        logger.warning("warm-up was refused: %s", error)
