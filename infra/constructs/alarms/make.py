"""The one way an alarm is made: a name below the pipeline's prefix, a sentence, a link to its runbook."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.alarms import runbooks
from infra.constructs.function import METRICS_NAMESPACE
from tidegate.settings.config import PipelineConfig

MINUTE = Duration.minutes(1)
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
QUIET = cloudwatch.TreatMissingData.NOT_BREACHING


def alarm(
    scope: Construct,
    id_: str,
    *,
    config: PipelineConfig,
    what: str,
    text: str,
    metric: cloudwatch.IMetric,
    threshold: float = 0,
    comparison: cloudwatch.ComparisonOperator = ABOVE,
    datapoints: tuple[int, int] = (1, 1),
    missing: cloudwatch.TreatMissingData = QUIET,
) -> cloudwatch.Alarm:
    """An alarm `<prefix>-<what>`.

    Args:
        datapoints: M of N that must be beyond the threshold.

    Raises:
        ConfigError: it has no runbook.
    """
    needed, looked_at = datapoints
    return cloudwatch.Alarm(
        scope,
        id_,
        alarm_name=f"{config.prefix}-{what}",
        alarm_description=described(what, text, config),
        metric=metric,
        threshold=threshold,
        comparison_operator=comparison,
        evaluation_periods=looked_at,
        datapoints_to_alarm=needed,
        treat_missing_data=missing,
    )


def sum_alarm(
    scope: Construct,
    id_: str,
    metrics: Sequence[cloudwatch.Metric],
    *,
    config: PipelineConfig,
    what: str,
    text: str,
) -> cloudwatch.Alarm:
    """ALARM when the sum of the metrics is above 0 in a minute; an alarm takes at most ten metrics."""
    total = cloudwatch.MathExpression(
        expression=" + ".join(f"FILL(m{i}, 0)" for i in range(len(metrics))),
        using_metrics={f"m{i}": metric for i, metric in enumerate(metrics)},
        period=MINUTE,
    )
    watched = total if len(metrics) > 1 else metrics[0]
    return alarm(scope, id_, config=config, what=what, text=text, metric=watched)


def described(what: str, text: str, config: PipelineConfig) -> str:
    """The sentence a person reads, and where it goes on.

    Raises:
        ConfigError: the alarm has no runbook.
    """
    return f"{text}. {runbooks.LINK}{runbooks.link(what, config)}"


def own_metric(
    name: str, dimensions: Mapping[str, str], statistic: str, period: Duration = MINUTE
) -> cloudwatch.Metric:
    """A metric that functions and jobs of the pipeline publish."""
    return cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name=name,
        dimensions_map=dict(dimensions),
        statistic=statistic,
        period=period,
    )
