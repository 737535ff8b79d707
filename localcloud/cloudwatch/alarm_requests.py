"""PutMetricAlarm and PutCompositeAlarm, checked: what AWS refuses, and what this cloud cannot evaluate."""

from collections.abc import Mapping
from typing import Any

from moto.cloudwatch.exceptions import InvalidParameterCombination, ValidationError

from localcloud.cloudwatch import alarm_rule, queries
from localcloud.cloudwatch.alarm import ACTION_KEYS
from localcloud.cloudwatch.metric_math import Node
from localcloud.cloudwatch.reasons import OF_BANDS
from localcloud.cloudwatch.store import MINUTE
from localcloud.cloudwatch.time_series import TimeSeries

OPERATORS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanThreshold",
    "LessThanOrEqualToThreshold",
)
TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
ONE_METRIC = ("MetricName", "Namespace", "Dimensions", "Period", "Unit", "Statistic", "ExtendedStatistic")
NOT_EVALUATED = ("EvaluationCriteria", "EvaluationInterval", "WarmUpConfiguration")
ALARM_PERIODS = (10, 20, 30)
LONGEST_SECONDS = 7 * 24 * 3600  # EvaluationPeriods * Period; one day where a period is under an hour
_DAY, _HOUR = 24 * 3600, 3600


def metric_alarm(request: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a metric alarm.

    Raises:
        ValidationError, InvalidParameterCombination: it is not one, or it is beyond this cloud.
    """
    _refuse_beyond_us(request)
    if bool(request.get("Metrics")) == bool(request.get("MetricName")):
        raise ValidationError("Exactly one of the parameters MetricName and Metrics must be specified.")
    if request.get("Metrics"):
        _check_metrics(request)
    else:
        _check_one_metric(request)
    if request.get("Threshold") is None and request.get("ThresholdMetricId") is None:
        raise ValidationError("The parameter Threshold is required.")
    missing = request.get("TreatMissingData") or "missing"
    if missing not in TREATMENTS:
        raise ValidationError(
            f"Option {missing} is not supported. Supported options for parameter TreatMissingData are "
            "breaching, notBreaching, missing and ignore."
        )
    low_samples = request.get("EvaluateLowSampleCountPercentile") or "evaluate"
    if low_samples not in ("evaluate", "ignore"):
        raise ValidationError(
            f"Option {low_samples} is not supported. Supported options for parameter "
            "EvaluateLowSampleCountPercentile are evaluate and ignore."
        )
    if (request.get("DatapointsToAlarm") or 1) > request["EvaluationPeriods"]:
        raise ValidationError("DatapointsToAlarm must not be greater than EvaluationPeriods.")
    settings = _common(request)
    if not request.get("Metrics"):
        settings.setdefault("Dimensions", [])
    if request.get("Threshold") is not None:
        settings["Threshold"] = float(request["Threshold"])
    return settings


def composite_alarm(request: Mapping[str, Any]) -> tuple[dict[str, Any], alarm_rule.Node]:
    """The settings of a composite alarm and its rule.

    Raises:
        ValidationError: the rule is not one, or a suppressor lacks its periods.
    """
    try:
        rule = alarm_rule.parse(request["AlarmRule"])
    except alarm_rule.RuleError as cause:
        raise ValidationError(f"AlarmRule is not valid: {cause}") from cause
    periods = ("ActionsSuppressorWaitPeriod", "ActionsSuppressorExtensionPeriod")
    if request.get("ActionsSuppressor") and any(request.get(key) is None for key in periods):
        raise ValidationError(f"ActionsSuppressor requires {' and '.join(periods)}.")
    return _common(request), rule


def _common(request: Mapping[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in request.items() if key != "Tags" and value is not None}
    settings.setdefault("ActionsEnabled", True)
    for key in ACTION_KEYS.values():
        settings.setdefault(key, [])
    return settings


def _refuse_beyond_us(request: Mapping[str, Any]) -> None:
    given = [key for key in NOT_EVALUATED if request.get(key)]
    if "WallClockWindow" in (request.get("EvaluationWindow") or {}):
        given.append("EvaluationWindow.WallClockWindow")
    if given:
        raise ValidationError(
            f"the local cloud does not evaluate {', '.join(given)}: it would be an alarm that never sounds "
            "(no PromQL, warm-up periods or wall clock windows)"
        )
    banded = request.get("ThresholdMetricId") is not None
    operators = tuple(OF_BANDS) if banded else OPERATORS
    if request.get("ComparisonOperator") not in operators:
        kind = "an alarm with" if banded else "an alarm without"
        raise ValidationError(
            f"ComparisonOperator {request.get('ComparisonOperator')} is not one of {kind} ThresholdMetricId: "
            f"{', '.join(operators)}"
        )
    if banded and request.get("Threshold") is not None:
        raise InvalidParameterCombination("Threshold cannot be combined with ThresholdMetricId.")


def _check_one_metric(request: Mapping[str, Any]) -> None:
    for key in ("Namespace", "Period"):
        if not request.get(key):
            raise ValidationError(f"The parameter {key} is required.")
    if bool(request.get("Statistic")) == bool(request.get("ExtendedStatistic")):
        raise ValidationError("Exactly one of Statistic and ExtendedStatistic must be specified.")
    queries.check_statistic(request.get("Statistic") or request["ExtendedStatistic"])
    _check_period(request["Period"], request["EvaluationPeriods"])


def _check_period(period: int, evaluation_periods: int) -> None:
    if period not in ALARM_PERIODS and (period < MINUTE or period % MINUTE):
        raise ValidationError("Metric period must be 10, 20, 30 or a multiple of 60 seconds")
    longest = LONGEST_SECONDS if period >= _HOUR else _DAY
    if period * evaluation_periods > longest:
        raise ValidationError(
            f"Metrics cannot be checked across more than {longest // _DAY} day(s) "
            "(EvaluationPeriods * Period)."
        )


def _check_metrics(request: Mapping[str, Any]) -> None:
    given = [key for key in ONE_METRIC if request.get(key)]
    if given:
        raise InvalidParameterCombination(f"Metrics cannot be combined with {', '.join(given)}.")
    metrics = request["Metrics"]
    queries.check(metrics)
    periods = [query["MetricStat"]["Period"] for query in metrics if "MetricStat" in query]
    band = request.get("ThresholdMetricId")
    watched = [query["Id"] for query in metrics if query.get("ReturnData", True) and query["Id"] != band]
    if len(watched) != 1:
        raise ValidationError("Exactly one of the Metrics must have ReturnData true, beside the band.")
    if band is not None and not any(q["Id"] == band and queries.is_band(q) for q in metrics):
        raise ValidationError(f"ThresholdMetricId {band} is not the id of an ANOMALY_DETECTION_BAND.")
    if not periods:
        raise ValidationError("An alarm needs at least one MetricStat.")
    for period in periods:
        _check_period(period, request["EvaluationPeriods"])

    def nothing(query: queries.Query) -> TimeSeries:
        return TimeSeries({}, 0, 0, query["MetricStat"]["Period"])

    def no_band(target: Node, series: TimeSeries, deviations: float) -> list[TimeSeries]:
        del target, deviations
        return [series, series]

    if not isinstance(queries.resolve(metrics, nothing, no_band)[watched[0]], TimeSeries):
        raise ValidationError(f"The expression {watched[0]} must return a single time series.")
