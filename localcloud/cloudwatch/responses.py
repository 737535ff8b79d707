"""CloudWatch's API: what moto answers for dashboards and insight rules, and our answers for the rest."""

import json
import math
import operator
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from moto.cloudwatch.exceptions import InvalidFormat, InvalidParameterValue, ValidationError
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult, EmptyResult

from localcloud import cloud
from localcloud.cloudwatch import alarm_rule, metric_data
from localcloud.cloudwatch.alarm import Alarm, CompositeAlarm, MetricAlarm
from localcloud.cloudwatch.intake import epoch
from localcloud.cloudwatch.judgement import ALARM, INSUFFICIENT_DATA, OK
from localcloud.cloudwatch.models import LocalCloudWatch, backend

PAGE = {"alarms": 50, "history": 100, "metrics": 500}
ACTIVE = timedelta(hours=3)  # RecentlyActive=PT3H, the only value there is


class LocalCloudWatchResponse(CloudWatchResponse):
    """One method for each action; `self.params` is the request as botocore's model types it."""

    @property
    def cloudwatch_backend(self) -> LocalCloudWatch:
        return backend(self.current_account, self.region)

    def get_metric_data(self) -> ActionResult:
        request, here = self._request(), self.cloudwatch_backend
        return ActionResult(
            metric_data.get_metric_data(here.store, request, account=self.current_account, region=self.region)
        )

    def get_metric_statistics(self) -> ActionResult:
        return ActionResult(metric_data.get_metric_statistics(self.cloudwatch_backend.store, self._request()))

    def list_metrics(self) -> ActionResult:
        request = self._request()
        since = 0.0
        if request.get("RecentlyActive"):
            since = cloud.current().clock.time() - ACTIVE.total_seconds()
        wanted = request.get("Dimensions") or []
        found = [
            {"Namespace": m.namespace, "MetricName": m.name, "Dimensions": m.dimension_list()}
            for m, newest in self.cloudwatch_backend.store.metrics().items()
            if newest >= since
            and request.get("Namespace") in (None, m.namespace)
            and request.get("MetricName") in (None, m.name)
            and all(_has(dict(m.dimensions), d["Name"], d.get("Value")) for d in wanted)
        ]
        found.sort(key=lambda m: (m["Namespace"], m["MetricName"], str(m["Dimensions"])))
        shown, token = _page(found, request, PAGE["metrics"])
        return ActionResult({"Metrics": shown, **token})

    def put_metric_alarm(self) -> ActionResult:
        return self._put_alarm(self.cloudwatch_backend.local_alarms.put_metric_alarm)

    def put_composite_alarm(self) -> ActionResult:
        return self._put_alarm(self.cloudwatch_backend.local_alarms.put_composite_alarm)

    def describe_alarms(self) -> ActionResult:
        request = self._request()
        kinds = request.get("AlarmTypes") or ["MetricAlarm"]  # composites only on demand, as in AWS
        found = [alarm for alarm in self._alarms() if _kind(alarm) in kinds and self._wanted(alarm, request)]
        shown, token = _page(found, request, request.get("MaxRecords") or PAGE["alarms"])
        return ActionResult(
            {
                "MetricAlarms": [alarm.describe() for alarm in shown if not alarm.composite],
                "CompositeAlarms": [alarm.describe() for alarm in shown if alarm.composite],
                **token,
            }
        )

    def describe_alarms_for_metric(self) -> ActionResult:
        request = self._request()
        keys = ("MetricName", "Namespace", "Statistic", "ExtendedStatistic", "Period", "Unit")
        dimensions = _as_dict(request.get("Dimensions"))
        found = [
            alarm.describe()
            for alarm in self._alarms()
            if isinstance(alarm, MetricAlarm)
            and all(alarm.settings.get(key) == request[key] for key in keys if key in request)
            and _as_dict(alarm.settings.get("Dimensions")) == dimensions
        ]
        return ActionResult({"MetricAlarms": found})

    def describe_alarm_history(self) -> ActionResult:
        request = self._request()
        kinds = request.get("AlarmTypes") or ["MetricAlarm", "CompositeAlarm"]
        start = epoch(request["StartDate"]) if request.get("StartDate") else -math.inf
        end = epoch(request["EndDate"]) if request.get("EndDate") else math.inf
        items: list[dict[str, Any]] = [
            {
                "AlarmName": alarm.name,
                "AlarmType": _kind(alarm),
                "Timestamp": item.when,
                "HistoryItemType": item.type,
                "HistorySummary": item.summary,
                "HistoryData": json.dumps(item.data),
            }
            for alarm in self._alarms()
            for item in list(alarm.history)
            if _kind(alarm) in kinds
            and request.get("AlarmName") in (None, alarm.name)
            and request.get("HistoryItemType") in (None, item.type)
            and start <= item.when.timestamp() <= end
        ]
        newest_first = request.get("ScanBy") != "TimestampAscending"
        items.sort(key=operator.itemgetter("Timestamp"), reverse=newest_first)
        shown, token = _page(items, request, request.get("MaxRecords") or PAGE["history"])
        return ActionResult({"AlarmHistoryItems": shown, **token})

    def set_alarm_state(self) -> ActionResult:
        request = self._request()
        try:
            data = json.loads(request["StateReasonData"]) if request.get("StateReasonData") else None
        except ValueError as cause:
            raise InvalidFormat("StateReasonData is not JSON") from cause
        value = request["StateValue"]
        if value not in (OK, ALARM, INSUFFICIENT_DATA):
            raise ValidationError(
                f"1 validation error detected: Value '{value}' at 'stateValue' failed to satisfy constraint: "
                "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]"
            )
        alarms = self.cloudwatch_backend.local_alarms
        alarms.set_state(request["AlarmName"], value, request["StateReason"], data)
        return EmptyResult()

    def enable_alarm_actions(self) -> ActionResult:
        self.cloudwatch_backend.local_alarms.enable_actions(self._request()["AlarmNames"], enabled=True)
        return EmptyResult()

    def disable_alarm_actions(self) -> ActionResult:
        self.cloudwatch_backend.local_alarms.enable_actions(self._request()["AlarmNames"], enabled=False)
        return EmptyResult()

    def _put_alarm(self, put: Callable[[dict[str, Any]], bool]) -> ActionResult:
        request = self._request()
        here = self.cloudwatch_backend
        if put(request) and request.get("Tags"):  # of an existing alarm, tags are left as they are
            alarm = here.local_alarms.by_name[request["AlarmName"]]
            here.tagger.tag_resource(alarm.alarm_arn, request["Tags"])
        return EmptyResult()

    def _wanted(self, alarm: Alarm, request: dict[str, Any]) -> bool:
        names, prefix = request.get("AlarmNames"), request.get("ActionPrefix")
        acting = [action for state in (OK, ALARM, INSUFFICIENT_DATA) for action in alarm.actions(state)]
        return (
            (not names or alarm.name in names)
            and alarm.name.startswith(request.get("AlarmNamePrefix") or "")
            and request.get("StateValue") in (None, alarm.state.value)
            and (prefix is None or any(action.startswith(prefix) for action in acting))
            and self._related(alarm, request)
        )

    def _related(self, alarm: Alarm, request: dict[str, Any]) -> bool:
        """ParentsOfAlarmName: composites whose rule names it; ChildrenOfAlarmName: what its rule names."""
        child, parent = request.get("ParentsOfAlarmName"), request.get("ChildrenOfAlarmName")
        if child is not None and child not in _children(alarm):
            return False
        if parent is None:
            return True
        return alarm.name in _children(self.cloudwatch_backend.local_alarms.by_name.get(parent))

    def _alarms(self) -> list[Alarm]:
        return sorted(self.cloudwatch_backend.describe_alarms(), key=lambda alarm: alarm.name)

    def _request(self) -> dict[str, Any]:
        request = self.params
        return request.original_dict() if hasattr(request, "original_dict") else dict(request)


def _kind(alarm: Alarm) -> str:
    return "CompositeAlarm" if alarm.composite else "MetricAlarm"


def _children(alarm: Alarm | None) -> set[str]:
    if not isinstance(alarm, CompositeAlarm):
        return set()
    return {name.rpartition(":alarm:")[2] for name in alarm_rule.children(alarm.rule)}


def _has(dimensions: dict[str, str], name: str, value: str | None) -> bool:
    return name in dimensions and value in (None, dimensions[name])


def _as_dict(dimensions: list[dict[str, str]] | None) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in dimensions or []}


def _page(items: list[Any], request: dict[str, Any], size: int) -> tuple[list[Any], dict[str, str]]:
    """A page and the token of the next: the position where it starts."""
    token = request.get("NextToken") or "0"
    if not token.isdigit():
        raise InvalidParameterValue("Request parameter NextToken is invalid")
    end = int(token) + size
    return items[int(token) : end], {"NextToken": str(end)} if end < len(items) else {}
