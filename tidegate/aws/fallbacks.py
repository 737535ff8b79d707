"""Models that `predict` can answer from by itself, in the lake under the sha256 of their bytes."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.serving import fallback_file

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def keep(s3: "S3Client", bucket: str, model_uri: str, manifest_sha256: str | None = None) -> str:
    """Take the document out of the artefact and keep it; its sha256, empty of a model that has none.

    Args:
        manifest_sha256: of the manifest that was verified, so that no other artefact came in its place since.

    Raises:
        ArtefactError: see `fallback_file.packed`.
    """
    data = fallback_file.packed(objects.get_bytes(s3, *objects.split_uri(model_uri)), manifest_sha256)
    if data is None:
        return ""
    sha256 = fallback_file.digest(data)
    s3.put_object(Bucket=bucket, Key=lake_keys.fallback(sha256), Body=data, ContentType="application/json")
    return sha256


def get(s3: "S3Client", bucket: str, sha256: str) -> Mapping[str, Any]:
    """The verified document.

    Raises:
        ArtefactError: what lies there has other bytes.
    """
    return fallback_file.opened(objects.get_bytes(s3, bucket, lake_keys.fallback(sha256)), sha256)
