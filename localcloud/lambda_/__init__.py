"""AWS Lambda on this machine: AWS's own runtime interface client in warm processes."""

import logging
import threading
from typing import Any

from moto.awslambda.models import lambda_backends

from localcloud import _moto_seams, cloud
from localcloud.events import ticker

_SWEEP_SECONDS = 60.0
_LOOK_UP_SECONDS = 0.5

_logger = logging.getLogger(__name__)


def install() -> None:
    """Put our backend in the place of moto's; call before the first request of the process."""
    from localcloud.lambda_.models import LocalLambda

    _moto_seams.replace("moto.awslambda.models", "lambda_backends.backend", LocalLambda)
    ticker.every(_SWEEP_SECONDS, _end_idle_workers)


def idle() -> bool:
    """No asynchronous invocation runs or is queued."""
    from localcloud.lambda_ import asynchronous

    return asynchronous.idle()


def warm_up() -> None:
    """Start a worker of each function that nobody has called yet, one after another; returns at once.

    Lambda too initializes functions before they are called, when it sees fit. Here a pipeline's first run
    waits for each of its functions to start while the other cores have nothing to do.
    """
    threading.Thread(target=_warm_up, name="warm-up", daemon=True).start()


def _warm_up() -> None:
    here = cloud.current()
    backend: Any = lambda_backends[here.account][here.region]
    for function in backend.all_functions():
        try:
            worker = function.pool.warm_up() if function.gate.limit != 0 else None
            while worker is not None and not here.closing.is_set() and not worker.ready(_LOOK_UP_SECONDS):
                pass
        except Exception:  # who calls the function is told why it cannot start
            _logger.warning("%s was not started ahead", function.function_name, exc_info=True)
        if here.closing.is_set():
            return


def _end_idle_workers() -> None:
    here = cloud.current()
    backend: Any = lambda_backends[here.account][here.region]
    for function in backend.all_functions():
        function.pool.end_idle()
