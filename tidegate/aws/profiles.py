"""Parquet tables and profiles in the lake, whole: they are small."""

import hashlib
import io
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.aws import objects
from tidegate.messages.ingestion import Drop, Verdict
from tidegate.profile import Profile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def put_table(s3: "S3Client", bucket: str, key: str, table: pa.Table) -> str:
    """Write it and return the sha256 (hex) of the file."""
    body = parquet(table)
    s3.put_object(Bucket=bucket, Key=key, Body=body)
    return hashlib.sha256(body).hexdigest()


def parquet(table: pa.Table) -> bytes:
    """A table as a file: equal rows in equal order are equal bytes."""
    body = io.BytesIO()
    # in one piece: where a table was cut would show in the file
    pq.write_table(table.combine_chunks(), body, compression="zstd")
    return body.getvalue()


def get_table(s3: "S3Client", bucket: str, key: str, columns: list[str] | None = None) -> pa.Table:
    body = pa.BufferReader(objects.get_bytes(s3, bucket, key))
    return pq.ParquetFile(body).read(columns=columns, use_threads=False)


def put_profile(s3: "S3Client", bucket: str, key: str, profile: Profile) -> None:
    put_table(s3, bucket, key, profile.to_table())


def put_drop_profile(
    s3: "S3Client", bucket: str, key: str, profile: Profile, *, drop: Drop, verdict: Verdict
) -> None:
    """A profile as a file of the profiles table: each row says of which drop, and how that was judged."""
    table = profile.to_table()
    facts = {
        "drop_id": drop.drop_id,
        "object_key": drop.key,
        "arrived_at": drop.arrived_at,
        "verdict": verdict.status,
    }
    for name, value in facts.items():
        table = table.append_column(name, pa.array([value] * table.num_rows, pa.string()))
    put_table(s3, bucket, key, table)


def get_profile(s3: "S3Client", bucket: str, key: str) -> Profile:
    return Profile.from_table(get_table(s3, bucket, key))
