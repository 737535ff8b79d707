"""What CloudWatch counted for each variant of the endpoint.

SageMaker counts requests, failures and latency; Predict counts what only a caller sees: its own deadline, its
fallbacks, answers that are none. All in minutes, some of them told late.
"""

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tidegate.messages.deployment import VariantCounts

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

SAGEMAKER = "AWS/SageMaker"
PERIOD_SECONDS = 60  # SageMaker's resolution
MICROSECONDS_PER_MS = 1000
# metrics of Predict with dimensions `service` and `variant`
TIMEOUTS, FALLBACKS, INVALID = "VariantTimeouts", "VariantFallbacks", "VariantInvalidAnswers"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the counts of one pipeline are."""

    endpoint: str
    namespace: str  # of Predict's metrics
    service: str  # its dimension of them
    objective_ms: float  # a request that took longer was slow


@dataclass(frozen=True, kw_only=True)
class Minute:
    """Counts of all variants in one minute."""

    start: float  # seconds since the epoch
    counts: tuple[VariantCounts, ...]


def minutes(
    cloudwatch: "CloudWatchClient",
    source: Source,
    variants: tuple[str, ...],
    since: datetime,
    until: datetime,
) -> tuple[Minute, ...]:
    """Requests and bad events of each variant in the minutes that [since, until] touches, in order."""
    start = datetime.fromtimestamp(since.timestamp() // PERIOD_SECONDS * PERIOD_SECONDS, since.tzinfo)
    found: dict[float, dict[str, dict[str, int]]] = {}
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[*_queries(source, variants)], StartTime=start, EndTime=until
    )
    for result in (result for page in pages for result in page["MetricDataResults"]):
        variant, name = variants[int(result["Id"][1:].split("_")[0])], result["Id"].split("_")[1]
        for moment, value in zip(result["Timestamps"], result["Values"], strict=True):
            minute = found.setdefault(moment.timestamp(), {})
            minute.setdefault(variant, {})[name] = round(value)
    return tuple(
        Minute(start=moment, counts=tuple(_counts(v, found[moment].get(v, {})) for v in variants))
        for moment in sorted(found)
    )


def total(found: tuple[Minute, ...], variants: tuple[str, ...]) -> tuple[VariantCounts, ...]:
    """Sums over minutes."""
    sums = {variant: VariantCounts(variant=variant, requests=0, errors=0) for variant in variants}
    for minute in found:
        for each in minute.counts:
            sums[each.variant] = _each(sums[each.variant], each, operator.add)
    return tuple(sums.values())


def whole(found: tuple[Minute, ...], since: datetime, until: datetime) -> tuple[Minute, ...]:
    """Minutes that lie within [since, until] from their first second to their last."""
    last = until.timestamp() - PERIOD_SECONDS
    return tuple(minute for minute in found if since.timestamp() <= minute.start <= last)


def minus(counts: VariantCounts, before: VariantCounts | None) -> VariantCounts:
    """What came since; a count that CloudWatch does not tell yet is 0, not less."""
    if before is None:
        return counts
    return _each(counts, before, lambda now, then: max(0, now - then))


def smaller(one: VariantCounts, other: VariantCounts) -> VariantCounts:
    """The smaller of two counts of everything."""
    return _each(one, other, min)


def ringing(cloudwatch: "CloudWatchClient", prefix: str) -> tuple[str, ...]:
    """Names of alarms that begin with `prefix` and are in ALARM."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, StateValue="ALARM")
    return tuple(alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"])


def _queries(source: Source, variants: tuple[str, ...]) -> Iterator[Any]:
    slow = f"TC({source.objective_ms * MICROSECONDS_PER_MS:.0f}:)"  # trimmed count: how many were above
    for number, variant in enumerate(variants):
        served = {"EndpointName": source.endpoint, "VariantName": variant}
        seen = {"service": source.service, "variant": variant}
        for name, namespace, metric, statistic, dimensions in (
            ("requests", SAGEMAKER, "Invocations", "Sum", served),
            ("failures", SAGEMAKER, "Invocation5XXErrors", "Sum", served),
            ("unanswered", SAGEMAKER, "InvocationModelErrors", "Sum", served),
            ("slow", SAGEMAKER, "ModelLatency", slow, served),
            ("timeouts", source.namespace, TIMEOUTS, "Sum", seen),
            ("fallbacks", source.namespace, FALLBACKS, "Sum", seen),
            ("invalid", source.namespace, INVALID, "Sum", seen),
        ):
            yield {
                "Id": f"q{number}_{name}",
                "MetricStat": {
                    "Metric": {
                        "Namespace": namespace,
                        "MetricName": metric,
                        "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                    },
                    "Period": PERIOD_SECONDS,
                    "Stat": statistic,
                },
            }


def _counts(variant: str, found: dict[str, int]) -> VariantCounts:
    return VariantCounts(
        variant=variant,
        requests=found.get("requests", 0),
        # a failing model and a failing container count once, under the larger of the two
        errors=max(found.get("failures", 0), found.get("unanswered", 0)),
        slow=found.get("slow", 0),
        timeouts=found.get("timeouts", 0),
        fallbacks=found.get("fallbacks", 0),
        invalid=found.get("invalid", 0),
    )


def _each(one: VariantCounts, other: VariantCounts, combine: Callable[[int, int], int]) -> VariantCounts:
    return VariantCounts(
        variant=one.variant,
        requests=combine(one.requests, other.requests),
        errors=combine(one.errors, other.errors),
        slow=combine(one.slow, other.slow),
        timeouts=combine(one.timeouts, other.timeouts),
        fallbacks=combine(one.fallbacks, other.fallbacks),
        invalid=combine(one.invalid, other.invalid),
    )
