"""CloudWatch on this machine: metrics with percentiles and math, metrics from log lines, alarms that act.

Anomaly detection has a stand-in for its models (`usual`). Refused, rather than stored and never sounding:
Metrics Insights, SEARCH, PromQL and wall clock windows. Other parts of the cloud store what AWS's services
measure of themselves through `record`.
"""

from collections.abc import Mapping
from datetime import datetime

from localcloud import _moto_seams, cloud

TICK_SECONDS = 1.0


def install() -> None:
    """Put our backend in the place of moto's and begin to judge alarms; call before the first request."""
    from moto.cloudwatch.models import cloudwatch_backends
    from moto.logs.models import LogsBackend

    from localcloud.cloudwatch import log_metrics
    from localcloud.cloudwatch.models import LocalCloudWatch
    from localcloud.events import ticker

    _moto_seams.replace("moto.cloudwatch.models", "cloudwatch_backends.backend", LocalCloudWatch)
    cloudwatch_backends.clear()  # moto keeps what an earlier cloud of this process left, stock class and all
    if not hasattr(LogsBackend.put_log_events, "__wrapped__"):
        watched = log_metrics.watched(LogsBackend.put_log_events)
        _moto_seams.replace("moto.logs.models", "LogsBackend.put_log_events", watched)
    ticker.every(TICK_SECONDS, look)


def record(  # noqa: PLR0917  the interface all rooms call, mostly by position
    namespace: str,
    name: str,
    dimensions: Mapping[str, str],
    value: float,
    unit: str = "None",
    when: datetime | None = None,
) -> None:
    """Store a datapoint, as a service of AWS does for itself: no request, and any namespace."""
    from localcloud.cloudwatch.intake import epoch
    from localcloud.cloudwatch.models import backend
    from localcloud.cloudwatch.store import Datum, Metric

    moment = cloud.current().clock.time() if when is None else epoch(when)
    backend().take([Datum.of(Metric.of(namespace, name, dimensions), float(value), unit, moment)])


def look() -> None:
    """Judge every alarm whose data came, or went into another window; the ticker calls this each second."""
    from localcloud.cloudwatch.models import backend

    backend().local_alarms.evaluate()


def idle() -> bool:
    """No alarm waits to be judged and none is acting: only new data or the clock can change one."""
    from localcloud.cloudwatch.models import backend

    return backend().local_alarms.idle()


def next_due(now: float) -> float | None:
    """When an alarm looks next at data that may change it."""
    from localcloud.cloudwatch.models import backend

    return backend().local_alarms.next_due(now)
