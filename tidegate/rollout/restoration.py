"""What is left to undo of a rollout whose machine is dead: one step at a time, from what is there; pure.

Asked again after each step, so it may be asked twice, begun anew or interrupted: nothing is remembered.
"""

from collections.abc import Mapping
from typing import Any

from tidegate.messages.deployment import Restoration
from tidegate.rollout.weights import returned

CHANGING = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")


def next_step(described: Mapping[str, Any] | None, champion: str | None) -> Restoration:
    """The next thing to do, until the recorded champion has the endpoint to itself.

    Args:
        described: DescribeEndpoint's answer; None when there is no endpoint.
        champion: the recorded champion's variant; None when there is no champion.
    """
    if described is None:
        return Restoration(do="release")
    status = described["EndpointStatus"]
    if status in CHANGING:
        return Restoration(do="wait", reason=f"the endpoint is {status}")
    if champion is None:  # the first rollout made the endpoint, and nobody vouches for what it serves
        return Restoration(do="delete")
    if status != "InService":
        reason = described.get("FailureReason", "SageMaker does not say why")
        return Restoration(do="give-up", reason=f"the endpoint is {status}: {reason}")
    variants = [each["VariantName"] for each in described.get("ProductionVariants", [])]
    if champion not in variants:
        return Restoration(do="give-up", reason=f"the champion's {champion} is not in the endpoint")
    others = tuple(name for name in variants if name != champion)
    if not others:
        return Restoration(do="release", champion_variant=champion)
    return Restoration(
        do="return" if returned(described, champion) else "isolate",
        champion_variant=champion,
        others=others,
        config_name=described["EndpointConfigName"],
    )
