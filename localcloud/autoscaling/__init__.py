"""Application Auto Scaling on this machine: variants of endpoints follow their load, within their limits.

Target tracking on SageMakerVariantInvocationsPerInstance and scheduled actions act; targets of other services
are kept and answered as moto does.
"""

from localcloud import _moto_seams

TICK_SECONDS = 1.0


def install() -> None:
    """Put our backend in the place of moto's and begin to scale; call before the first request."""
    from localcloud.autoscaling.models import LocalAutoScaling
    from localcloud.events import ticker

    _moto_seams.replace(
        "moto.applicationautoscaling.models", "applicationautoscaling_backends.backend", LocalAutoScaling
    )
    ticker.every(TICK_SECONDS, evaluate)


def evaluate() -> None:
    """Bring every variant that has a target to the count its policies ask for; the ticker calls this."""
    from localcloud.autoscaling.models import backend

    backend().evaluate()
