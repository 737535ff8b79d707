"""Records that MLflow does not have yet: one object each under `tracking/` of the lake.

A record is put here before anybody tries to write it to MLflow and deleted after it was: whatever ends the
process in between, it is written the next time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tidegate.aws.objects import get_bytes
from tidegate.errors import TidegateError
from tidegate.training.tracking import Record, from_lines, to_lines

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PREFIX = "tracking/"


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """Which records are in MLflow now, and why the others are not."""

    written: Sequence[str]
    waiting: dict[str, str]  # reason by the record's id


def put(s3: "S3Client", bucket: str, record: Record) -> None:
    body = to_lines(record).encode()
    s3.put_object(Bucket=bucket, Key=_key(record.id), Body=body, ContentType="application/jsonl")


def replay(
    s3: "S3Client", bucket: str, write: Callable[[Record], None], *, time_left: Callable[[], bool]
) -> Replayed:
    """Write what waits, the newest first, as long as there is time; one that fails holds up no other."""
    written: list[str] = []
    waiting: dict[str, str] = {}
    for key in sorted(_keys(s3, bucket), reverse=True):
        name = key.removeprefix(PREFIX).removesuffix(".jsonl")
        if not time_left():
            waiting[name] = "no time was left"
            continue
        try:
            write(from_lines(get_bytes(s3, bucket, key).decode()))
        except (TidegateError, UnicodeDecodeError) as error:
            waiting[name] = str(error)
            continue
        s3.delete_object(Bucket=bucket, Key=key)
        written.append(name)
    return Replayed(written=written, waiting=waiting)


def _keys(s3: "S3Client", bucket: str) -> Iterator[str]:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=PREFIX):
        yield from (found["Key"] for found in page.get("Contents", []))


def _key(record_id: str) -> str:
    return f"{PREFIX}{record_id}.jsonl"  # ids begin with the time, so names sort by it
