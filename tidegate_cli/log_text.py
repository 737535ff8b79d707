"""What one line of a log says to a person: functions, machines and jobs each write in their own form.

Sources: AWS, "Lambda function logs" (START, END, REPORT and the runtime's JSON of an exception); "Using
CloudWatch Logs to log execution history in Step Functions"; CloudWatch's embedded metric format (`_aws`).
"""

import json
import re
from dataclasses import dataclass
from typing import Any

# what Lambda's logger writes beside the message; the source and the time stand before each line already
_BOOKKEEPING = {
    "level",
    "location",
    "message",
    "timestamp",
    "service",
    "cold_start",
    "function_name",
    "function_memory_size",
    "function_arn",
    "function_request_id",
    "correlation_id",
    "xray_trace_id",
    "exception",
    "exception_name",
    "stack_trace",
}
_LAMBDA = re.compile(r"(START|END|REPORT|INIT_START|INIT_REPORT|EXTENSION) ")
_ERRORS = ("ERROR", "CRITICAL")
_ERROR_WORDS = re.compile(r"error|traceback|failed|exception", re.IGNORECASE)


@dataclass(frozen=True)
class Said:
    """A line as a person reads it."""

    text: str
    is_error: bool = False


def read(line: str) -> Said | None:
    """None when the line is bookkeeping: Lambda's own, a metric, or a state that simply went on."""
    data = _object(line)
    if data is None:
        return None if _LAMBDA.match(line) else Said(line, is_error=bool(_ERROR_WORDS.search(line)))
    if "_aws" in data:
        return None
    if "execution_arn" in data:
        return _of_machine(data)
    if "errorMessage" in data:
        return Said(
            f"ERROR {data.get('errorType', '')}: {data['errorMessage']}{_last_frame(data)}", is_error=True
        )
    if "message" in data:
        return _of_function(data)
    return Said(line)


def _object(line: str) -> dict[str, Any] | None:
    try:
        data = json.loads(line)
    except ValueError:
        return None
    return data if isinstance(data, dict) else None


def _of_function(data: dict[str, Any]) -> Said:
    level = str(data.get("level", "INFO"))
    facts = [f"{name}={_short(value)}" for name, value in data.items() if name not in _BOOKKEEPING]
    text = "  ".join([f"{level} {data['message']}", *facts])
    if data.get("exception"):
        text += f"\n{data['exception']}"
    return Said(text, is_error=level in _ERRORS)


def _of_machine(data: dict[str, Any]) -> Said | None:
    kind, details = str(data.get("type", "")), data.get("details") or {}
    run = str(data["execution_arn"]).rpartition(":")[2]
    failed = kind.endswith(("Failed", "TimedOut", "Aborted"))
    if failed:
        reason = ": ".join(str(details[name]) for name in ("error", "cause") if details.get(name))
        return Said(f"ERROR {kind} {reason}".rstrip() + f"  run={run}", is_error=True)
    if kind in ("ExecutionStarted", "ExecutionSucceeded"):
        return Said(f"INFO {kind}  run={run}")
    return None


def _last_frame(data: dict[str, Any]) -> str:
    """Where an exception was raised: the whole trace is in the log, one line of it helps."""
    frames = data.get("stackTrace") or []
    where = str(frames[-1]).strip().splitlines()[0] if frames else ""
    return f"\n  {where}" if where else ""


def _short(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
