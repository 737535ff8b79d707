"""Whether the inputs of a run were trained on before, and what of that run is still there."""

from dataclasses import replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidegate.aws import objects, registry
from tidegate.aws.state import State
from tidegate.messages.training import EarlierRun

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sagemaker import SageMakerClient

_NO_SUCH_PACKAGE = "ValidationException"  # SageMaker has no error of its own for "not found"


def earlier_run(
    state: State, s3: "S3Client", sagemaker: "SageMakerClient", content_id: str
) -> EarlierRun | None:
    """The newest finished run of the same inputs, without what was deleted since; None when there is none."""
    found = state.trained(content_id)
    if found is None:
        return None
    if found.package_arn is not None and not _is_registered(sagemaker, found.package_arn):
        found = replace(found, package_arn=None)
    if found.model_uri is not None:
        bucket, key = objects.split_uri(found.model_uri)
        if objects.newest_version(s3, bucket, key) is None:
            return replace(found, model_uri=None, package_arn=None)  # a package without its model is none
    return found


def _is_registered(sagemaker: "SageMakerClient", arn: str) -> bool:
    try:
        registry.describe(sagemaker, arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != _NO_SUCH_PACKAGE:
            raise
        return False
    return True
