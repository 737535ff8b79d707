"""The model registry: groups of model packages, their versions, and approval.

A package is kept whole as it was requested. Packages are not validated or scanned, and none is offered on
the marketplace.
"""

from collections.abc import Mapping
from typing import Any

from moto.sagemaker.exceptions import ConflictException, ValidationError

from localcloud.sagemaker import signals
from localcloud.sagemaker.listing import listing, pick
from localcloud.sagemaker.resources import Resource, without_tags

GROUP_SUMMARY = (
    "ModelPackageGroupName",
    "ModelPackageGroupArn",
    "ModelPackageGroupDescription",
    "CreationTime",
    "ModelPackageGroupStatus",
)
SUMMARY = (
    "ModelPackageName",
    "ModelPackageGroupName",
    "ModelPackageVersion",
    "ModelPackageArn",
    "ModelPackageDescription",
    "CreationTime",
    "ModelPackageStatus",
    "ModelApprovalStatus",
    "ModelLifeCycle",
    "ModelPackageRegistrationType",
)
# what UpdateModelPackage replaces as it is given
REPLACED = (
    "ModelApprovalStatus",
    "ModelPackageRegistrationType",
    "ApprovalDescription",
    "InferenceSpecification",
    "SourceUri",
    "ModelCard",
    "ModelLifeCycle",
)


class Group(Resource):
    """A model package group; a version number is never given twice, even after a deletion."""

    def __init__(self, arn: str, request: Mapping[str, Any]) -> None:
        answer = {
            **without_tags(request),
            "ModelPackageGroupArn": arn,
            "ModelPackageGroupStatus": "Completed",
            "CreatedBy": {},
        }
        super().__init__(arn, answer, request.get("Tags"))
        self._versions = 0

    def next_version(self) -> int:
        with self._lock:
            self._versions += 1
            return self._versions


class Package(Resource):
    """A model package: a version of a group, or one with a name of its own."""

    def announce(self) -> None:
        signals.event("SageMaker Model Package State Change", self.answer, arn=self.arn, tags=self.tags)


def create_group(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["ModelPackageGroupName"]
    arn = backend.arn("model-package-group", name)
    if name in backend.model_package_groups:
        raise ValidationError(f"Model Package Group already exists: {arn}")
    backend.model_package_groups[name] = Group(arn, request)
    return {"ModelPackageGroupArn": arn}


def group(backend: Any, name_or_arn: str) -> Group:
    name = name_or_arn.rpartition("/")[2]
    if found := backend.model_package_groups.get(name):
        return found  # type: ignore[no-any-return]
    arn = backend.arn("model-package-group", name)
    raise ValidationError(f"ModelPackageGroup {arn} does not exist.")


def delete_group(backend: Any, name_or_arn: str) -> None:
    doomed = group(backend, name_or_arn)
    name = doomed.answer["ModelPackageGroupName"]
    if _versions(backend, name):
        raise ConflictException(
            f"Model Package Group {doomed.arn} still holds model packages: delete them first."
        )
    del backend.model_package_groups[name]


def list_groups(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    answers = [pick(each.answer, GROUP_SUMMARY) for each in list(backend.model_package_groups.values())]
    return listing(answers, request, noun="ModelPackageGroup", into="ModelPackageGroupSummaryList")


def create(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    if ("ModelPackageName" in request) == ("ModelPackageGroupName" in request):
        raise ValidationError("Exactly one of ModelPackageName and ModelPackageGroupName must be given.")
    answer = {
        "ModelPackageStatus": "Completed",
        "ModelPackageStatusDetails": {"ValidationStatuses": [], "ImageScanStatuses": []},
        "CertifyForMarketplace": False,
        "CreatedBy": {},
        **without_tags(request),
    }
    if "ModelPackageGroupName" in request:
        if request.get("Tags"):
            raise ValidationError("Tags are not allowed on a versioned model package: tag its group.")
        owner = group(backend, request["ModelPackageGroupName"])
        name, version = owner.answer["ModelPackageGroupName"], owner.next_version()
        arn = backend.arn("model-package", f"{name}/{version}")
        answer |= {"ModelPackageGroupName": name, "ModelPackageVersion": version}
        answer.setdefault("ModelApprovalStatus", "PendingManualApproval")
    else:
        arn = backend.arn("model-package", request["ModelPackageName"])
        if arn in backend.model_packages:
            raise ConflictException(f"Model Package already exists: {arn}")
    answer["ModelPackageArn"] = arn
    package = Package(arn, answer, request.get("Tags"))
    backend.model_packages[arn] = package
    package.announce()
    return {"ModelPackageArn": arn}


def find(backend: Any, name_or_arn: str) -> Package:
    arn = name_or_arn if name_or_arn.startswith("arn:") else backend.arn("model-package", name_or_arn)
    if found := backend.model_packages.get(arn):
        return found  # type: ignore[no-any-return]
    raise ValidationError(f"ModelPackage {arn} does not exist.")


def update(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    package = find(backend, request["ModelPackageArn"])
    changes = {name: request[name] for name in REPLACED if name in request}
    properties = {
        **package.answer.get("CustomerMetadataProperties", {}),
        **request.get("CustomerMetadataProperties", {}),
    }
    for name in request.get("CustomerMetadataPropertiesToRemove", []):
        properties.pop(name, None)
    specifications = [
        *package.answer.get("AdditionalInferenceSpecifications", []),
        *request.get("AdditionalInferenceSpecificationsToAdd", []),
    ]
    package.update(
        **changes,
        CustomerMetadataProperties=properties or None,
        AdditionalInferenceSpecifications=specifications or None,
        LastModifiedBy={},
    )
    package.announce()
    return {"ModelPackageArn": package.arn}


def delete(backend: Any, name_or_arn: str) -> None:
    del backend.model_packages[find(backend, name_or_arn).arn]


def list_packages(backend: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    found = [package.answer for package in list(backend.model_packages.values())]
    if name := request.get("ModelPackageGroupName"):
        owner = group(backend, name).answer["ModelPackageGroupName"]
        found = [answer for answer in found if answer.get("ModelPackageGroupName") == owner]
    else:
        kind = request.get("ModelPackageType", "Unversioned")
        found = [answer for answer in found if kind == "Both" or _kind(answer) == kind]
    if status := request.get("ModelApprovalStatus"):
        found = [answer for answer in found if answer.get("ModelApprovalStatus") == status]
    return listing(
        (pick(answer, SUMMARY) for answer in found),
        request,
        noun="ModelPackage",
        into="ModelPackageSummaryList",
        named="ModelPackageArn",  # versions have no name of their own
    )


def _versions(backend: Any, name: str) -> list[Package]:
    packages = list(backend.model_packages.values())
    return [package for package in packages if package.answer.get("ModelPackageGroupName") == name]


def _kind(answer: Mapping[str, Any]) -> str:
    return "Versioned" if "ModelPackageVersion" in answer else "Unversioned"
