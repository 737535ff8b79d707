"""Trouble of the endpoint itself, put into the metrics that SageMaker publishes, and the deployed alarms.

The templates are deployed in a local cloud of this process; what its endpoint would have measured is recorded
minute by minute on a clock that is moved, first a quiet stretch, then the trouble.
"""

from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.report import Figure
from localcloud import cloudwatch, server, timers
from tidegate_cli.assembly import synthesize

QUIET_MINUTES, TROUBLE_MINUTES = 240, 10
REQUESTS = 30  # a minute
QUIET_MICROSECONDS, SLOW_MICROSECONDS = 20_000.0, 900_000.0
WITHIN_MINUTES = 5
PATIENCE_SECONDS = 600


def figures(pipeline: Path, environment: str) -> list[Figure]:
    """Minutes until slow answers ring, and the alarms that a quiet stretch rings."""
    with server.start(assembly=synthesize(pipeline, environment).folder) as running:
        endpoint = f"{pipeline.name}-{environment}-endpoint"
        _minutes(running, endpoint, QUIET_MINUTES, QUIET_MICROSECONDS)
        quiet = _ringing(running)
        began = running.cloud.clock.now()
        _minutes(running, endpoint, TROUBLE_MINUTES, SLOW_MICROSECONDS)
        rang = {alarm["AlarmName"]: alarm["StateTransitionedTimestamp"] - began for alarm in _alarms(running)}
    latency = [after for name, after in rang.items() if name.endswith("-variant-a-latency")]
    first = min(latency, default=None)
    said = (
        "not detected" if first is None else f"after {_minutes_of(first):.1f} min: {', '.join(sorted(rang))}"
    )
    print(f"latency      {said}")
    print(f"quiet hours  {len(quiet)} alarms ring{': ' if quiet else ''}{', '.join(quiet)}")
    return [
        Figure(
            "drift of latency: minutes until detected",
            None if first is None else _minutes_of(first),
            "min",
            WITHIN_MINUTES,
            skipped="not detected",
        ),
        Figure("quiet hours: alarms that ring", len(quiet), "", 0),
    ]


def _minutes(running: server.Running, endpoint: str, count: int, microseconds: float) -> None:
    """So many minutes with that latency, spread a little."""
    dimensions = {"EndpointName": endpoint, "VariantName": "variant-a"}
    for _ in range(count):
        for number in range(REQUESTS):
            cloudwatch.record("AWS/SageMaker", "Invocations", dimensions, 1.0)
            cloudwatch.record("AWS/SageMaker", "Invocation5XXErrors", dimensions, 0.0)
            value = microseconds * (1 + number / REQUESTS)
            cloudwatch.record("AWS/SageMaker", "ModelLatency", dimensions, value, "Microseconds")
        timers.run(running.cloud, 60, PATIENCE_SECONDS)


def _alarms(running: server.Running) -> list[dict[str, Any]]:
    pages = running.cloud.client("cloudwatch").get_paginator("describe_alarms").paginate(StateValue="ALARM")
    return [alarm for page in pages for alarm in page["MetricAlarms"]]


def _ringing(running: server.Running) -> list[str]:
    return sorted(alarm["AlarmName"] for alarm in _alarms(running))


def _minutes_of(span: timedelta) -> float:
    return span.total_seconds() / 60
