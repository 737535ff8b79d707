"""What CloudWatch knows of an endpoint and its API in a span, as series, asked for at once."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tidegate.aws.traffic import FALLBACKS, SAGEMAKER, TIMEOUTS
from tidegate.feature_store import feature_tally
from tidegate.monitoring.operations import Series
from tidegate.monitoring.spans import Span

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

HOSTS = "/aws/sagemaker/Endpoints"  # metrics of the variants' instances
SERVICE = "service"  # the owner of series that are of no variant
_SERVED = {
    "requests": "Invocations",
    "client_errors": "Invocation4XXErrors",
    "failures": "Invocation5XXErrors",
    "unanswered": "InvocationModelErrors",
}
_LATENCIES = {"model": "ModelLatency", "overhead": "OverheadLatency"}
_SEEN = {"timeouts": TIMEOUTS, "fallbacks": FALLBACKS}
_HOST = {"cpu": "CPUUtilization", "memory": "MemoryUtilization"}
_ANSWERS = {
    "answered": "Predictions",
    "degraded": "DegradedPredictions",
    "failed": "FailedPredictions",
    "refused": "RefusedRequests",
    "values": feature_tally.LOOKED_UP,
    "stale": feature_tally.STALE,
    "missing": feature_tally.ABSENT,
    "unread": feature_tally.FAILED,
    "null": feature_tally.WITHOUT_VALUE,
}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the metrics of one pipeline are."""

    endpoint: str
    namespace: str  # of Predict's metrics
    service: str  # its dimension of them
    variants: tuple[str, ...]


def series(cloudwatch: "CloudWatchClient", source: Source, span: Span) -> dict[str, dict[str, Series]]:
    """Owner, a variant or SERVICE -> name -> series; a metric that is not there has no series.

    One GetMetricData: 34 series, 21 of them by the minute of at most a day, a third of what one answer holds.
    """
    asked = list(_asked(source, span))
    found: dict[str, dict[str, Series]] = {owner: {} for owner in (*source.variants, SERVICE)}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[
            {"Id": f"q{number}", "MetricStat": stat} for number, (_, _, stat) in enumerate(asked)
        ],
        StartTime=datetime.fromtimestamp(span.start, UTC),
        EndTime=datetime.fromtimestamp(span.end, UTC),
    )
    for result in (result for page in pages for result in page["MetricDataResults"]):
        owner, name, _ = asked[int(result["Id"][1:])]
        points = {
            int(moment.timestamp()): value
            for moment, value in zip(result["Timestamps"], result["Values"], strict=True)
        }
        if points:
            found[owner][name] = {**found[owner].get(name, {}), **points}
    return found


def _asked(source: Source, span: Span) -> Iterator[tuple[str, str, Any]]:
    """(owner, name, MetricStat) of every series."""
    for variant in source.variants:
        served = {"EndpointName": source.endpoint, "VariantName": variant}
        seen = {"service": source.service, "variant": variant}
        for name, metric in _SERVED.items():
            yield variant, name, _stat(SAGEMAKER, metric, served, "Sum", span.count_period)
        for part, metric in _LATENCIES.items():
            for percentile in ("p50", "p99"):
                stat = _stat(SAGEMAKER, metric, served, percentile, span.latency_period)
                yield variant, f"{part}_{percentile}", stat
        for name, metric in _SEEN.items():
            yield variant, name, _stat(source.namespace, metric, seen, "Sum", span.count_period)
        for name, metric in _HOST.items():
            yield variant, name, _stat(HOSTS, metric, served, "Average", span.latency_period)
    service = {"service": source.service}
    for name, metric in _ANSWERS.items():
        yield SERVICE, name, _stat(source.namespace, metric, service, "Sum", span.count_period)
    age = _stat(source.namespace, feature_tally.AGE, service, "Maximum", span.latency_period)
    yield SERVICE, "age", age


def _stat(
    namespace: str, metric: str, dimensions: dict[str, str], statistic: str, period: int
) -> dict[str, Any]:
    return {
        "Metric": {
            "Namespace": namespace,
            "MetricName": metric,
            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
        },
        "Period": period,
        "Stat": statistic,
    }
