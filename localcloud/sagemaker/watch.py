"""Alarms that a deployment watches: one that rings ends it, and what served before serves on.

Source:
    SageMaker guide, "Auto-Rollback Configuration and Monitoring": an alarm in ALARM at the start or during
    the baking period rolls the deployment back; the old fleet ends TerminationWaitInSeconds after it began.
"""

from collections.abc import Mapping
from typing import Any

from localcloud import cloud

LOOK_EVERY_SECONDS = 0.25

Deployment = Mapping[str, Any] | None


def ringing(deployment: Deployment) -> str | None:
    """Why the deployment must not go on; None while all its alarms are quiet."""
    names = [alarm["AlarmName"] for alarm in _part(deployment, "AutoRollbackConfiguration").get("Alarms", [])]
    if not names:
        return None
    found = cloud.current().client("cloudwatch").describe_alarms(AlarmNames=names)
    alarms = found["MetricAlarms"] + found["CompositeAlarms"]
    if absent := sorted(set(names) - {alarm["AlarmName"] for alarm in alarms}):
        return f"The following CloudWatch alarms do not exist: {', '.join(absent)}."
    if loud := sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM"):
        return f"The following CloudWatch alarms are in ALARM state: {', '.join(loud)}."
    return None


def until_quiet(deployment: Deployment) -> str | None:
    """Watch the alarms until the old fleet may end; why it must stay, or None."""
    seconds = _part(deployment, "BlueGreenUpdatePolicy").get("TerminationWaitInSeconds", 0)
    here = cloud.current()
    until = here.clock.time() + seconds
    while True:
        if why := ringing(deployment):
            return why
        if here.clock.time() >= until or here.closing.is_set():
            return None
        here.clock.wait(LOOK_EVERY_SECONDS, here.closing)


def _part(deployment: Deployment, name: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = (deployment or {}).get(name, {})
    return part
