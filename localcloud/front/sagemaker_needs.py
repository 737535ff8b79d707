"""What SageMaker's calls need to be allowed; pure.

An operation's resource is the kind its name ends with (CreateTrainingJob, DescribeEndpoint, ...); creating or
updating an endpoint needs its action on the endpoint and on the endpoint configuration, both.
"""

import re
from collections.abc import Iterator

from localcloud.front.need import ANY, Need, Parameters, Where, named

KIND = re.compile(
    r"(?:Create|Describe|Update|Delete|Stop|Start|Invoke)([A-Z]\w+?)(?:WeightsAndCapacities|Async)?$"
)
BOTH_PARTS = {"CreateEndpoint", "UpdateEndpoint"}
# operations that act on a resource which is not the one they are called after
OTHERS = {
    "ListTrainingJobsForHyperParameterTuningJob": ("HyperParameterTuningJobName", "HyperParameterTuningJob"),
    "PutRecord": ("FeatureGroupName", "FeatureGroup"),
    "GetRecord": ("FeatureGroupName", "FeatureGroup"),
    "DeleteRecord": ("FeatureGroupName", "FeatureGroup"),
}


def needs(action: str, operation: str, parameters: Parameters, where: Where) -> Iterator[Need]:
    if "ModelPackage" in operation:
        yield Need(action, _packages(operation, parameters, where))
        return
    if "ResourceArn" in parameters:  # tags
        yield Need(action, (parameters["ResourceArn"],))
        return
    if operation in OTHERS:
        member, kind = OTHERS[operation]
        yield Need(action, _spellings(where, kind, parameters[member]))
        return
    kind = found[1] if (found := KIND.match(operation)) else ""
    name = parameters.get(f"{kind}Name")
    if kind and name is not None:
        yield Need(action, _spellings(where, kind, name))
        if parameters.get("Tags"):  # what is created with tags is also tagged
            yield Need("sagemaker:AddTags", _spellings(where, kind, name))
    else:
        yield Need(action, ANY if operation.startswith("List") else None)
    if operation in BOTH_PARTS and (config := parameters.get("EndpointConfigName")):
        yield Need(action, _spellings(where, "EndpointConfig", config))


def _packages(operation: str, parameters: Parameters, where: Where) -> tuple[str, ...] | None:
    """A group, a version in a group, or whichever of them the call names."""
    group = parameters.get("ModelPackageGroupName")
    package = parameters.get("ModelPackageName") or parameters.get("ModelPackageArn")
    anywhere = ANY if operation.startswith("List") else ()
    if package:
        return (named(package, lambda name: where.arn("sagemaker", f"model-package/{name}")),)
    if group:
        return (
            *_spellings(where, "ModelPackageGroup", group),
            f"{where.arn('sagemaker', 'model-package')}/{group}/1",
            *anywhere,
        )
    return anywhere or None


def _spellings(where: Where, kind: str, name: str) -> tuple[str, ...]:
    """SageMaker writes names in ARNs in small letters; policies are met with both spellings."""
    if name.startswith("arn:"):
        return (name,)
    base = where.arn("sagemaker", re.sub(r"(?<!^)(?=[A-Z])", "-", kind).lower())
    return tuple(dict.fromkeys((f"{base}/{name}", f"{base}/{name.lower()}")))
