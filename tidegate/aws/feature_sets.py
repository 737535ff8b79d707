"""Compiled feature sets in the lake, each under its own hash.

A model that serves may need one that no longer is in `features.py`.
"""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.feature_store.feature_plan import FeatureSetPlan, ViewPlan

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Known:
    """Versions of views, of a feature set at hand and of those in the lake, which are read when first needed.

    Of a view that no set has, nothing is known.
    """

    def __init__(self, s3: "S3Client", bucket: str, at_hand: FeatureSetPlan) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._views: dict[str, ViewPlan] = {view.version: view for view in at_hand.views}
        self._are_all = False

    def view(self, version: str) -> ViewPlan | None:
        """The plan of a version of a view."""
        if version not in self._views and not self._are_all:
            self._are_all = True
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=lake_keys.FEATURE_SETS
            )
            for page in pages:
                for item in page.get("Contents", []):
                    document = objects.get_json(self._s3, self._bucket, item["Key"])
                    for view in FeatureSetPlan.from_json(document).views:
                        self._views.setdefault(view.version, view)
        return self._views.get(version)


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
