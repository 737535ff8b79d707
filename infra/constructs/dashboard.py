"""One page of graphs: is it answering, how fast, on which features, does it drift, did anything fail."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms.look_ups import share_of_features
from infra.constructs.function import METRICS_NAMESPACE
from tidegate import feature_tally
from tidegate.config import PipelineConfig

HALF = 12  # of a dashboard's 24 columns


def dashboard(
    scope: Construct, *, config: PipelineConfig, endpoint: str, alarms: Sequence[cloudwatch.Alarm]
) -> cloudwatch.Dashboard:
    """By metric search, so that a variant that comes and goes has its line."""
    board = cloudwatch.Dashboard(scope, "Dashboard", dashboard_name=config.prefix)
    board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", width=2 * HALF, alarms=list(alarms)))
    board.add_widgets(
        _variants("Requests by variant", endpoint, "Invocations", "Sum"),
        _variants("Share of 5XX by variant", endpoint, "Invocation5XXErrors", "Average"),
    )
    board.add_widgets(
        _variants("Latency p99 by variant, µs", endpoint, "ModelLatency", "p99"),
        _monitor("Drifted columns", endpoint, "DriftedFeatureCount"),
    )
    board.add_widgets(_features(config.prefix), _age(config.prefix))
    return board


def _variants(title: str, endpoint: str, metric: str, statistic: str) -> cloudwatch.GraphWidget:
    search = f'{{AWS/SageMaker,EndpointName,VariantName}} EndpointName="{endpoint}" MetricName="{metric}"'
    lines = cloudwatch.MathExpression(
        expression=f"SEARCH('{search}', '{statistic}', 60)", label="", period=Duration.minutes(1)
    )
    return cloudwatch.GraphWidget(title=title, width=HALF, left=[lines])


def _features(prefix: str) -> cloudwatch.GraphWidget:
    shares = (
        *((part, feature_tally.LOOKED_UP) for part in (feature_tally.STALE, feature_tally.FAILED)),
        (feature_tally.WITHOUT_VALUE, feature_tally.LOOKED_UP),
        (feature_tally.ENTITIES_FOUND, feature_tally.ENTITIES),
    )
    lines = [share_of_features(prefix, part, whole) for part, whole in shares]
    return cloudwatch.GraphWidget(title="Looked-up features, shares", width=HALF, left=lines)


def _age(prefix: str) -> cloudwatch.GraphWidget:
    age = cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=feature_tally.AGE,
        dimensions_map={"service": prefix},
        statistic="Maximum",
    )
    return cloudwatch.GraphWidget(title="Age of the oldest value, s", width=HALF, left=[age])


def _monitor(title: str, endpoint: str, metric: str) -> cloudwatch.GraphWidget:
    line = cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=metric,
        dimensions_map={"Endpoint": endpoint},
        statistic="Maximum",
    )
    return cloudwatch.GraphWidget(title=title, width=HALF, left=[line])
