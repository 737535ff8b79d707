"""Online features as Predict found them, in minutes with enough values: one new entity is no outage."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms.make import ABOVE, BELOW, MINUTE, alarm, own_metric
from tidegate.feature_store import feature_tally
from tidegate.settings.config import PipelineConfig

ENOUGH_VALUES = 50  # in a minute


def feature_alarms(scope: Construct, config: PipelineConfig) -> list[cloudwatch.Alarm]:
    """Shares of what Predict looked up."""
    alarms = config.alarms
    stale, failed = alarms.feature_stale, alarms.feature_failed
    null, coverage = alarms.feature_null, alarms.feature_coverage
    values = feature_tally.LOOKED_UP
    watched = (
        ("stale", feature_tally.STALE, values, ABOVE, stale, f"More than {stale:.1%} of values are stale"),
        ("failed", feature_tally.FAILED, values, ABOVE, failed, f"More than {failed:.1%} of reads fail"),
        ("null", feature_tally.WITHOUT_VALUE, values, ABOVE, null, f"More than {null:.1%} have no value"),
        (
            "coverage",
            feature_tally.ENTITIES_FOUND,
            feature_tally.ENTITIES,
            BELOW,
            coverage,
            f"Less than {coverage:.1%} of entities are in the online store",
        ),
    )
    return [
        alarm(
            scope,
            f"features-{what}",
            config=config,
            what=f"features-{what}",
            text=f"{text}: defaults stand in for them",
            metric=share_of_features(config.prefix, part, whole),
            threshold=threshold,
            comparison=comparison,
            datapoints=(2, 3),
        )
        for what, part, whole, comparison, threshold, text in watched
    ]


def share_of_features(prefix: str, part: str, whole: str) -> cloudwatch.MathExpression:
    """One count of Predict in another, in minutes with enough of the latter."""
    # ids of metrics are told apart in a whole graph
    ids = {metric: f"{metric[0].lower()}{metric[1:]}" for metric in (part, whole)}
    return cloudwatch.MathExpression(
        expression=f"IF({ids[whole]} >= {ENOUGH_VALUES}, {ids[part]} / {ids[whole]})",
        label=part,
        using_metrics={id_: own_metric(metric, {"service": prefix}, "Sum") for metric, id_ in ids.items()},
        period=MINUTE,
    )
