"""Which versions of views somebody needs: the deployed pipeline, and models that serve or may serve."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tidegate.aws import feature_sets
from tidegate.errors import TidegateError
from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import ModelApprovalStatusType

_MAY_SERVE: tuple["ModelApprovalStatusType", ...] = ("Approved", "PendingManualApproval")


def of_sets(
    s3: "S3Client", bucket: str, deployed: FeatureSetPlan, hashes: Iterable[str]
) -> tuple[dict[str, ViewPlan], tuple[str, ...]]:
    """Views by version of the deployed feature set and of those of `hashes`, and hashes that are not kept.

    Two feature sets may read one version with other limits of age: the longest is the one to keep rows by.
    """
    found = {view.version: view for view in deployed.views}
    unknown = []
    for hash_ in sorted(set(hashes) - {deployed.hash}):
        try:
            views = feature_sets.get(s3, bucket, hash_).views
        except LookupError:
            unknown.append(hash_)
            continue
        for view in views:
            known = found.get(view.version)
            if known is None or known.ttl_seconds < view.ttl_seconds:
                found[view.version] = view
    return found, tuple(unknown)


def hashes_of_packages(sagemaker: "SageMakerClient", group: str) -> tuple[str, ...]:
    """Feature sets of the packages of a group that are approved or wait for a person's word.

    Raises:
        TidegateError: a package does not say which features it needs.
    """
    found = set()
    for status in _MAY_SERVE:
        pages = sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, ModelApprovalStatus=status
        )
        for package in (each for page in pages for each in page["ModelPackageSummaryList"]):
            arn = package["ModelPackageArn"]
            described = sagemaker.describe_model_package(ModelPackageName=arn)
            hash_ = described.get("CustomerMetadataProperties", {}).get("feature_set_hash")
            if hash_ is None:
                raise TidegateError(f"model package {arn} does not say which features it needs")
            found.add(hash_)
    return tuple(sorted(found))
