"""One page of graphs: is it answering, how fast, does it drift, did anything fail."""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.function import METRICS_NAMESPACE
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
    return board


def _variants(title: str, endpoint: str, metric: str, statistic: str) -> cloudwatch.GraphWidget:
    search = f'{{AWS/SageMaker,EndpointName,VariantName}} EndpointName="{endpoint}" MetricName="{metric}"'
    lines = cloudwatch.MathExpression(
        expression=f"SEARCH('{search}', '{statistic}', 60)", label="", period=Duration.minutes(1)
    )
    return cloudwatch.GraphWidget(title=title, width=HALF, left=[lines])


def _monitor(title: str, endpoint: str, metric: str) -> cloudwatch.GraphWidget:
    line = cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=metric,
        dimensions_map={"Endpoint": endpoint},
        statistic="Maximum",
    )
    return cloudwatch.GraphWidget(title=title, width=HALF, left=[line])
