"""Compiled feature sets in the lake, each under its own hash.

A model that serves may need one that no longer is in `features.py`.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.feature_plan import FeatureSetPlan

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def put(s3: "S3Client", bucket: str, plan: FeatureSetPlan) -> None:
    """Keep a plan; again, if it is there: the same hash is the same content."""
    objects.put_json(s3, bucket, lake_keys.feature_set(plan.hash), plan.to_json())


def get(s3: "S3Client", bucket: str, hash_: str) -> FeatureSetPlan:
    """The plan of that hash.

    Raises:
        LookupError: nobody has kept it.
    """
    try:
        document = objects.get_json(s3, bucket, lake_keys.feature_set(hash_))
    except ClientError as cause:
        if cause.response["ResponseMetadata"]["HTTPStatusCode"] not in objects.ABSENT:
            raise
        raise LookupError(f"feature set {hash_[:16]} is not in the lake") from cause
    return FeatureSetPlan.from_json(document)
