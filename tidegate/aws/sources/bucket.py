"""A prefix of another bucket: what came since, copied by S3 itself, each object once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from tidegate.ingestion import collection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

# S3 tells whole seconds: a younger object may get company of the same age
SETTLED = timedelta(seconds=2)
_LARGEST_COPY_BYTES = 5 << 30
_ASLEEP = ("GLACIER", "DEEP_ARCHIVE")


@dataclass(frozen=True, kw_only=True)
class SourceObject:
    key: str
    etag: str
    size: int
    written: datetime
    storage_class: str

    @property
    def obstacle(self) -> str | None:
        """Why it cannot be copied as it is."""
        if self.storage_class in _ASLEEP:
            return f"`{self.key}` is archived ({self.storage_class}): restore it and put it again"
        if self.size > _LARGEST_COPY_BYTES:
            return f"`{self.key}` has more than 5 GiB"
        return None


def since(s3: "S3Client", bucket: str, prefix: str, moment: datetime | None) -> list[SourceObject]:
    """Objects below `prefix` that were written after `moment` and have settled, the oldest first."""
    until = datetime.now(UTC) - SETTLED
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [
        SourceObject(
            key=each["Key"],
            etag=each["ETag"],
            size=each["Size"],
            written=each["LastModified"].astimezone(UTC),
            storage_class=each.get("StorageClass", "STANDARD"),
        )
        for page in pages
        for each in page.get("Contents", [])
        if not each["Key"].endswith("/")
    ]
    chosen = (each for each in found if (moment is None or each.written > moment) and each.written < until)
    return sorted(chosen, key=lambda each: (each.written, each.key))


def made(s3: "S3Client", bucket: str, dataset: str, name: str) -> set[str]:
    """Keys of all drops that this source has become."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=collection.prefix(dataset, name)
    )
    return {each["Key"] for page in pages for each in page.get("Contents", [])}


def copy(
    s3: "S3Client", source: str, each: SourceObject, *, bucket: str, key: str, there: Collection[str]
) -> bool:
    """Copy the very content that was listed; False when it is there, or another one by now.

    That one is written later than what was listed, so the next run finds it.
    """
    if key in there:
        return False
    try:
        s3.copy_object(
            Bucket=bucket,
            Key=key,
            CopySource={"Bucket": source, "Key": each.key},
            CopySourceIfMatch=each.etag,
            TaggingDirective="REPLACE",  # else a tagged object needs s3:GetObjectTagging
        )
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "NoSuchKey"):
            raise
        return False
    return True
