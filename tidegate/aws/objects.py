"""Objects in S3: one version read in ranges, small ones written and read whole."""

import io
import json
from collections import OrderedDict
from typing import IO, TYPE_CHECKING, Any, BinaryIO

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from tidegate.messages.ingestion import ObjectVersion

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

_READ_AHEAD_BYTES = 8 << 20  # a request costs some 30 ms whatever its size
_APART_BYTES = 1 << 20  # of a read that does not go on where one ended: Parquet's columns are read in turns
_HELD_BYTES = 16 << 20
_PIECE_BYTES = 1 << 20  # of a read that is itself so large that nothing is read ahead
ABSENT = (403, 404)  # S3 says 403 of what is not there to those who may not list the bucket


def open_version(s3: "S3Client", found: ObjectVersion) -> BinaryIO:
    """Random access to this very version, though newer ones may exist."""
    return io.BufferedReader(_VersionReader(s3, found))


def newest_version(s3: "S3Client", bucket: str, key: str) -> ObjectVersion | None:
    """What is under a key now; None when nothing is (S3 says 403 to those who may not list the bucket)."""
    try:
        found = s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] in ABSENT:
            return None
        raise
    return ObjectVersion(
        bucket=bucket,
        key=key,
        version_id=found.get("VersionId", ""),
        etag=found["ETag"].strip('"'),
        size_bytes=found["ContentLength"],
    )


class _VersionReader(io.RawIOBase):
    """Reads in ranges, far ahead where reading goes on; the newest 16 MiB are held.

    A read of 8 MiB or more, as of a row group, goes straight to where it is wanted.
    """

    def __init__(self, s3: "S3Client", drop: ObjectVersion) -> None:
        self.s3 = s3
        self.size = drop.size_bytes
        self.position = 0
        self.blocks: OrderedDict[int, bytes] = OrderedDict()  # by where they start, least used first
        self.request: dict[str, Any] = {"Bucket": drop.bucket, "Key": drop.key}
        if drop.version_id not in ("", "null"):
            self.request["VersionId"] = drop.version_id
        elif drop.etag:
            self.request["IfMatch"] = (
                drop.etag
            )  # without versions, at least never half of one and half of another

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self.position, io.SEEK_END: self.size}[whence]
        self.position = max(0, base + offset)
        return self.position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self.size - self.position)
        filled = 0
        while filled < wanted:
            if wanted - filled >= _READ_AHEAD_BYTES and self._block(self.position) is None:
                taken = self._stream(view[filled:wanted])
            else:
                piece = self._at(self.position, wanted - filled)
                taken = len(piece)
                view[filled : filled + taken] = piece
            filled += taken
            self.position += taken
        return max(0, filled)

    def _stream(self, view: memoryview) -> int:
        """Fill it in one request, without holding what it brings twice."""
        body = self._get(self.position, self.position + len(view))
        filled = 0
        while filled < len(view) and (piece := body.read(min(_PIECE_BYTES, len(view) - filled))):
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
        return filled

    def _block(self, position: int) -> int | None:
        """Where the block starts that has this byte."""
        return next((s for s, block in self.blocks.items() if s <= position < s + len(block)), None)

    def _at(self, position: int, wanted: int) -> bytes:
        start = self._block(position)
        if start is None:
            start = position
            self.blocks[start] = self._fetch(position, wanted)
            while len(self.blocks) > 1 and sum(map(len, self.blocks.values())) > _HELD_BYTES:
                self.blocks.popitem(last=False)
        self.blocks.move_to_end(start)
        inside = position - start
        return self.blocks[start][inside : inside + wanted]

    def _fetch(self, position: int, wanted: int) -> bytes:
        goes_on = not self.blocks or any(s + len(block) == position for s, block in self.blocks.items())
        ahead = _READ_AHEAD_BYTES if goes_on else _APART_BYTES
        stop = min(self.size, position + max(wanted, ahead))
        return self._get(position, stop).read()

    def _get(self, start: int, stop: int) -> "StreamingBody":
        return self.s3.get_object(**self.request, Range=f"bytes={start}-{stop - 1}")["Body"]


def put_file(s3: "S3Client", bucket: str, key: str, file: IO[bytes]) -> None:
    """Upload a file from its beginning, part by part: parts in parallel would each be held in memory."""
    file.seek(0)
    s3.upload_fileobj(file, bucket, key, Config=TransferConfig(use_threads=False))


def put_json(s3: "S3Client", bucket: str, key: str, document: Any) -> None:
    body = json.dumps(document, ensure_ascii=False, indent=2).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="application/json")


def get_json(s3: "S3Client", bucket: str, key: str) -> Any:
    return json.loads(get_bytes(s3, bucket, key))


def get_bytes(s3: "S3Client", bucket: str, key: str) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def split_uri(uri: str) -> tuple[str, str]:
    """Bucket and key of an `s3://` URI."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key
