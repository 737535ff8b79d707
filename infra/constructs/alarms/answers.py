"""What callers got: answers that are not the endpoint's own, and requests that nobody answered."""

from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms.make import MINUTE, alarm, own_metric, sum_alarm
from tidegate.settings.config import PipelineConfig

FAILED = "predictions-failed"


def prediction_alarms(scope: Construct, config: PipelineConfig) -> list[cloudwatch.Alarm]:
    """Degraded answers as a share of all, in minutes with answers; failed ones from the first on."""
    share, names = config.alarms.degraded_share, ("DegradedPredictions", "Predictions", "FailedPredictions")
    degraded, answered, failed = (own_metric(name, {"service": config.prefix}, "Sum") for name in names)
    return [
        alarm(
            scope,
            "PredictionsDegraded",
            config=config,
            what="predictions-degraded",
            text=f"More than {share:.1%} of answers are not the endpoint's own",
            metric=cloudwatch.MathExpression(
                expression="IF(answered > 0, FILL(degraded, 0) / answered)",
                using_metrics={"degraded": degraded, "answered": answered},
                period=MINUTE,
            ),
            threshold=share,
            datapoints=(2, 3),
        ),
        sum_alarm(
            scope,
            "PredictionsFailed",
            [failed],
            config=config,
            what=FAILED,
            text="Requests were answered with 503: neither the endpoint nor a fallback had an answer",
        ),
    ]
