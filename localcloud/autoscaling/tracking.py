"""Target tracking: which alarms a policy has, and how many instances it asks for; pure.

Source:
    Application Auto Scaling guide, "Target tracking scaling policies" and its cooldowns; the alarms are those
    it makes for SageMakerVariantInvocationsPerInstance: above the target in 3 minutes, below 90 % in 15.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

METRIC = "SageMakerVariantInvocationsPerInstance"
HIGH_MINUTES, LOW_MINUTES = 3, 15
LOW_SHARE = 0.9
COOLDOWN_SECONDS = 300  # of both directions, for endpoints
Direction = Literal["out", "in"]


@dataclass(frozen=True)
class Policy:
    """A target tracking configuration."""

    target: float
    out_seconds: int
    in_seconds: int
    scales_in: bool

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> "Policy":
        return cls(
            target=float(configuration["TargetValue"]),
            out_seconds=int(configuration.get("ScaleOutCooldown", COOLDOWN_SECONDS)),
            in_seconds=int(configuration.get("ScaleInCooldown", COOLDOWN_SECONDS)),
            scales_in=not configuration.get("DisableScaleIn", False),
        )

    def wanted(self, direction: Direction, count: int, invocations: float) -> int:
        """Instances that bring the invocations of one instance in a minute back to the target.

        A policy goes in its alarm's direction only: out by at least one, in never below what the load needs.
        """
        needed = math.ceil(count * invocations / self.target)
        return max(count + 1, needed) if direction == "out" else min(count, max(1, needed))

    def may_act(self, direction: Direction, seconds: float) -> bool:
        """Whether it may, so long after the last change of the count."""
        if direction == "out":
            return seconds >= self.out_seconds
        return self.scales_in and seconds >= self.in_seconds


def alarms(prefix: str, dimensions: Mapping[str, str], policy: Policy, action: str) -> list[dict[str, Any]]:
    """The two PutMetricAlarm requests of a policy: high, then low."""
    common = {
        "AlarmDescription": f"DO NOT EDIT OR DELETE. For TargetTrackingScaling policy {action}",
        "Namespace": "AWS/SageMaker",
        "MetricName": "InvocationsPerInstance",
        "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
        "Statistic": "Sum",
        "Period": 60,
        "AlarmActions": [action],
    }
    high = {
        "AlarmName": f"{prefix}-AlarmHigh",
        "ComparisonOperator": "GreaterThanThreshold",
        "Threshold": policy.target,
        "EvaluationPeriods": HIGH_MINUTES,
    }
    low = {
        "AlarmName": f"{prefix}-AlarmLow",
        "ComparisonOperator": "LessThanThreshold",
        "Threshold": policy.target * LOW_SHARE,
        "EvaluationPeriods": LOW_MINUTES,
    }
    return [common | high, common | low]
