"""Errors and latency as SageMaker counts them: of each variant, and of the one that most requests go to."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms.make import MINUTE, alarm
from tidegate.rollout import VARIANTS
from tidegate.settings.config import PipelineConfig

MICROSECONDS_PER_MS = 1000
TWO_OF_THREE = (2, 3)


def variant_alarms(
    scope: Construct, *, endpoint: str, variant: str, config: PipelineConfig
) -> list[cloudwatch.Alarm]:
    """Share of 5XX answers and 99th percentile of latency of one variant; AWS gives latency in µs."""
    errors = _variant_metric(endpoint, variant, "Invocation5XXErrors", "Average")
    latency = _variant_metric(endpoint, variant, "ModelLatency", "p99")
    alarms = config.alarms
    watched = (
        ("errors", errors, alarms.error_share, f"More than {alarms.error_share:.1%} answers are 5XX"),
        (
            "latency",
            latency,
            alarms.p99_latency_ms * MICROSECONDS_PER_MS,
            f"The slowest 1 % take more than {alarms.p99_latency_ms:g} ms",
        ),
    )
    return [
        alarm(
            scope,
            f"{variant}-{what}",
            config=config,
            what=f"{variant}-{what}",
            text=f"{text} in {variant} of {endpoint}",
            metric=metric,
            threshold=threshold,
            datapoints=TWO_OF_THREE,
        )
        for what, metric, threshold, text in watched
    ]


def endpoint_error_alarm(scope: Construct, *, endpoint: str, config: PipelineConfig) -> cloudwatch.Alarm:
    """Share of 5XX answers where most requests go.

    Names of variants do not tell the champion from a candidate: the larger share of a minute's requests does,
    and a candidate that fails with a small one is rolled back without waking anybody.
    """
    ids = [variant.replace("-", "_") for variant in VARIANTS]
    metrics = {
        f"{what}_{id_}": _variant_metric(endpoint, variant, name, "Sum")
        for id_, variant in zip(ids, VARIANTS, strict=True)
        for what, name in (("asked", "Invocations"), ("failed", "Invocation5XXErrors"))
    }
    one, other = ids
    share = cloudwatch.MathExpression(
        expression=(
            f"IF(FILL(asked_{one}, 0) >= FILL(asked_{other}, 0), "
            f"FILL(failed_{one}, 0) / FILL(asked_{one}, 0), FILL(failed_{other}, 0) / FILL(asked_{other}, 0))"
        ),
        label="5XX",
        using_metrics=metrics,
        period=MINUTE,
    )
    limit = config.alarms.error_share
    return alarm(
        scope,
        "EndpointErrors",
        config=config,
        what="endpoint-errors",
        text=f"More than {limit:.1%} of the answers of the variant with most requests are 5XX",
        metric=share,
        threshold=limit,
        datapoints=TWO_OF_THREE,
    )


def _variant_metric(endpoint: str, variant: str, name: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/SageMaker",
        metric_name=name,
        dimensions_map={"EndpointName": endpoint, "VariantName": variant},
        statistic=statistic,
        period=MINUTE,
    )
