"""What an alarm tells: the SNS message, the Lambda event and the detail of the EventBridge event.

Sources: the SNS message as recorded on AWS; the CloudWatch User Guide, "Alarm events and EventBridge" and
"Invoke a Lambda function from an alarm".
"""

import functools
import uuid
from typing import Any

import botocore.session

from localcloud.cloudwatch.alarm import SUPPRESSOR_KEYS, MetricAlarm, State, Transition
from localcloud.cloudwatch.reasons import timestamp

_SNS_STATISTIC = {
    "Average": "AVERAGE",
    "Sum": "SUM",
    "Minimum": "MINIMUM",
    "Maximum": "MAXIMUM",
    "SampleCount": "SAMPLE_COUNT",
}


def sns_subject(change: Transition, region: str) -> str:
    return f'{change.after.value}: "{change.alarm.name}" in {_region_name(region)}'[:100]  # SNS's limit


def sns_message(change: Transition, account: str, region: str) -> dict[str, Any]:
    """The JSON that subscribers of the alarm's topic get."""
    alarm = change.alarm
    message = {
        "AlarmName": alarm.name,
        "AlarmDescription": alarm.settings.get("AlarmDescription"),
        "AWSAccountId": account,
        "AlarmConfigurationUpdatedTimestamp": timestamp(alarm.configured),
        "NewStateValue": change.after.value,
        "NewStateReason": change.after.reason,
        "StateChangeTime": timestamp(change.after.since),
        "Region": _region_name(region),
        "AlarmArn": alarm.alarm_arn,
        "OldStateValue": change.before.value,
        "OKActions": alarm.settings["OKActions"],
        "AlarmActions": alarm.settings["AlarmActions"],
        "InsufficientDataActions": alarm.settings["InsufficientDataActions"],
    }
    if isinstance(alarm, MetricAlarm):
        return message | {"Trigger": _trigger(alarm)}
    triggering = (change.after.data or {}).get("triggeringAlarms", [])
    children = [
        {"Arn": child["arn"], "State": {key.capitalize(): value for key, value in child["state"].items()}}
        for child in triggering
    ]
    return message | {"AlarmRule": alarm.settings["AlarmRule"], "TriggeringChildren": children}


def event_detail(change: Transition) -> dict[str, Any]:
    """The detail of "CloudWatch Alarm State Change", which is also `alarmData` of a Lambda action."""
    after = _state(change.after)
    if change.suppressed_by:
        after["actionsSuppressedBy"] = change.suppressed_by
        after["actionsSuppressedReason"] = f"Actions suppressed by {change.suppressed_by}"
    return {
        "alarmName": change.alarm.name,
        "state": after,
        "previousState": _state(change.before),
        "configuration": _configuration(change),
    }


def lambda_event(change: Transition, account: str, region: str) -> dict[str, Any]:
    """What a function named in the alarm's actions is invoked with."""
    return {
        "source": "aws.cloudwatch",
        "alarmArn": change.alarm.alarm_arn,
        "accountId": account,
        "time": timestamp(change.after.since),
        "region": region,
        "alarmData": event_detail(change),
    }


def _trigger(alarm: MetricAlarm) -> dict[str, Any]:
    settings = alarm.settings
    trigger: dict[str, Any] = {"EvaluationPeriods": settings["EvaluationPeriods"]}
    if "DatapointsToAlarm" in settings:
        trigger["DatapointsToAlarm"] = settings["DatapointsToAlarm"]
    trigger |= {
        "ComparisonOperator": settings["ComparisonOperator"],
        **_threshold(settings),
        "TreatMissingData": alarm.rule.missing,
        "EvaluateLowSampleCountPercentile": settings.get("EvaluateLowSampleCountPercentile", ""),
    }
    if "Metrics" in settings:
        return trigger | {"Period": alarm.period, "Metrics": [_sns_query(q) for q in settings["Metrics"]]}
    trigger |= {
        "MetricName": settings["MetricName"],
        "Namespace": settings["Namespace"],
        "Unit": settings.get("Unit"),
        "Dimensions": _sns_dimensions(settings["Dimensions"]),
        "Period": settings["Period"],
    }
    if extended := settings.get("ExtendedStatistic"):
        return trigger | {"StatisticType": "ExtendedStatistic", "ExtendedStatistic": extended}
    return trigger | {"StatisticType": "Statistic", "Statistic": _SNS_STATISTIC[settings["Statistic"]]}


def _threshold(settings: dict[str, Any]) -> dict[str, Any]:
    key = "ThresholdMetricId" if "ThresholdMetricId" in settings else "Threshold"
    return {key: settings[key]}


def _sns_query(query: dict[str, Any]) -> dict[str, Any]:
    shown = dict(query) | {"ReturnData": query.get("ReturnData", True)}
    if stat := query.get("MetricStat"):
        metric = dict(stat["Metric"])
        metric["Dimensions"] = _sns_dimensions(metric.get("Dimensions") or [])
        shown["MetricStat"] = dict(stat) | {"Metric": metric}
    return shown


def _sns_dimensions(dimensions: list[dict[str, str]]) -> list[dict[str, str]]:
    return [{"value": dimension["Value"], "name": dimension["Name"]} for dimension in dimensions]


def _state(state: State) -> dict[str, Any]:
    shown = {"value": state.value, "reason": state.reason, "timestamp": timestamp(state.since)}
    data = state.data_text()
    return shown if data is None else shown | {"reasonData": data}


def _configuration(change: Transition) -> dict[str, Any]:
    settings = change.alarm.settings
    shown: dict[str, Any] = {}
    if "AlarmDescription" in settings:
        shown["description"] = settings["AlarmDescription"]
    if isinstance(change.alarm, MetricAlarm):
        return shown | {"metrics": [_event_query(query, change.alarm) for query in change.alarm.queries]}
    shown["alarmRule"] = settings["AlarmRule"]
    return shown | {key[0].lower() + key[1:]: settings[key] for key in SUPPRESSOR_KEYS if key in settings}


def _event_query(query: dict[str, Any], alarm: MetricAlarm) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": query["Id"], "returnData": query.get("ReturnData", True)}
    if "Metrics" not in alarm.settings:
        # AWS makes up a uuid for the one query of a plain alarm; made of the ARN, it is the same each time
        shown["id"] = str(uuid.uuid5(uuid.NAMESPACE_URL, alarm.alarm_arn))
    if label := query.get("Label"):
        shown["label"] = label
    if expression := query.get("Expression"):
        return shown | {"expression": expression}
    stat = query["MetricStat"]
    metric = {
        "namespace": stat["Metric"]["Namespace"],
        "name": stat["Metric"]["MetricName"],
        "dimensions": {d["Name"]: d["Value"] for d in stat["Metric"].get("Dimensions") or []},
    }
    shown["metricStat"] = {"metric": metric, "period": stat["Period"], "stat": stat["Stat"]}
    if unit := stat.get("Unit"):
        shown["metricStat"]["unit"] = unit
    return shown


@functools.cache
def _region_name(region: str) -> str:
    """us-east-1 is "US East (N. Virginia)" in a message to a person."""
    for partition in botocore.session.get_session().get_data("endpoints")["partitions"]:
        if region in partition["regions"]:
            return str(partition["regions"][region]["description"])
    return region
