"""Captured traffic in the lake: which files hold what no window has measured yet."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from tidegate.aws.objects import get_json, split_uri

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, kw_only=True)
class CaptureFile:
    """One JSON Lines file of a variant; complete once it is there."""

    key: str
    written: datetime


def since(
    s3: "S3Client", bucket: str, prefix: str, moment: datetime, *, late: timedelta = timedelta(hours=1)
) -> Iterator[CaptureFile]:
    """Files below `prefix` written after `moment`, in order of name.

    Args:
        prefix: of a variant, with its last slash.
        late: the hour in a key is the hour of the traffic: a file that is written this much later is found.
    """
    hour = moment - late
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
    return (line for _, line in with_variants(s3, manifest_uri))


def with_variants(s3: "S3Client", manifest_uri: str) -> Iterator[tuple[str, bytes]]:
    """The same, each line with the variant that answered: keys are captures/<endpoint>/<variant>/..."""
    prefix, *names = get_json(s3, *split_uri(manifest_uri))
    bucket, folder = split_uri(prefix["prefix"])
    for name in names:
        key = folder + name
        variant = key.split("/")[2]
        body = s3.get_object(Bucket=bucket, Key=key)["Body"]
        for line in body.iter_lines(1 << 20):
            yield variant, line
