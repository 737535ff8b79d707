"""Which weights give all the traffic to one variant; pure."""

from collections.abc import Mapping
from typing import Any


def returned(described: Mapping[str, Any], variant: str | None) -> list[Any]:
    """DesiredWeightsAndCapacities that leave one variant alone; empty when it is, or is not there.

    Args:
        described: DescribeEndpoint's answer.
        variant: the champion's; None when there is no champion.
    """
    weights = {each["VariantName"]: each.get("DesiredWeight", 0.0) for each in _variants(described)}
    if variant not in weights:
        return []
    others = [name for name in weights if name != variant]
    if not others or (weights[variant] > 0 and not any(weights[name] for name in others)):
        return []
    return [
        {"VariantName": variant, "DesiredWeight": 1.0},
        *({"VariantName": name, "DesiredWeight": 0.0} for name in others),
    ]


def _variants(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = described.get("ProductionVariants", [])
    return found
