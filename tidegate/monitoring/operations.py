"""How the endpoint and the API did in a span: requests, errors, latency and fallbacks, by variant and in all.

Pure standard library. Values come as series: period's start, seconds since the epoch -> value. What nobody
measured is None, never zero.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.messages.message import Message
from tidegate.monitoring.spans import Span

Series = Mapping[int, float]
MICROSECONDS_PER_MS = 1000


@dataclass(frozen=True, kw_only=True)
class Latency(Message):
    """Milliseconds of one part of the answer to a request."""

    p50: float  # median over the periods, each as often as it had requests
    p99: float  # of the slowest period
    slowest_at: int  # its start


@dataclass(frozen=True, kw_only=True)
class Variant(Message):
    """One production variant, as SageMaker and Predict counted it."""

    variant: str
    requests: int
    requests_per_second: float
    busiest: int  # requests in the busiest period of `Span.count_period`
    client_errors: int  # 4xx
    errors: int  # 5xx, or the container's own failures where those are more
    error_share: float | None
    model_latency: Latency | None
    overhead_latency: Latency | None
    timeouts: int  # of Predict's own deadline; told where it chose the variant
    fallbacks: int  # requests answered by something else
    cpu_percent: float | None  # of the busiest period; of one core
    memory_percent: float | None


@dataclass(frozen=True, kw_only=True)
class Predictions(Message):
    """What callers of the API got, in rows."""

    answered: int
    degraded: int  # of those, not by the endpoint
    failed: int
    refused: int  # requests that were none
    fallback_share: float | None  # degraded of answered and failed


@dataclass(frozen=True, kw_only=True)
class LookUps(Message):
    """Values that Predict looked up, and shares of them; None where it looked up none."""

    values: int
    stale: float | None
    missing: float | None
    failed: float | None
    without_value: float | None
    oldest_seconds: float | None  # age of the oldest value at its request's moment


def variant(name: str, series: Mapping[str, Series], span: Span) -> Variant:
    """Of series by the names that `tidegate.aws.operation_metrics` gives them."""
    requests = series.get("requests", {})
    asked = _total(requests)
    errors = max(_total(series.get("failures", {})), _total(series.get("unanswered", {})))
    return Variant(
        variant=name,
        requests=asked,
        requests_per_second=asked / span.seconds,
        busiest=round(max(requests.values(), default=0)),
        client_errors=_total(series.get("client_errors", {})),
        errors=errors,
        error_share=_share(errors, asked),
        model_latency=_latency(series, "model", span),
        overhead_latency=_latency(series, "overhead", span),
        timeouts=_total(series.get("timeouts", {})),
        fallbacks=_total(series.get("fallbacks", {})),
        cpu_percent=max(series.get("cpu", {}).values(), default=None),
        memory_percent=max(series.get("memory", {}).values(), default=None),
    )


def predictions(series: Mapping[str, Series]) -> Predictions:
    """Of series by name: answered, degraded, failed, refused."""
    answered, degraded, failed, refused = (
        _total(series.get(name, {})) for name in ("answered", "degraded", "failed", "refused")
    )
    return Predictions(
        answered=answered,
        degraded=degraded,
        failed=failed,
        refused=refused,
        fallback_share=_share(degraded, answered + failed),
    )


def look_ups(series: Mapping[str, Series]) -> LookUps:
    """Of series by name: values, stale, missing, unread, null, age."""
    values = _total(series.get("values", {}))
    stale, missing, failed, without = (
        _share(_total(series.get(name, {})), values) for name in ("stale", "missing", "unread", "null")
    )
    return LookUps(
        values=values,
        stale=stale,
        missing=missing,
        failed=failed,
        without_value=without,
        oldest_seconds=max(series.get("age", {}).values(), default=None),
    )


def weighted_median(values: Mapping[int, float], weights: Mapping[int, float]) -> float:
    """The smallest value that half of the weight is at or below; a period without weight counts once."""
    ordered = sorted((value, weights.get(when) or 1.0) for when, value in values.items())
    half = sum(weight for _, weight in ordered) / 2
    passed = 0.0
    for value, weight in ordered:
        passed += weight
        if passed >= half:
            return value
    raise ValueError("there is no value")


def _latency(series: Mapping[str, Series], part: str, span: Span) -> Latency | None:
    halves, slowest = series.get(f"{part}_p50", {}), series.get(f"{part}_p99", {})
    if not halves or not slowest:
        return None
    asked: dict[int, float] = {}
    for when, requests in series.get("requests", {}).items():
        period = when // span.latency_period * span.latency_period
        asked[period] = asked.get(period, 0.0) + requests
    worst = max(slowest, key=lambda when: slowest[when])
    return Latency(
        p50=weighted_median(halves, asked) / MICROSECONDS_PER_MS,
        p99=slowest[worst] / MICROSECONDS_PER_MS,
        slowest_at=worst,
    )


def _total(series: Series) -> int:
    return round(sum(series.values()))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def metrics(
    *, model_age_days: float | None, feature_age_seconds: float | None, fallback_share: float | None
) -> Iterator[tuple[str, float]]:
    """What alarms watch; what has no value is not published."""
    for name, value in (
        ("ModelAgeDays", model_age_days),
        ("FeatureAgeSeconds", feature_age_seconds),
        ("FallbackShare", fallback_share),
    ):
        if value is not None:
            yield name, value


def summary(variants: tuple[Variant, ...], answers: Predictions) -> dict[str, Any]:
    """One line's worth: all variants together."""
    asked, errors = sum(v.requests for v in variants), sum(v.errors for v in variants)
    slowest = [v.model_latency.p99 for v in variants if v.model_latency]
    return {
        "requests": asked,
        "error_share": _share(errors, asked),
        "p99_ms": max(slowest, default=None),
        "fallback_share": answers.fallback_share,
    }
