"""Which weights give all the traffic to one variant, and how large a candidate begins; pure."""

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


def instances(described: Mapping[str, Any], champion: str | None, least: int) -> int:
    """How many instances a candidate begins with: as many as the champion has, whose traffic it is to take.

    Scaling follows a variant's load by minutes, and a step multiplies it at once.

    Args:
        described: DescribeEndpoint's answer; empty when there is no endpoint.
        least: `serving.instances`.
    """
    counts: list[int] = [
        each.get("DesiredInstanceCount", 1)
        for each in _variants(described)
        if each["VariantName"] == champion
    ]
    return max([least, *counts])


def _variants(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = described.get("ProductionVariants", [])
    return found
