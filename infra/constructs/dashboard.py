"""One page of graphs: does it answer, how fast, on which features, is it right, how old is it."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms.look_ups import share_of_features
from infra.constructs.alarms.make import own_metric
from infra.constructs.alarms.page import PAGE
from infra.store import arn
from tidegate.feature_store import feature_tally
from tidegate.settings.config import PipelineConfig

HALF = 12  # of a dashboard's 24 columns
# what looks of monitoring publish, by graph; one look is one point
LOOKS: Mapping[str, Sequence[str]] = {
    "Quality by outcomes and as estimated": ("RealizedQuality", "EstimatedQuality"),
    "Outcomes: share of predictions that have one": ("LabelCoverage",),
    "Drifted columns": ("DriftedFeatureCount",),
    "Drift: worst column (PSI), predictions (PSI)": ("DriftScoreMax", "PredictionDriftScore"),
    "Requests against training: classifier's AUC": ("DomainAuc",),
    "Shares: out of contract, skewed, changed attribution, fallbacks": (
        "OutOfContractShare",
        "FeatureSkewMax",
        "AttributionDrift",
        "FallbackShare",
    ),
    "Age of the model, days": ("ModelAgeDays",),
    "Age of the features, s": ("FeatureAgeSeconds",),
}


def dashboard(
    scope: Construct, *, config: PipelineConfig, endpoint: str, alarms: Sequence[cloudwatch.Alarm]
) -> cloudwatch.Dashboard:
    """By metric search, so that a variant that comes and goes has its line."""
    board = cloudwatch.Dashboard(scope, "Dashboard", dashboard_name=config.prefix)
    page = cloudwatch.Alarm.from_alarm_arn(
        scope, "OfTheApiStack", arn("cloudwatch", f"alarm:{config.prefix}-{PAGE}")
    )
    shown = [page, *alarms]
    board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", width=2 * HALF, alarms=shown))
    board.add_widgets(
        _variants("Requests by variant", endpoint, "Invocations", "Sum"),
        _variants("Share of 5XX by variant", endpoint, "Invocation5XXErrors", "Average"),
    )
    board.add_widgets(
        _variants("Latency p99 by variant, µs", endpoint, "ModelLatency", "p99"), _answers(config)
    )
    board.add_widgets(_features(config.prefix), _age(config.prefix))
    looks = [_look(title, endpoint, names) for title, names in LOOKS.items()]
    for left, right in zip(looks[::2], looks[1::2], strict=True):
        board.add_widgets(left, right)
    return board


def _variants(title: str, endpoint: str, metric: str, statistic: str) -> cloudwatch.GraphWidget:
    search = f'{{AWS/SageMaker,EndpointName,VariantName}} EndpointName="{endpoint}" MetricName="{metric}"'
    lines = cloudwatch.MathExpression(
        expression=f"SEARCH('{search}', '{statistic}', 60)", label="", period=Duration.minutes(1)
    )
    return cloudwatch.GraphWidget(title=title, width=HALF, left=[lines])


def _answers(config: PipelineConfig) -> cloudwatch.GraphWidget:
    names = ("Predictions", "DegradedPredictions", "FailedPredictions")
    lines = [own_metric(name, {"service": config.prefix}, "Sum") for name in names]
    return cloudwatch.GraphWidget(title="What callers got, rows a minute", width=HALF, left=lines)


def _features(prefix: str) -> cloudwatch.GraphWidget:
    shares = (
        *((part, feature_tally.LOOKED_UP) for part in (feature_tally.STALE, feature_tally.FAILED)),
        (feature_tally.WITHOUT_VALUE, feature_tally.LOOKED_UP),
        (feature_tally.ENTITIES_FOUND, feature_tally.ENTITIES),
    )
    lines = [share_of_features(prefix, part, whole) for part, whole in shares]
    return cloudwatch.GraphWidget(title="Looked-up features, shares", width=HALF, left=lines)


def _age(prefix: str) -> cloudwatch.GraphWidget:
    age = own_metric(feature_tally.AGE, {"service": prefix}, "Maximum", Duration.minutes(5))
    return cloudwatch.GraphWidget(title="Age of the oldest value, s", width=HALF, left=[age])


def _look(title: str, endpoint: str, names: Sequence[str]) -> cloudwatch.GraphWidget:
    lines = [own_metric(name, {"Endpoint": endpoint}, "Maximum", Duration.minutes(5)) for name in names]
    return cloudwatch.GraphWidget(title=title, width=HALF, left=lines)
