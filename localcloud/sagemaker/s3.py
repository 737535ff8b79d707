"""Data between S3 and a container's folder, moved with the rights of the job's role."""

import contextlib
import functools
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from localcloud import cloud, identity
from localcloud.sagemaker.uris import join, relative, split

_creating = threading.Lock()  # boto3's default session does not bear concurrent use


class DataError(Exception):
    """Data of a job could not be read or written; `str()` is fit for FailureReason."""


def client(role_arn: str) -> Any:
    """An S3 client that acts as the role, as SageMaker does with the role it was passed."""
    with _creating:
        return _client(cloud.current().url, role_arn)


@functools.lru_cache(maxsize=256)
def _client(url: str, role_arn: str) -> Any:
    keys = identity.credentials(role_arn)
    return boto3.client(
        "s3",
        region_name=cloud.current().region,
        endpoint_url=url,
        aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=keys["AWS_SESSION_TOKEN"],
        config=Config(retries={"max_attempts": 1}, max_pool_connections=32, s3={"addressing_style": "path"}),
    )


def download(source: Mapping[str, Any], folder: Path, role_arn: str) -> int:
    """Fetch an S3DataSource or S3Input (S3Prefix or ManifestFile) into `folder`; how many objects came.

    Raises:
        DataError: nothing lies there, or the role may not read it. The text is SageMaker's.
    """
    uri = source["S3Uri"]
    found = 0
    try:
        found = sum(1 for _ in _fetch(source, folder, client(role_arn)))
    except ClientError as error:
        raise DataError(f"Data download failed:Failed to download data from {uri}: {error}") from error
    if not found:
        bucket, _ = split(uri)
        raise DataError(
            f'Data download failed:No S3 objects found under S3 URL "{uri}" given in input data source. '
            f"Please ensure that the bucket exists in the selected region ({cloud.current().region}), "
            f'that objects exist under that S3 prefix, and that the role "{role_arn}" has '
            f'"s3:ListBucket" permissions on bucket "{bucket}".'
        )
    return found


def _fetch(source: Mapping[str, Any], folder: Path, s3: Any) -> Iterator[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    bucket, prefix = split(source["S3Uri"])
    if source["S3DataType"] == "ManifestFile":
        for uri, name in _manifest(s3, bucket, prefix):
            yield _fetch_one(s3, *split(uri), _inside(folder, name))
        return
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for item in page.get("Contents", []):
            if not item["Key"].endswith("/"):  # a folder's marker
                yield _fetch_one(s3, bucket, item["Key"], _inside(folder, relative(item["Key"], prefix)))


def _manifest(s3: Any, bucket: str, key: str) -> Iterator[tuple[str, str]]:
    """(URI, name) of each object of a manifest: `[{"prefix": "s3://b/p/"}, "one", "two", ...]`."""
    head, *names = json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    for name in names:
        yield head["prefix"] + name, name


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise DataError(f"Data download failed:the key {name!r} points outside of its folder")
    return path


def _fetch_one(s3: Any, bucket: str, key: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        for chunk in s3.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1 << 20):
            file.write(chunk)
    return path


def download_file(uri: str, path: Path, role_arn: str) -> Path:
    """One object into one file; a DataError that names it when it cannot be read."""
    try:
        return _fetch_one(client(role_arn), *split(uri), path)
    except ClientError as error:
        raise DataError(f"Failed to download {uri}: {error}") from error


def put_file(path: Path, uri: str, role_arn: str) -> None:
    with path.open("rb") as file:
        put(file, uri, role_arn)


def put(content: bytes | IO[bytes], uri: str, role_arn: str) -> None:
    """Upload with the role's rights; a refusal is a DataError that names the object."""
    bucket, key = split(uri)
    try:
        client(role_arn).put_object(Bucket=bucket, Key=key, Body=content)
    except ClientError as error:
        raise DataError(f"Artifact upload failed:Failed to upload {uri}: {error}") from error


class Mirror:
    """A folder whose files are copied to S3 as they change: checkpoints and continuous outputs.

    What lies in the folder when this is made counts as copied already.
    """

    def __init__(self, folder: Path, uri: str, role_arn: str, *, deletes: bool) -> None:
        self.folder = folder
        self._uri = uri
        self._role_arn = role_arn
        self._deletes = deletes
        self._seen = self._look()

    def push(self) -> None:
        """Copy what is new or changed since the last time; symbolic links are left out, as AWS does."""
        there = self._look()
        for name, version in there.items():
            if self._seen.get(name) == version:
                continue
            with contextlib.suppress(FileNotFoundError):  # renamed or removed just now: the next time tells
                put_file(self.folder / name, join(self._uri, name), self._role_arn)
        if self._deletes:
            for name in self._seen.keys() - there.keys():
                bucket, key = split(join(self._uri, name))
                client(self._role_arn).delete_object(Bucket=bucket, Key=key)
        self._seen = there

    def _look(self) -> dict[str, tuple[int, int]]:
        return {
            path.relative_to(self.folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
            for path in sorted(self.folder.rglob("*"))
            if path.is_file() and not path.is_symlink()
        }
