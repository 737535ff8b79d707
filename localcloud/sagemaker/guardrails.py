"""Deployment guardrails of UpdateEndpoint: how long a new fleet is watched, and by which alarms.

All traffic moves at once; then the alarms are watched for WaitIntervalInSeconds, and for
TerminationWaitInSeconds more while the old fleet is still there. An alarm that rings, or rang at the start,
takes all traffic back.

Source:
    SageMaker guide, "Deployment guardrails" (blue/green, baking period); botocore's model (ranges).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from localcloud import cloud
from localcloud.cloudwatch.judgement import ALARM
from localcloud.cloudwatch.models import backend

LOOK_SECONDS = 0.2  # the alarms are judged once a second


class RollBackError(Exception):
    """An alarm rings; `str()` is the endpoint's FailureReason."""


@dataclass(frozen=True)
class Guardrails:
    """What a DeploymentConfig asks for."""

    alarms: tuple[str, ...] = ()
    watch_seconds: int = 0

    def check(self) -> None:
        """Raises RollBackError while one of the alarms is in ALARM."""
        states = backend().local_alarms.by_name
        if ringing := [name for name in self.alarms if name in states and states[name].state.value == ALARM]:
            raise RollBackError(
                f"The deployment was rolled back: alarm {', '.join(ringing)} is in ALARM state."
            )

    def watch(self) -> None:
        """Wait until the new fleet has been watched long enough; raises RollBackError as `check`."""
        here = cloud.current()
        until = here.clock.time() + self.watch_seconds
        self.check()
        while (left := until - here.clock.time()) > 0 and not here.closing.is_set():
            here.clock.wait(min(left, LOOK_SECONDS))
            self.check()


def read(config: Mapping[str, Any] | None) -> Guardrails:
    """The guardrails of a DeploymentConfig.

    Raises:
        ValidationError: it shifts traffic in steps, or names an alarm that does not exist.
    """
    config = config or {}
    policy = config.get("BlueGreenUpdatePolicy", {})
    routing = policy.get("TrafficRoutingConfiguration", {})
    if "RollingUpdatePolicy" in config or routing.get("Type", "ALL_AT_ONCE") != "ALL_AT_ONCE":
        raise ValidationError(
            "The local cloud moves traffic all at once: it has no canary, linear or rolling deployment. "
            "Use UpdateEndpointWeightsAndCapacities."
        )
    alarms = config.get("AutoRollbackConfiguration", {}).get("Alarms", [])
    names = tuple(alarm["AlarmName"] for alarm in alarms)
    if unknown := [name for name in names if name not in backend().local_alarms.by_name]:
        raise ValidationError(
            f"Could not find the alarm(s) {', '.join(unknown)} of AutoRollbackConfiguration."
        )
    waits = routing.get("WaitIntervalInSeconds", 0), policy.get("TerminationWaitInSeconds", 0)
    return Guardrails(names, sum(waits))
