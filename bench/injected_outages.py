"""Trouble of the endpoint and its callers, put into the metrics that watch them, and the deployed alarms.

The templates are deployed in a local cloud of this process; what SageMaker, `predict` and the looks of
monitoring would publish is recorded minute by minute on a clock that is moved: a quiet stretch, slow answers,
then no requests at all.
"""

from datetime import timedelta
from pathlib import Path

from bench.report import Figure
from localcloud import cloudwatch, server, timers
from tidegate_cli.assembly import synthesize

QUIET_MINUTES, SLOW_MINUTES, SILENT_MINUTES = 120, 10, 95
REQUESTS = 30  # a minute
QUIET_MICROSECONDS, SLOW_MICROSECONDS = 20_000.0, 900_000.0
LATENCY_WITHIN, STOP_WITHIN = 5, 90  # minutes; alarms.traffic_stop_minutes is 60, in halves on a grid of 30
PATIENCE_SECONDS = 600


def figures(pipeline: Path, environment: str) -> list[Figure]:
    """Minutes until slow answers and missing requests ring, and the alarms that a quiet stretch rings."""
    with server.start(assembly=synthesize(pipeline, environment).folder) as running:
        told = _Told(running, f"{pipeline.name}-{environment}")
        told.minutes(QUIET_MINUTES, QUIET_MICROSECONDS)
        quiet = sorted(told.ringing())
        slow = told.until("variant-a-latency", SLOW_MINUTES, SLOW_MICROSECONDS)
        stopped = told.until("traffic-stopped", SILENT_MINUTES, None)
    print(f"quiet hours  {len(quiet)} alarms ring{': ' if quiet else ''}{', '.join(quiet)}")
    return [
        Figure("quiet hours: alarms that ring", len(quiet), "", 0),
        _detected("latency", slow, LATENCY_WITHIN),
        _detected("traffic stop", stopped, STOP_WITHIN),
    ]


class _Told:
    """One deployed pipeline, and what it is told of its traffic."""

    def __init__(self, running: server.Running, prefix: str) -> None:
        self._running = running
        self._prefix = prefix
        self._endpoint = f"{prefix}-endpoint"

    def minutes(self, count: int, microseconds: float | None) -> None:
        """So many minutes with answers of that latency, spread a little, or with none."""
        variant = {"EndpointName": self._endpoint, "VariantName": "variant-a"}
        for _ in range(count):
            cloudwatch.record("Tidegate", "ModelAgeDays", {"Endpoint": self._endpoint}, 1.0)
            for number in range(REQUESTS if microseconds else 0):
                cloudwatch.record("Tidegate", "Predictions", {"service": self._prefix}, 1.0, "Count")
                cloudwatch.record("AWS/SageMaker", "Invocations", variant, 1.0)
                cloudwatch.record("AWS/SageMaker", "Invocation5XXErrors", variant, 0.0)
                value = (microseconds or 0.0) * (1 + number / REQUESTS)
                cloudwatch.record("AWS/SageMaker", "ModelLatency", variant, value, "Microseconds")
            timers.run(self._running.cloud, 60, PATIENCE_SECONDS)

    def until(self, alarm: str, most: int, microseconds: float | None) -> timedelta | None:
        """How long it took until that alarm rang; None when it did not in so many minutes."""
        began = self._running.cloud.clock.now()
        for _ in range(most):
            self.minutes(1, microseconds)
            if f"{self._prefix}-{alarm}" in self.ringing():
                return self._running.cloud.clock.now() - began
        return None

    def ringing(self) -> set[str]:
        pages = (
            self._running.cloud.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(StateValue="ALARM", AlarmTypes=["MetricAlarm"])
        )
        return {alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]}


def _detected(kind: str, after: timedelta | None, within: float) -> Figure:
    minutes = None if after is None else after.total_seconds() / 60
    print(f"{kind:<12} {'not detected' if minutes is None else f'rings after {minutes:.1f} min'}")
    return Figure(f"drift of {kind}: minutes until detected", minutes, "min", within, skipped="not detected")
