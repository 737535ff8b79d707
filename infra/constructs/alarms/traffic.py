"""How much is asked: whether requests stopped, and whether there are more or fewer than usual at this hour.

Counted is what callers ask of the API, answered or not: SageMaker's own count also has copies sent to a
candidate, and stops when a circuit breaker opens.
"""

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms import periods
from infra.constructs.alarms.make import QUIET, alarm, described, own_metric
from infra.constructs.alarms.page import STOPPED, UNUSUAL
from tidegate.settings.config import PipelineConfig

BAND_PERIOD = Duration.minutes(5)
REQUESTS = "FILL(answered, 0) + FILL(unanswered, 0)"


def traffic_alarms(
    scope: Construct, *, endpoint: str, config: PipelineConfig
) -> tuple[cloudwatch.Alarm, cloudwatch.AnomalyDetectionAlarm]:
    """`traffic-stopped` and `traffic-unusual`."""
    return _stopped(scope, endpoint, config), _unusual(scope, config)


def _stopped(scope: Construct, endpoint: str, config: PipelineConfig) -> cloudwatch.Alarm:
    """No request at all while a model serves.

    Looks of monitoring publish the age of the model that serves, which is taken to serve until the next one:
    without it there is no datapoint, so an account without a model is quiet, and a model that came just now
    has half of the time to be asked.
    """
    minutes = periods.of_stopped_traffic(config)
    period = Duration.minutes(periods.half_of(minutes))
    serving = own_metric("ModelAgeDays", {"Endpoint": endpoint}, "Maximum", period)
    return alarm(
        scope,
        "TrafficStopped",
        config=config,
        what=STOPPED,
        text=f"A model serves, and no prediction was asked for in {minutes} minutes",
        metric=cloudwatch.MathExpression(
            expression=f"IF((FILL(serving, REPEAT) >= 0) && ({REQUESTS} == 0), 1, 0)",
            label="stopped",
            using_metrics={"serving": serving, **_asked(config, period)},
            period=period,
        ),
        datapoints=(periods.HALVES, periods.HALVES),
    )


def _unusual(scope: Construct, config: PipelineConfig) -> cloudwatch.AnomalyDetectionAlarm:
    """Requests outside the band that CloudWatch learned of earlier weeks, for a quarter of an hour."""
    return cloudwatch.AnomalyDetectionAlarm(
        scope,
        "TrafficUnusual",
        alarm_name=f"{config.prefix}-{UNUSUAL}",
        alarm_description=described(UNUSUAL, "More or fewer predictions are asked for than usual", config),
        metric=cloudwatch.MathExpression(
            expression=REQUESTS,
            label="requests",
            using_metrics=_asked(config, BAND_PERIOD),
            period=BAND_PERIOD,
        ),
        std_devs=config.alarms.traffic_band,
        comparison_operator=cloudwatch.ComparisonOperator.LESS_THAN_LOWER_OR_GREATER_THAN_UPPER_THRESHOLD,
        evaluation_periods=3,
        datapoints_to_alarm=3,
        treat_missing_data=QUIET,
    )


def _asked(config: PipelineConfig, period: Duration) -> dict[str, cloudwatch.IMetric]:
    names = {"answered": "Predictions", "unanswered": "FailedPredictions"}
    return {id_: own_metric(name, {"service": config.prefix}, "Sum", period) for id_, name in names.items()}
