"""An object written as a stream: there completely or not at all, and only if it was not there before."""

import io
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PART_BYTES = 8 << 20  # S3 takes parts from 5 MiB, and 10,000 of them: objects up to 80 GiB
# S3's answers to If-None-Match: it is there; another upload of the same key is ending just now
_THERE = ("PreconditionFailed", "ConditionalRequestConflict")


class Upload(io.RawIOBase):
    """Write, and leave the block: with an exception nothing remains. Holds one part in memory.

    `was_there` says afterwards that the key had an object, which stays as it is.
    """

    def __init__(self, s3: "S3Client", bucket: str, key: str) -> None:
        self.s3 = s3
        self.target: Any = {"Bucket": bucket, "Key": key}
        self.upload_id: str | None = None
        self.parts: list[Any] = []
        self.buffer = bytearray()
        self.size = 0
        self.was_there = False

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        length = memoryview(data).nbytes
        self.buffer += data
        self.size += length
        while len(self.buffer) >= _PART_BYTES:
            self._send(bytes(self.buffer[:_PART_BYTES]))
            del self.buffer[:_PART_BYTES]
        return length

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._complete()
        finally:
            self.buffer.clear()
            if self.upload_id is not None:
                self.s3.abort_multipart_upload(**self.target, UploadId=self.upload_id)

    def _send(self, part: bytes) -> None:
        if self.upload_id is None:
            self.upload_id = self.s3.create_multipart_upload(**self.target)["UploadId"]
        number = len(self.parts) + 1
        answer = self.s3.upload_part(**self.target, UploadId=self.upload_id, PartNumber=number, Body=part)
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def _complete(self) -> None:
        try:
            if self.upload_id is None:
                self.s3.put_object(**self.target, Body=bytes(self.buffer), IfNoneMatch="*")
                return
            if self.buffer:
                self._send(bytes(self.buffer))
            self.s3.complete_multipart_upload(
                **self.target,
                UploadId=self.upload_id,
                MultipartUpload={"Parts": self.parts},
                IfNoneMatch="*",
            )
            self.upload_id = None
        except ClientError as error:
            if error.response["Error"]["Code"] not in _THERE:
                raise
            self.was_there = True
