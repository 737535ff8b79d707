"""What the machines that scale the variants of an endpoint are told and allowed."""

import dataclasses
import json

from infra.store import arn
from tidegate.settings.scaling_section import ScalingSection

SCALING_ACTIONS = tuple(
    f"application-autoscaling:{action}"
    for action in (
        "DeregisterScalableTarget",
        "PutScalingPolicy",
        "PutScheduledAction",
        "RegisterScalableTarget",
    )
)
SCALABLE_TARGETS = arn("application-autoscaling", "scalable-target/*")


def scaling_fills(scaling: ScalingSection) -> dict[str, str]:
    """As JSONata reads them: its texts may stand in single quotes, which need no escape in the definition."""
    schedules = [dataclasses.asdict(each) for each in scaling.schedule]
    return {
        "ScalingInCooldown": str(scaling.scale_in_cooldown_seconds),
        "ScalingMaximum": str(scaling.maximum or scaling.minimum),
        "ScalingMinimum": str(scaling.minimum),
        "ScalingOn": "false" if scaling.maximum is None else "true",
        "ScalingSchedules": json.dumps(schedules).replace('"', "'"),
        "ScalingTarget": f"{scaling.target_invocations_per_instance:g}",
    }
