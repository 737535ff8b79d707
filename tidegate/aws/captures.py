"""Captured traffic in the lake: which files hold what no window has measured yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tidegate.aws.objects import get_json, split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class CaptureFile:
    """One JSON Lines file of a variant; complete once it is there."""

    key: str
    written: datetime


def since(s3: "S3Client", bucket: str, prefix: str, moment: datetime) -> Iterator[CaptureFile]:
    """Files below `prefix` written after `moment`, in order of name.

    The hour in a key is the hour of the traffic; a file written after `moment` may hold the hour before.
    """
    hour = datetime.fromtimestamp(moment.timestamp() - 3600, moment.tzinfo)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, StartAfter=f"{prefix}{hour:%Y/%m/%d/%H}"
    )
    for page in pages:
        for item in page.get("Contents", []):
            if item["LastModified"] > moment:
                yield CaptureFile(key=item["Key"], written=item["LastModified"])


def records(s3: "S3Client", bucket: str, key: str) -> int:
    """Lines of one file."""
    body = s3.get_object(Bucket=bucket, Key=key)["Body"]
    return sum(chunk.count(b"\n") for chunk in body.iter_chunks(1 << 20))


def lines(s3: "S3Client", manifest_uri: str) -> Iterator[bytes]:
    """Lines of the files that SageMaker's manifest [{"prefix": s3://...}, name, ...] lists, in its order."""
    prefix, *names = get_json(s3, *split_uri(manifest_uri))
    bucket, folder = split_uri(prefix["prefix"])
    for name in names:
        body = s3.get_object(Bucket=bucket, Key=folder + name)["Body"]
        yield from body.iter_lines(1 << 20)
