"""What wakes a person, or rolls a candidate back: alarms by name, each on few metrics.

Missing data never raises an alarm: before the first model there is no endpoint.
"""

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.constructs.function import METRICS_NAMESPACE
from tidegate import feature_tally
from tidegate.config import PipelineConfig

MINUTE = Duration.minutes(1)
MICROSECONDS_PER_MS = 1000
ENOUGH_VALUES = 50  # in a minute
ABOVE = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
QUIET = cloudwatch.TreatMissingData.NOT_BREACHING


def monitor_prefix(prefix: str) -> str:
    """Alarms whose names begin so are about what the monitoring measures; they start nothing."""
    return f"{prefix}-model-monitor-"


def drift_alarm(scope: Construct, *, endpoint: str, config: PipelineConfig) -> cloudwatch.Alarm:
    """Columns of the captured requests whose drift is both large and significant, one or more."""
    metric = cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name="DriftedFeatureCount",
        dimensions_map={"Endpoint": endpoint},
        statistic="Maximum",
        period=Duration.seconds(config.monitoring.alarm_period_seconds),
    )
    return cloudwatch.Alarm(
        scope,
        "Drift",
        alarm_name=f"{monitor_prefix(config.prefix)}drift",
        alarm_description="Requests differ from the champion's training data: see monitoring/ in the lake",
        metric=metric,
        threshold=0,
        comparison_operator=ABOVE,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        treat_missing_data=QUIET,
    )


def skew_alarm(scope: Construct, *, endpoint: str, config: PipelineConfig) -> cloudwatch.Alarm:
    """Vectors the champion saw that training would not have seen so, of the worst feature."""
    share = config.alarms.feature_skew
    metric = cloudwatch.Metric(
        namespace=METRICS_NAMESPACE,
        metric_name="FeatureSkewMax",
        dimensions_map={"Endpoint": endpoint},
        statistic="Maximum",
        period=Duration.seconds(config.monitoring.alarm_period_seconds),
    )
    return cloudwatch.Alarm(
        scope,
        "Skew",
        alarm_name=f"{config.prefix}-features-skew",
        alarm_description=f"A feature is not what training would have seen in over {share:.1%} of vectors",
        metric=metric,
        threshold=share,
        comparison_operator=ABOVE,
        evaluation_periods=1,
        datapoints_to_alarm=1,
        treat_missing_data=QUIET,
    )


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
        cloudwatch.Alarm(
            scope,
            f"{variant}-{what}",
            alarm_name=f"{config.prefix}-{variant}-{what}",
            alarm_description=f"{text} in {variant} of {endpoint}",
            metric=metric,
            threshold=threshold,
            comparison_operator=ABOVE,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data=QUIET,
        )
        for what, metric, threshold, text in watched
    ]


def feature_alarms(scope: Construct, config: PipelineConfig) -> list[cloudwatch.Alarm]:
    """Shares of what Predict looked up, minutes with few values left out: one new entity is no outage."""
    alarms = config.alarms
    below = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
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
            below,
            coverage,
            f"Less than {coverage:.1%} of entities are in the online store",
        ),
    )
    return [
        cloudwatch.Alarm(
            scope,
            f"features-{what}",
            alarm_name=f"{config.prefix}-features-{what}",
            alarm_description=f"{text}: defaults stand in for them",
            metric=share_of_features(config.prefix, part, whole),
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data=QUIET,
        )
        for what, part, whole, comparison, threshold, text in watched
    ]


def share_of_features(prefix: str, part: str, whole: str) -> cloudwatch.MathExpression:
    """One count of Predict in another, in minutes with enough of the latter."""
    # ids of metrics are told apart in a whole graph
    ids = {metric: f"{metric[0].lower()}{metric[1:]}" for metric in (part, whole)}
    counts = {
        id_: cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=metric,
            dimensions_map={"service": prefix},
            statistic="Sum",
            period=MINUTE,
        )
        for metric, id_ in ids.items()
    }
    return cloudwatch.MathExpression(
        expression=f"IF({ids[whole]} >= {ENOUGH_VALUES}, {ids[part]} / {ids[whole]})",
        label=part,
        using_metrics=counts,
        period=MINUTE,
    )


