"""Alarms as CloudWatch has them now, and what became of them before."""

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from tidegate.monitoring.page.documents import Alarm, AlarmChange

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient


def states(cloudwatch: "CloudWatchClient", prefix: str) -> list[Alarm]:
    """Metric and composite alarms whose names begin so."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=prefix, AlarmTypes=["MetricAlarm", "CompositeAlarm"]
    )
    return [
        Alarm(
            name=each["AlarmName"],
            state=each["StateValue"],
            since=_iso(each.get("StateUpdatedTimestamp")),
            reason=each.get("StateReason", ""),
            description=each.get("AlarmDescription", ""),
        )
        for page in pages
        for each in (*page.get("MetricAlarms", []), *page.get("CompositeAlarms", []))
    ]


def changes(
    cloudwatch: "CloudWatchClient", prefix: str, *, since: datetime, until: datetime, most: int
) -> list[AlarmChange]:
    """Changes of state, the newest first; AWS keeps them for 30 days."""
    found: list[AlarmChange] = []
    for change in _all_changes(cloudwatch, since, until):
        if change.name.startswith(prefix):
            found.append(change)
            if len(found) == most:
                break
    return found


def _all_changes(cloudwatch: "CloudWatchClient", since: datetime, until: datetime) -> Iterator[AlarmChange]:
    """Of every alarm of the account: DescribeAlarmHistory knows no prefix."""
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        HistoryItemType="StateUpdate", StartDate=since, EndDate=until, ScanBy="TimestampDescending"
    )
    for page in pages:
        for each in page["AlarmHistoryItems"]:
            yield AlarmChange(
                name=each["AlarmName"], at=_iso(each.get("Timestamp")), summary=each.get("HistorySummary", "")
            )


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
