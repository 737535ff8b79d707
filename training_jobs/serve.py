"""The serving container: a verified artefact behind training_jobs.serving.app, on uvicorn.

A container whose manifest is not the verified one, whose files or feature code do not match it, whose package
was registered with other features, or which answers its golden rows unlike the trained model never becomes
healthy, so a rollout gives it no traffic. The model is compiled, else scikit-learn's. After SIGTERM no
connection is taken, and requests under way are answered first.
"""

import asyncio
import gc
import logging
import os
from pathlib import Path

import uvicorn

from tidegate.errors import ArtefactError, TidegateError
from tidegate.serving import files
from tidegate.serving.row_model import RowModel
from tidegate.training import signing
from training_jobs.paths import Paths
from training_jobs.serving.app import App
from training_jobs.serving.invocation import Invocation, Model
from training_jobs.serving.protocol import Protocol
from training_jobs.serving.warm_up import warm_up

logger = logging.getLogger("serve")
DEFAULT_PORT = 8080
EVERY_INTERFACE = "0.0.0.0"  # noqa: S104  SageMaker reaches a container from outside of it
FEATURE_SET_HASH = "FEATURE_SET_HASH"  # environment variable of the model package
DRAIN_SECONDS = 25  # SageMaker kills 30 s after SIGTERM


def main(paths: Paths) -> None:
    """Serve until SIGTERM; requests in flight are answered first."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s")
    app = App(_loaded(paths.model))
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT", DEFAULT_PORT))
    config = uvicorn.Config(
        app,
        host=os.environ.get("SAGEMAKER_BIND_TO_HOST", EVERY_INTERFACE),
        port=port,
        loop="uvloop",
        http=Protocol,
        proxy_headers=False,  # nobody asks who called
        lifespan="on",
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    asyncio.run(uvicorn.Server(config).serve())


def _loaded(folder: Path) -> Invocation | None:
    """The model, warm; None, with the reason in the log, of one that must not serve."""
    try:
        _refuse_another(folder)  # before any of its code runs
        model = _of_its_package(read(folder))
        found = Invocation(model)
        rows = files.golden(folder, model.manifest)
        if not rows:
            logger.warning("the artefact has no golden rows: healthy without having answered any")
        warm_up(found, rows)
    except TidegateError as error:
        logger.error("%s", error)  # noqa: TRY400  the three lines say it; /ping stays 503 and the endpoint fails
        return None
    gc.collect()
    gc.freeze()  # the model never dies: a collection need not walk its trees
    return found


def read(folder: Path) -> Model:
    """The verified model of an artefact: compiled, else scikit-learn's.

    Raises:
        ArtefactError: see tidegate.artefact.read.
    """
    found = RowModel.read(folder)
    if found is not None:
        return found
    from tidegate.training import artefact  # scikit-learn, which nobody else needs
    from training_jobs.serving.array_model import ArrayModel

    return ArrayModel(artefact.read(folder))


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


def _of_its_package(model: Model) -> Model:
    """Raises ArtefactError when the model package names other features than the artefact has."""
    named = os.environ.get(FEATURE_SET_HASH)
    if named and named != model.plan.hash:
        raise ArtefactError(
            "the artefact is of another feature set than its package",
            cause=f"{FEATURE_SET_HASH} is {named[:16]}, the artefact has {model.plan.hash[:16]}",
            hint="the package's model.tar.gz was replaced: register the model again",
        )
    return model
