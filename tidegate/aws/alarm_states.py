"""Alarms as CloudWatch has them now, and what became of them before."""

from collections.abc import Iterable
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
    cloudwatch: "CloudWatchClient", alarms: Iterable[Alarm], *, since: datetime, until: datetime, most: int
) -> list[AlarmChange]:
    """Changes of state of these alarms, the newest first; AWS keeps them for 30 days.

    One call for each alarm that changed since: without a name the history is that of the whole account.
    """
    found: list[AlarmChange] = []
    for alarm in alarms:
        if alarm.since and datetime.fromisoformat(alarm.since) < since:
            continue
        answer = cloudwatch.describe_alarm_history(
            AlarmName=alarm.name,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            HistoryItemType="StateUpdate",
            StartDate=since,
            EndDate=until,
            ScanBy="TimestampDescending",
            MaxRecords=most,
        )
        found += [
            AlarmChange(
                name=each["AlarmName"], at=_iso(each.get("Timestamp")), summary=each.get("HistorySummary", "")
            )
            for each in answer["AlarmHistoryItems"]
        ]
    return sorted(found, key=lambda change: change.at, reverse=True)[:most]


def _iso(moment: datetime | None) -> str:
    return "" if moment is None else moment.isoformat()
