"""Rules of SageMaker's API that span two members of one request, as its reference states them.

Rules that need state (names taken, packages approved, objects there) belong to the SageMaker backend.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Request = Mapping[str, Any]

CANARY_PERCENT_LIMIT = 50


def broken(operation: str, request: Request) -> str | None:
    """The first rule the request breaks, as a sentence; its shapes have been checked before."""
    rule = RULES.get(operation)
    return next(rule(request), None) if rule else None


def _training_job(request: Request) -> Iterator[str]:
    stop = request.get("StoppingCondition", {})
    wait, run = stop.get("MaxWaitTimeInSeconds"), stop.get("MaxRuntimeInSeconds", 86400)
    if request.get("EnableManagedSpotTraining"):
        if wait is None or wait < run:
            yield (
                f"Invalid MaxWaitTimeInSeconds ({wait}). With managed spot training it must be present and "
                f"greater than or equal to MaxRuntimeInSeconds ({run})."
            )
    elif wait is not None:
        yield "MaxWaitTimeInSeconds can be set only when EnableManagedSpotTraining is true."
    channels = [channel["ChannelName"] for channel in request.get("InputDataConfig", [])]
    if len(set(channels)) != len(channels):
        yield f"InputDataConfig must not name a channel twice: {channels}."


def _tuning_job(request: Request) -> Iterator[str]:
    config = request["HyperParameterTuningJobConfig"]
    strategy = config["Strategy"]
    numeric = ("IntegerParameterRanges", "ContinuousParameterRanges")
    if strategy == "Grid" and any(config.get("ParameterRanges", {}).get(kind) for kind in numeric):
        yield "The Grid strategy takes categorical parameters only."
    if strategy == "Hyperband" and config.get("TrainingJobEarlyStoppingType", "Off") != "Off":
        yield "TrainingJobEarlyStoppingType must be Off with the Hyperband strategy."
    limits = config["ResourceLimits"]
    parallel, most = limits["MaxParallelTrainingJobs"], limits.get("MaxNumberOfTrainingJobs")
    if most is not None and parallel > most:
        yield f"MaxParallelTrainingJobs ({parallel}) must not exceed MaxNumberOfTrainingJobs ({most})."
    single, several = "TrainingJobDefinition" in request, "TrainingJobDefinitions" in request
    if single and several:
        yield "TrainingJobDefinition and TrainingJobDefinitions cannot be used together."
    if not (single or several or "WarmStartConfig" in request):
        yield "Either TrainingJobDefinition or TrainingJobDefinitions must be given."
    for definition in (request.get("TrainingJobDefinition", {}), *request.get("TrainingJobDefinitions", [])):
        yield from _training_job(definition)


def _model(request: Request) -> Iterator[str]:
    primary, several = request.get("PrimaryContainer"), request.get("Containers")
    if (primary is None) == (several is None):
        yield "Exactly one of PrimaryContainer and Containers must be given."
    for container in [primary] if primary else several or []:
        url = container.get("ModelDataUrl")
        if url and container.get("Mode", "SingleModel") == "SingleModel" and not url.endswith(".tar.gz"):
            yield f"ModelDataUrl must point to a .tar.gz archive, got {url}."
        if "ModelPackageName" in container and "Image" in container:
            yield "A container takes a ModelPackageName or an Image, not both."


def _endpoint_config(request: Request) -> Iterator[str]:
    variants, shadows = request["ProductionVariants"], request.get("ShadowProductionVariants", [])
    if shadows and (len(variants), len(shadows)) != (1, 1):
        yield "Shadow tests take exactly one production variant and one shadow variant."
    names = [variant["VariantName"] for variant in [*variants, *shadows]]
    if len(set(names)) != len(names):
        yield f"Variant names must be unique in an endpoint configuration: {names}."
    for variant in variants:
        serverless = "ServerlessConfig" in variant
        if serverless and ("InstanceType" in variant or "InitialInstanceCount" in variant):
            yield f"Variant {variant['VariantName']}: ServerlessConfig excludes instances."
        if serverless and "DataCaptureConfig" in request:
            yield "Serverless endpoints do not capture data."


def _rollout(request: Request) -> Iterator[str]:
    policy = request.get("DeploymentConfig", {}).get("BlueGreenUpdatePolicy")
    if policy is None:
        return
    routing = policy["TrafficRoutingConfiguration"]
    size = routing.get("CanarySize", {})
    if routing["Type"] == "CANARY" and not size:
        yield "CanarySize is required when the traffic routing type is CANARY."
    if size.get("Type") == "CAPACITY_PERCENT" and size["Value"] > CANARY_PERCENT_LIMIT:
        yield f"CanarySize must be at most {CANARY_PERCENT_LIMIT} % of the capacity, got {size['Value']}."
    waits = routing["WaitIntervalInSeconds"] + policy.get("TerminationWaitInSeconds", 0)
    limit = policy.get("MaximumExecutionTimeoutInSeconds")
    if limit is not None and limit <= waits:
        yield f"MaximumExecutionTimeoutInSeconds ({limit}) must exceed the waits of the rollout ({waits} s)."


def _feature_group(request: Request) -> Iterator[str]:
    types = {feature["FeatureName"]: feature["FeatureType"] for feature in request["FeatureDefinitions"]}
    for role in ("RecordIdentifierFeatureName", "EventTimeFeatureName"):
        if request[role] not in types:
            yield f"{role} '{request[role]}' is not among FeatureDefinitions."
    iceberg = request.get("OfflineStoreConfig", {}).get("TableFormat") == "Iceberg"
    if iceberg and types.get(request["EventTimeFeatureName"]) != "String":
        yield "The Iceberg table format needs an event time feature of type String."


RULES: dict[str, Callable[[Request], Iterator[str]]] = {
    "CreateTrainingJob": _training_job,
    "CreateHyperParameterTuningJob": _tuning_job,
    "CreateModel": _model,
    "CreateEndpointConfig": _endpoint_config,
    "CreateEndpoint": _rollout,
    "UpdateEndpoint": _rollout,
    "CreateFeatureGroup": _feature_group,
}
