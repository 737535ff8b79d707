"""The model registry: what a model package says about itself."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


@dataclass(frozen=True, kw_only=True)
class ModelPackage:
    """One registered version."""

    arn: str
    version: int
    approval: str  # Approved | Rejected | PendingManualApproval
    status: str
    image: str
    model_uri: str
    metadata: dict[str, str]  # the customer's: run, feature_set_hash, train_snapshot, ...
    created: datetime


def describe(sagemaker: "SageMakerClient", arn: str) -> ModelPackage:
    """The package behind an ARN; ClientError when there is none."""
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    container = found["InferenceSpecification"]["Containers"][0]
    return ModelPackage(
        arn=found["ModelPackageArn"],
        version=found.get("ModelPackageVersion", 0),
        approval=found.get("ModelApprovalStatus", ""),
        status=found["ModelPackageStatus"],
        image=container.get("Image", ""),
        model_uri=container.get("ModelDataUrl", ""),
        metadata=dict(found.get("CustomerMetadataProperties", {})),
        created=found["CreationTime"],
    )
