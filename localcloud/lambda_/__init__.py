"""AWS Lambda on this machine: AWS's own runtime interface client in warm processes."""

from typing import Any

from moto.awslambda.models import lambda_backends

from localcloud import _moto_seams, cloud
from localcloud.events import ticker

_SWEEP_SECONDS = 60.0


def install() -> None:
    """Put our backend in the place of moto's; call before the first request of the process."""
    from localcloud.lambda_.models import LocalLambda

    _moto_seams.replace("moto.awslambda.models", "lambda_backends.backend", LocalLambda)
    ticker.every(_SWEEP_SECONDS, _end_idle_workers)


def idle() -> bool:
    """No asynchronous invocation runs or is queued."""
    from localcloud.lambda_ import asynchronous

    return asynchronous.idle()


def _end_idle_workers() -> None:
    here = cloud.current()
    backend: Any = lambda_backends[here.account][here.region]
    for function in backend.all_functions():
        function.pool.end_idle()
