"""SageMaker on this machine: jobs that run as processes, endpoints that answer, a registry that remembers.

A container is the command of its image, run in the image's folder by the Python of the local cloud; what
AWS puts under /opt/ml lies under the folder that SAGEMAKER_BASE_DIR names.
"""

from localcloud import _moto_seams, cloud


def install() -> None:
    """Put our backends in the places of moto's; call before the first request of the process."""
    from localcloud.events import ticker
    from localcloud.sagemaker.capture_buffer import FLUSH_SECONDS
    from localcloud.sagemaker.models import LocalSageMaker
    from localcloud.sagemaker.runtime_urls import LocalSageMakerRuntime

    _moto_seams.replace("moto.sagemaker.models", "sagemaker_backends.backend", LocalSageMaker)
    _moto_seams.replace(
        "moto.sagemakerruntime.models", "sagemakerruntime_backends.backend", LocalSageMakerRuntime
    )
    ticker.every(FLUSH_SECONDS, _flush_soon)
    cloud.current().on_close(_flush)


def idle() -> bool:
    """No job runs, no endpoint is changing, and everything captured is in S3."""
    from localcloud.sagemaker.models import backend

    here = backend()
    endpoints = list(here.endpoints.values())
    return (
        all(job.ended.is_set() for job in here.jobs())
        and all(endpoint.status in {"InService", "Failed"} for endpoint in endpoints)
        and all(endpoint.is_flushed for endpoint in endpoints)
    )


def rests() -> bool:
    """No job runs and no endpoint is changing; what is captured may wait for its file."""
    from localcloud.sagemaker.models import backend

    here = backend()
    return all(job.ended.is_set() for job in here.jobs()) and all(
        endpoint.status in {"InService", "Failed"} for endpoint in list(here.endpoints.values())
    )


def next_due(now: float) -> float | None:
    """When captured records are written, where there are any."""
    from localcloud.sagemaker.capture_buffer import FLUSH_SECONDS
    from localcloud.sagemaker.models import backend

    waiting = not all(endpoint.is_flushed for endpoint in list(backend().endpoints.values()))
    return now + FLUSH_SECONDS if waiting else None


def _flush_soon() -> None:
    """Captured records go to S3 by HTTP: not on the ticker's thread."""
    cloud.current().submit(_flush)


def _flush() -> None:
    from localcloud.sagemaker.models import backend

    for endpoint in list(backend().endpoints.values()):
        endpoint.flush()
