"""What callers told of outcomes: one small object for each request, one file for each past hour.

Every telling is kept, also the second and the contradicting one: who joins them decides. The hour in a key
is the hour of the telling, so a past hour never changes; whoever reads it first puts its tellings together.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tidegate.aws.objects import get_bytes

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

TRUTH = "ground-truth/"
TOLD = "outcomes/told/"
BY_HOUR = "outcomes/by-hour/"
_HOUR = "%Y/%m/%d/%H"
_SETTLED = timedelta(minutes=5)  # after which no function still writes into an hour
_READERS = 16


def put(s3: "S3Client", bucket: str, records: Sequence[Mapping[str, Any]], now: datetime) -> None:
    """Keep what one request told, in SageMaker's ground-truth form; the same again within an hour is one."""
    told = json.dumps([_told(record) for record in records])
    digest = hashlib.sha256(told.encode()).hexdigest()[:8]
    key = f"{TOLD}{now:{_HOUR}}/{_told(records[0])[0]}-{digest}.jsonl"
    s3.put_object(Bucket=bucket, Key=key, Body=b"".join(map(_line, records)))


def keep_first(s3: "S3Client", bucket: str, record: Mapping[str, Any]) -> bool:
    """Write an outcome once; False when another one is there.

    One key for each inference, however often and late it is told: the first telling decides.
    """
    inference_id, outcome = _told(record)
    key = f"{TRUTH}{inference_id[:2]}/{inference_id}.jsonl"
    try:
        s3.put_object(Bucket=bucket, Key=key, Body=_line(record), IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        return bool(_told(json.loads(get_bytes(s3, bucket, key)))[1] == outcome)
    return True


def _told(record: Mapping[str, Any]) -> tuple[str, str]:
    """Inference id and outcome."""
    return record["eventMetadata"]["eventId"], record["groundTruthData"]["data"]


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def since(s3: "S3Client", bucket: str, moment: datetime) -> Iterator[bytes]:
    """Lines told in the hour of `moment` and later, by hour.

    Only hours that are not one file yet are listed telling by telling.
    """
    past = list(_keys(s3, bucket, BY_HOUR, BY_HOUR + f"{moment:{_HOUR}}"))
    with ThreadPoolExecutor(_READERS) as readers:
        for body in readers.map(lambda key: get_bytes(s3, bucket, key), past):
            yield from body.splitlines()
        read = {key.removeprefix(BY_HOUR).removesuffix(".jsonl") for key in past}
        settled = f"{datetime.now(UTC) - _SETTLED:{_HOUR}}"
        for hour in _hours(s3, bucket, moment):
            if hour in read:
                continue
            keys = _keys(s3, bucket, f"{TOLD}{hour}/")
            body = b"".join(readers.map(lambda key: get_bytes(s3, bucket, key), keys))
            if hour < settled:
                s3.put_object(Bucket=bucket, Key=f"{BY_HOUR}{hour}.jsonl", Body=body)
            yield from body.splitlines()


def _hours(s3: "S3Client", bucket: str, moment: datetime) -> Iterator[str]:
    """Hours since `moment` in which something was told, by the folders of their days."""
    first = f"{moment:{_HOUR}}"
    for year in _folders(s3, bucket, TOLD, first):
        for month in _folders(s3, bucket, year, first):
            for day in _folders(s3, bucket, month, first):
                for hour in _folders(s3, bucket, day, first):
                    yield hour.removeprefix(TOLD).rstrip("/")


def _folders(s3: "S3Client", bucket: str, prefix: str, first: str) -> Iterator[str]:
    """Below `prefix`, in order, without those that end before the hour `first`."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    for page in pages:
        for item in page.get("CommonPrefixes", []):
            told = item["Prefix"].removeprefix(TOLD).rstrip("/")
            if told >= first[: len(told)]:
                yield item["Prefix"]


def _keys(s3: "S3Client", bucket: str, prefix: str, after: str = "") -> Iterator[str]:
    """In order of name."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
    for page in pages:
        for item in page.get("Contents", []):
            yield item["Key"]
