"""How an endpoint describes its production variants: weights and counts, wanted and reached."""

from collections.abc import Mapping, Sequence
from typing import Any

from moto.sagemaker.exceptions import ValidationError

from localcloud.sagemaker.resources import now
from localcloud.sagemaker.weights import Weights

Described = dict[str, Any]

# what UpdateEndpointWeightsAndCapacities changes -> where it shows once it is reached
REACHED = {"DesiredWeight": "CurrentWeight", "DesiredInstanceCount": "CurrentInstanceCount"}


def plan(config: Mapping[str, Any], old: Sequence[Described], request: Mapping[str, Any]) -> Described:
    """A variant of an endpoint configuration, with what the request retains of the one it replaces."""
    weight = config["InitialVariantWeight"]
    found = {"VariantName": config["VariantName"], "CurrentWeight": weight, "DesiredWeight": weight}
    if serverless := config.get("ServerlessConfig"):
        found |= {"CurrentServerlessConfig": serverless, "DesiredServerlessConfig": serverless}
    else:
        count = config.get("InitialInstanceCount", 1)
        found |= {"CurrentInstanceCount": count, "DesiredInstanceCount": count}
    if request.get("RetainAllVariantProperties"):
        excluded = {
            each["VariantPropertyType"] for each in request.get("ExcludeRetainedVariantProperties", [])
        }
        replaced = next((each for each in old if each["VariantName"] == found["VariantName"]), {})
        for member in REACHED.keys() - excluded:
            if member in replaced:
                found |= {member: replaced[member], REACHED[member]: replaced[member]}
    return found


def count(variant: Mapping[str, Any]) -> int:
    """How many instances it is to have; a serverless one has one process."""
    return int(variant.get("DesiredInstanceCount", 1))


def wishes_of(variant: Mapping[str, Any]) -> Described:
    """The wishes taken back: what it has is what it wants."""
    return {member: variant[REACHED[member]] for member in REACHED if member in variant}


def pending(variants: Sequence[Described]) -> list[Described]:
    """Variants of an update that is under way."""
    status = [{"Status": "Creating", "StartTime": now()}]
    return [{**variant, "VariantStatus": status} for variant in variants]


def with_image(variant: Described, image: str) -> Described:
    deployed = {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": now()}
    return {**variant, "DeployedImages": [deployed]}


def desired(variants: Sequence[Described], wanted: Sequence[Mapping[str, Any]]) -> list[Described]:
    """The variants with new wishes; what a wish leaves out stays."""
    by_name = {variant["VariantName"]: dict(variant) for variant in variants}
    for wish in wanted:
        name = wish["VariantName"]
        if name not in by_name:
            raise ValidationError(
                f'The variant name(s) "{name}" is/are not present within endpoint configuration.'
            )
        if sum(other["VariantName"] == name for other in wanted) > 1:
            raise ValidationError(f'The variant name "{name}" was non-unique within the request.')
        by_name[name] |= {member: wish[member] for member in REACHED if member in wish}
    return list(by_name.values())


def reached(variants: Sequence[Described]) -> list[Described]:
    """The variants with every wish fulfilled."""
    return [
        {**variant, **{REACHED[member]: variant[member] for member in REACHED if member in variant}}
        for variant in variants
    ]


def weights(variants: Sequence[Described]) -> Weights:
    return Weights({variant["VariantName"]: variant["CurrentWeight"] for variant in variants})


def capture_summary(config: Mapping[str, Any] | None) -> Described | None:
    if config is None:
        return None
    enabled = config.get("EnableCapture", False)
    return {
        "EnableCapture": enabled,
        "CaptureStatus": "Started" if enabled else "Stopped",
        "CurrentSamplingPercentage": config["InitialSamplingPercentage"],
        "DestinationS3Uri": config["DestinationS3Uri"],
        "KmsKeyId": config.get("KmsKeyId", ""),
    }