def prediction_alarms(scope: Construct, config: PipelineConfig) -> list[cloudwatch.Alarm]:
    """Answers that are not the endpoint's own, as a share of all; and requests that nobody answered."""
    share, names = config.alarms.degraded_share, ("DegradedPredictions", "Predictions", "FailedPredictions")
    degraded, answered, failed = (
        cloudwatch.Metric(
            namespace=METRICS_NAMESPACE,
            metric_name=name,
            dimensions_map={"service": config.prefix},
            statistic="Sum",
            period=MINUTE,
        )
        for name in names
    )
    return [
        cloudwatch.Alarm(
            scope,
            "PredictionsDegraded",
            alarm_name=f"{config.prefix}-predictions-degraded",
            alarm_description=f"More than {share:.1%} of answers are not the endpoint's own",
            metric=cloudwatch.MathExpression(
                expression="IF(answered > 0, FILL(degraded, 0) / answered)",
                using_metrics={"degraded": degraded, "answered": answered},
                period=MINUTE,
            ),
            threshold=share,
            comparison_operator=ABOVE,
            evaluation_periods=3,
            datapoints_to_alarm=2,
            treat_missing_data=QUIET,
        ),
        _sum_alarm(
            scope,
            "PredictionsFailed",
            [failed],
            name=f"{config.prefix}-predictions-failed",
            description="Requests were answered with 503: neither the endpoint nor a fallback had an answer",
        ),
    ]


def dead_letter_alarm(
    scope: Construct, queues: Sequence[sqs.Queue], config: PipelineConfig
) -> cloudwatch.Alarm:
    """Something was not delivered and waits for a person."""
    return _sum_alarm(
        scope,
        "DeadLetters",
        [
            queue.metric_approximate_number_of_messages_visible(statistic="Maximum", period=MINUTE)
            for queue in queues
        ],
        name=f"{config.prefix}-dead-letters",
        description="Drops or events that could not be delivered wait in a dead letter queue",
    )


def function_error_alarm(
    scope: Construct, functions: Sequence[lambda_.Function], config: PipelineConfig, *, name: str
) -> cloudwatch.Alarm:
    """For functions whose errors fail no machine: others' foreseen errors are results of their machine."""
    return _sum_alarm(
        scope,
        "".join(word.capitalize() for word in name.split("-")),
        [function.metric_errors(statistic="Sum", period=MINUTE) for function in functions],
        name=f"{config.prefix}-{name}",
        description="A function raised what it does not foresee: see its log",
    )


def machine_failure_alarm(
    scope: Construct, machines: Sequence[sfn.StateMachine], config: PipelineConfig
) -> cloudwatch.Alarm:
    """For the dashboard and its history; the message to a person comes with each failed execution."""
    return _sum_alarm(
        scope,
        "MachineFailures",
        [machine.metric_failed(statistic="Sum", period=MINUTE) for machine in machines],
        name=f"{config.prefix}-machine-failures",
        description="An execution of a state machine failed",
    )


def _variant_metric(endpoint: str, variant: str, name: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/SageMaker",
        metric_name=name,
        dimensions_map={"EndpointName": endpoint, "VariantName": variant},
        statistic=statistic,
        period=MINUTE,
    )


def _sum_alarm(
    scope: Construct, id_: str, metrics: Sequence[cloudwatch.Metric], *, name: str, description: str
) -> cloudwatch.Alarm:
    """ALARM when the sum of the metrics is above 0 in a minute; an alarm takes at most ten metrics."""
    total = cloudwatch.MathExpression(
        expression=" + ".join(f"FILL(m{i}, 0)" for i in range(len(metrics))),
        using_metrics={f"m{i}": metric for i, metric in enumerate(metrics)},
        period=MINUTE,
    )
    return cloudwatch.Alarm(
        scope,
        id_,
        alarm_name=name,
        alarm_description=description,
        metric=total if len(metrics) > 1 else metrics[0],
        threshold=0,
        comparison_operator=ABOVE,
        evaluation_periods=1,
        treat_missing_data=QUIET,
    )
