"""What an invocation leaves behind: its lines in CloudWatch Logs and its numbers in AWS/Lambda."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

from localcloud import cloud, logs
from localcloud.lambda_.worker import Invocation, Outcome, Worker

if TYPE_CHECKING:
    from localcloud.lambda_.models import LocalFunction


def ran(function: "LocalFunction", worker: Worker, invocation: Invocation, outcome: Outcome) -> None:
    """Frame the handler's lines by START, END and REPORT as Lambda does, write them, count the call."""
    end_ms = int(cloud.current().clock.time() * 1000)
    start_ms = min([end_ms - int(outcome.seconds * 1000), *(when for when, _ in outcome.lines[:1])])
    request = f"RequestId: {invocation.request_id}"
    outcome.lines = [
        (start_ms, f"START {request} Version: {function.version}\n"),
        *outcome.lines,
        (end_ms, f"END {request}\n"),
        (end_ms, f"REPORT {request}\t{_figures(function, worker, outcome)}\n"),
    ]
    logs.write(
        function.log_group,
        worker.log_stream,
        [(when, text.rstrip("\n")) for when, text in outcome.lines],
    )
    _record(function, "Invocations", 1)
    _record(function, "Errors", int(outcome.failed))
    _record(function, "Duration", outcome.seconds * 1000, "Milliseconds")
    _record(function, "ConcurrentExecutions", function.gate.running)


def throttled(function: "LocalFunction") -> None:
    _record(function, "Throttles", 1)


def _figures(function: "LocalFunction", worker: Worker, outcome: Outcome) -> str:
    duration_ms = outcome.seconds * 1000
    figures = [
        f"Duration: {duration_ms:.2f} ms",
        f"Billed Duration: {math.ceil(duration_ms)} ms",
        f"Memory Size: {function.memory_size} MB",
    ]
    if (peak_mb := _peak_memory_mb(worker.process.pid)) is not None:
        figures.append(f"Max Memory Used: {peak_mb} MB")
    if outcome.init_seconds is not None:
        figures.append(f"Init Duration: {outcome.init_seconds * 1000:.2f} ms")
    return "\t".join(figures) + "\t"


def _peak_memory_mb(pid: int) -> int | None:
    """The worker's high-water mark, where the system tells it (Linux) and while the worker lives."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    kilobytes = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return math.ceil(int(kilobytes[0]) / 1024) if kilobytes else None


def _record(function: "LocalFunction", name: str, value: float, unit: str = "Count") -> None:
    from localcloud import cloudwatch  # it writes logs and emits events, and so imports rooms that import us

    cloudwatch.record("AWS/Lambda", name, {"FunctionName": function.function_name}, value, unit)
