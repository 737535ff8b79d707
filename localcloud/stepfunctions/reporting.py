"""What an execution tells the rest of the cloud: its history, log lines, status events and metrics.

Formats: https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html, eventbridge-integration.html and
procedure-cw-metrics.html there
"""

import json
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from moto.core.utils import iso_8601_datetime_with_milliseconds
from moto.stepfunctions.parser.api import HistoryEventType
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventHistoryContext, EventManager
from moto.stepfunctions.parser.asl.eval.event.logging import is_logging_enabled_for

from localcloud import cloud, logs

if TYPE_CHECKING:
    from localcloud.stepfunctions.execution import Execution

NAMESPACE = "AWS/States"
ENDINGS = {
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}
DATA_FIELDS = ("input", "inputDetails", "output", "outputDetails")


class Log:
    """The log stream of one execution, by its machine's loggingConfiguration."""

    def __init__(self, execution_arn: str, machine_name: str, configuration: Mapping[str, Any]) -> None:
        self._execution_arn = execution_arn
        self._level = configuration.get("level", "OFF")
        self._with_data = configuration.get("includeExecutionData", False)
        destinations = configuration.get("destinations") or [{}]
        arn = destinations[0].get("cloudWatchLogsLogGroup", {}).get("logGroupArn", "")
        self._group = arn.partition(":log-group:")[2].removesuffix(":*")
        minute = cloud.current().clock.now().strftime("%Y-%m-%d-%H-%M")
        self._stream = f"states/{machine_name}/{minute}/{uuid.uuid4().hex[:8]}"

    def write(self, event: Mapping[str, Any], when: datetime) -> None:
        if not self._group or not is_logging_enabled_for(self._level, event["type"]):
            return
        details = next((value for name, value in event.items() if name.endswith("EventDetails")), {}) or {}
        if not self._with_data:
            details = {name: value for name, value in details.items() if name not in DATA_FIELDS}
        millis = int(when.timestamp() * 1000)
        line = {
            "id": str(event["id"]),
            "type": event["type"],
            "details": details,
            "previous_event_id": str(event["previousEventId"]),
            "event_timestamp": str(millis),
            "execution_arn": self._execution_arn,
            "redrive_count": "0",
        }
        logs.write(self._group, self._stream, [(millis, json.dumps(line, default=str))])


class History(EventManager):
    """The events of one execution, on the cloud's clock; what a straggler adds after the last is dropped."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self._log = log
        self._closed = False

    def add_event(
        self,
        context: EventHistoryContext,
        event_type: HistoryEventType,
        event_details: Mapping[str, Any] | None = None,
        timestamp: datetime | None = None,
        update_source_event_id: bool = True,
    ) -> int:
        when = timestamp or cloud.current().clock.now()
        with self._mutex:
            if self._closed:
                return context.last_published_event_id
            number: int = self._event_id_gen.get()
            event = {
                **(event_details or {}),
                "id": number,
                "previousEventId": context.source_event_id,
                "type": event_type,
                "timestamp": iso_8601_datetime_with_milliseconds(when),
            }
            self._history_event_list.append(event)
            context.last_published_event_id = number
            if update_source_event_id:
                context.source_event_id = number
            self._log.write(event, when)
            return number

    def close(self) -> None:
        with self._mutex:
            self._closed = True


def started(execution: "Execution") -> None:
    _record(execution, "ExecutionsStarted", 1, "Count")
    _emit(execution)


def ended(execution: "Execution") -> None:
    _record(execution, ENDINGS[execution.status], 1, "Count")
    seconds = (execution.stop_date or execution.start_date) - execution.start_date
    _record(execution, "ExecutionTime", seconds.total_seconds() * 1000, "Milliseconds")
    _emit(execution)


def _record(execution: "Execution", name: str, value: float, unit: str) -> None:
    from localcloud import cloudwatch

    dimensions = {"StateMachineArn": execution.state_machine_arn}
    cloudwatch.record(NAMESPACE, name, dimensions, value, unit)


def _emit(execution: "Execution") -> None:
    """Step Functions Execution Status Change; an Express execution sends none."""
    if execution.machine_type == "EXPRESS":
        return
    from localcloud import events

    detail = {
        "executionArn": execution.execution_arn,
        "stateMachineArn": execution.state_machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": int(execution.start_date.timestamp() * 1000),
        "stopDate": int(execution.stop_date.timestamp() * 1000) if execution.stop_date else None,
        "input": execution.execution_input,
        "inputDetails": {"included": True},
        "output": execution.output,
        "outputDetails": None if execution.output is None else {"included": True},
        "error": execution.error,
        "cause": execution.cause,
        "stateMachineVersionArn": None,
        "stateMachineAliasArn": None,
        "redriveCount": 0,
        "redriveDate": None,
    }
    events.emit("aws.states", "Step Functions Execution Status Change", detail, [execution.execution_arn])
