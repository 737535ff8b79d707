"""A page on the web: asked for only if it changed, read to its end or not at all.

Redirects are followed here and not by the client: to https alone unless the page itself is http, and a secret
goes to the host it was meant for.
"""

import hashlib
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, NoReturn
from urllib.parse import urljoin, urlsplit

import pyarrow as pa
import urllib3
from urllib3.exceptions import HTTPError

from tidegate.ingestion.collection import SourceRefusedError, SourceUnavailableError
from tidegate.settings.collect_section import CollectSection

_CHUNK_BYTES = 1 << 20
_CONNECT_SECONDS = 10
_REDIRECTS = 5
_RESUMPTIONS = 3
_MOVED = (301, 302, 303, 307, 308)
_OK, _PARTIAL, _NOT_MODIFIED = 200, 206, 304
_PASSING = (408, 425, 429)  # too early, too often: as little final as a server's own error
_COMPRESSED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_NEXT = "nothing is lost: the next run asks again"


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A page that was read whole into the given file."""

    content_type: str
    path: str  # of the URL it came from in the end
    etag: str
    last_modified: str
    sha256: str
    head: bytes
    length_known: bool  # whether the server said where the page ends


class Website:
    """One page of `section`."""

    def __init__(self, section: CollectSection, secret: Mapping[str, str]) -> None:
        self.section = section
        self.secret = secret
        self.end = time.monotonic() + section.timeout_seconds
        timeout = urllib3.Timeout(connect=_CONNECT_SECONDS, read=section.timeout_seconds)
        self.pool = urllib3.PoolManager(retries=False, timeout=timeout)

    def fetch(self, into: BinaryIO, *, etag: str, last_modified: str) -> Fetched | None:
        """The page as it is now; None when it is still the one of `etag` or `last_modified`.

        Args:
            into: an empty file without a buffer: Arrow reads it through a descriptor of its own.

        Raises:
            SourceUnavailableError: it did not come, not in time or not whole, or changed while it came.
            SourceRefusedError: the server says no, or says something that we do not take.
        """
        known = {"If-None-Match": etag} if etag else {}
        if last_modified and not etag:
            known["If-Modified-Since"] = last_modified
        with self._told():
            url, answer = self._ask(self.section.url or "", known)
            try:
                if answer.status == _NOT_MODIFIED:
                    return None
                self._accept(answer)
                length_known = "content-length" in answer.headers or answer.chunked
                self._read(url, answer, into)
            finally:
                answer.close()
        return self._checked(url, answer.headers, into, length_known=length_known)

    def _ask(self, url: str, headers: Mapping[str, str]) -> tuple[str, urllib3.BaseHTTPResponse]:
        origin = urlsplit(self.section.url or "")
        for _ in range(_REDIRECTS + 1):
            here = urlsplit(url)
            same = (here.scheme, here.netloc) == (origin.scheme, origin.netloc)
            answer = self.pool.request(
                "GET",
                url,
                headers={"Accept-Encoding": "identity", **headers, **(self.secret if same else {})},
                preload_content=False,
                decode_content=False,
                redirect=False,
            )
            if answer.status not in _MOVED:
                return url, answer
            answer.close()
            url = urljoin(url, answer.headers.get("Location", ""))
            if urlsplit(url).scheme not in ("https", origin.scheme):
                self._refuse(f"it redirects to {_shown(url)}", "only https is followed")
        return self._refuse(f"it redirects more than {_REDIRECTS} times", "mend the `url`")

    def _accept(self, answer: urllib3.BaseHTTPResponse) -> None:
        status = answer.status
        if status >= 500 or status in _PASSING:  # noqa: PLR2004 - HTTP's server errors
            self._fail(f"it answers {status} {answer.reason}", _NEXT)
        if status in (401, 403):
            self._refuse(f"it answers {status} {answer.reason}", "mend the header in the `secret`")
        if status != _OK:
            self._refuse(f"it answers {status} {answer.reason}", "mend the `url`")
        media = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        allowed = [each.lower() for each in self.section.content_types]
        if allowed and media not in allowed:
            self._refuse(f"its content type is {media or 'not told'}", f"allowed are {', '.join(allowed)}")
        if answer.headers.get("Content-Encoding", "identity").lower() not in ("identity", "gzip", "zstd"):
            self._refuse(
                f"it is encoded as {answer.headers['Content-Encoding']}", "identity, gzip and zstd are read"
            )

    def _read(self, url: str, answer: urllib3.BaseHTTPResponse, into: BinaryIO) -> None:
        """To the end; a broken connection is taken up where it broke, as long as the page is the same."""
        etag = answer.headers.get("ETag", "")
        for attempt in range(_RESUMPTIONS + 1):
            try:
                self._copy(answer, into)
            except HTTPError:
                strong = etag and not etag.startswith("W/")
                if attempt == _RESUMPTIONS or not strong or time.monotonic() > self.end:
                    raise
            else:
                return
            finally:
                answer.close()
            answer = self._resume(url, etag, into.tell())

    def _resume(self, url: str, etag: str, position: int) -> urllib3.BaseHTTPResponse:
        _, answer = self._ask(url, {"Range": f"bytes={position}-", "If-Range": etag})
        begins = answer.headers.get("Content-Range", "").startswith(f"bytes {position}-")
        if answer.status == _OK or answer.headers.get("ETag", etag) != etag:
            answer.close()
            self._fail("it changed while it was read", _NEXT)
        if answer.status != _PARTIAL or not begins:
            answer.close()
            self._fail(f"it broke off after {position} bytes and answers {answer.status}", _NEXT)
        return answer

    def _copy(self, answer: urllib3.BaseHTTPResponse, into: BinaryIO) -> None:
        limit = self.section.maximum_mebibytes << 20
        # what is there counts, however little: a chunk that never fills would hide a server that dawdles
        while chunk := answer.read1(_CHUNK_BYTES):
            into.write(chunk)
            if into.tell() > limit:
                self._refuse(
                    f"it has more than {self.section.maximum_mebibytes} MiB", "raise `maximum_mebibytes`"
                )
            if time.monotonic() > self.end:
                self._fail(f"it was not read after {self.section.timeout_seconds} s", _NEXT)

    def _checked(
        self, url: str, headers: Mapping[str, str], into: BinaryIO, *, length_known: bool
    ) -> Fetched:
        into.seek(0)
        head = into.read(4)
        self._check_end(head, into)
        into.seek(0)
        digest = hashlib.sha256()
        while chunk := into.read(_CHUNK_BYTES):
            digest.update(chunk)
        return Fetched(
            content_type=headers.get("Content-Type", ""),
            path=urlsplit(url).path,
            etag=headers.get("ETag", ""),
            last_modified=headers.get("Last-Modified", ""),
            sha256=digest.hexdigest(),
            head=head,
            length_known=length_known,
        )

    def _check_end(self, head: bytes, into: BinaryIO) -> None:
        """Formats that know their own end have to have it: the server may have been given half."""
        if head == b"PAR1":
            into.seek(-4, 2)
            if into.tell() == 0 or into.read() != b"PAR1":
                self._fail("its Parquet file has no end", _NEXT)
        packed = next((name for magic, name in _COMPRESSED.items() if head.startswith(magic)), None)
        if packed:
            into.seek(0)
            with open(os.dup(into.fileno()), "rb") as again:  # noqa: PTH123 - Arrow closes what it reads
                try:
                    self._unpack(pa.CompressedInputStream(pa.PythonFile(again, "r"), packed))
                except OSError as cause:
                    self._fail(f"its {packed} is not whole: {cause}", _NEXT)

    def _unpack(self, stream: pa.CompressedInputStream) -> None:
        while stream.read(_CHUNK_BYTES):
            if time.monotonic() > self.end:
                self._fail(f"it was not unpacked after {self.section.timeout_seconds} s", _NEXT)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (HTTPError, OSError) as cause:
            self._fail(_reason(cause), _NEXT)

    def _fail(self, cause: str, hint: str) -> NoReturn:
        what = f"`{self.section.name}` cannot be read from {_shown(self.section.url or '')}"
        raise SourceUnavailableError(what, cause=cause, hint=hint)

    def _refuse(self, cause: str, hint: str) -> NoReturn:
        what = f"`{self.section.name}` gives nothing to take at {_shown(self.section.url or '')}"
        raise SourceRefusedError(what, cause=cause, hint=hint)


def _shown(url: str) -> str:
    """Without its query, which may hold a key."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{parts.path}"


def _reason(error: BaseException) -> str:
    """The client's messages may hold the whole URL: the innermost cause says enough."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    kind = type(error).__name__
    return kind if "/" in str(error) or "?" in str(error) else f"{kind}: {error}"
