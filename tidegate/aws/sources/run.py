"""One run over one source: read what is new, make drops of it, and only then say that it is read."""

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.aws.objects import split_uri
from tidegate.aws.sources import bucket as source_bucket
from tidegate.aws.sources.failures import told
from tidegate.aws.sources.website import Website
from tidegate.aws.uploads import Upload
from tidegate.aws.watermarks import Pending, Progress, Watermarks
from tidegate.contract.plan import ContractPlan
from tidegate.ingestion import collection, watermark
from tidegate.ingestion.collection import Collected, SourceRefusedError, SourceUnavailableError
from tidegate.ingestion.watermark import Mark
from tidegate.settings.collect_section import CollectSection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LAST_SECONDS = 20  # of the function's time: to take back what is half done
_COPY_BYTES = 1 << 20


class Queried(Protocol):
    """A source that answers queries: a database or Athena."""

    schema: pa.Schema

    def page(self, after: Mark | None) -> tuple[int, Mark | None]: ...
    def without_watermark(self) -> int: ...
    def tables(self, low: Mark | None, high: Mark) -> Iterator[pa.Table]: ...


@dataclass(frozen=True, kw_only=True)
class Run:
    """What all kinds of sources need."""

    section: CollectSection
    contract: ContractPlan
    s3: "S3Client"
    drops_bucket: str
    watermarks: Watermarks
    remaining_seconds: Callable[[], float]  # until the function is stopped

    def query(self, source: Queried) -> Collected:
        """Page after page of rows, as long as there is time for another."""
        warnings = [*collection.schema_changes(source.schema, self.contract)]
        if lost := source.without_watermark():
            warnings.append(f"{lost} rows have no `{self.section.watermark}` and are never read")
        drops: list[str] = []
        rows, more = 0, True
        while more:
            began = time.monotonic()
            before, more = self._intended(source)
            if before.pending is None:
                break
            key, count = self._drop_of_rows(source, before.pending)
            drops += [key] if count else []
            rows += count
            self._advance(before, before.pending.high)
            if self.remaining_seconds() < 2 * (time.monotonic() - began) + _LAST_SECONDS:
                break
        return Collected(
            source=self.section.name,
            drops=tuple(drops),
            rows=rows,
            watermark=self.watermarks.progress(self.section.name).watermark,
            more=more,
            reason="" if drops else "no new rows",
            warnings=tuple(warnings),
        )

    def fetch(self, secret: Mapping[str, str]) -> Collected:
        """A page that changed becomes a drop."""
        name = self.section.name
        before = self.watermarks.progress(name)
        last: dict[str, Any] = json.loads(before.watermark or "{}")
        with tempfile.TemporaryFile(buffering=0) as file:
            site = Website(self.section, secret)
            page = site.fetch(file, etag=last.get("etag", ""), last_modified=last.get("last_modified", ""))
            if page is None:
                return Collected(source=name, reason="not modified", watermark=before.watermark)
            seen = {"etag": page.etag, "last_modified": page.last_modified, "sha256": page.sha256}
            number = last.get("number", 0)
            if page.sha256 == last.get("sha256"):
                after = json.dumps({**seen, "number": number})
                self._advance(before, after)
                return Collected(source=name, reason="the content is the same", watermark=after)
            ending = collection.extension(page.content_type, page.path, page.head)
            if ending is None:
                raise SourceRefusedError(
                    f"`{name}` is of no format that is read",
                    cause=f"content type {page.content_type or 'not told'} of {page.path}",
                    hint="CSV, JSON Lines and Parquet are read; text and binary types by the name in the URL",
                )
            key = collection.content_key(self.contract.dataset, name, number + 1, page.sha256, ending)
            self._drop_of_file(key, file)
        after = json.dumps({**seen, "number": number + 1})
        self._advance(before, after)
        warnings = () if page.length_known else ("the server did not say where the page ends",)
        return Collected(source=name, drops=(key,), watermark=after, warnings=warnings)

    def copy(self) -> Collected:
        """Objects that came since; as many as there is time for."""
        name, dataset = self.section.name, self.contract.dataset
        bucket, prefix = split_uri(self.section.uri or "")
        before = self.watermarks.progress(name)
        mark = datetime.fromisoformat(before.watermark) if before.watermark else None
        start = mark and mark - timedelta(seconds=self.section.overlap)
        drops, warnings, more = [], [], False
        reached = mark
        try:
            with told(self.section, "query"):
                found = source_bucket.since(self.s3, bucket, prefix, start)
                there = source_bucket.made(self.s3, self.drops_bucket, dataset, name) if found else set()
                for each in found:
                    if self.remaining_seconds() < _LAST_SECONDS:
                        more = True
                        break
                    key = collection.copy_key(dataset, name, each.key, each.etag)
                    if each.obstacle:
                        warnings.append(each.obstacle)
                    elif source_bucket.copy(
                        self.s3, bucket, each, bucket=self.drops_bucket, key=key, there=there
                    ):
                        drops.append(key)
                    reached = max(each.written, reached or each.written)
        finally:  # what is copied is copied, whatever came after
            if reached is not None and reached != mark:
                self._advance(before, reached.isoformat())
        return Collected(
            source=name,
            drops=tuple(drops),
            watermark=None if reached is None else reached.isoformat(),
            more=more,
            reason="" if drops else "no new objects",
            warnings=tuple(warnings),
        )

    def _intended(self, source: Queried) -> tuple[Progress, bool]:
        """The range to be read, written down, and whether there may be more behind it.

        A range that an earlier run left behind comes first, and as it was: its drop may be there.
        """
        section = self.section
        before = self.watermarks.progress(section.name)
        if before.pending is not None:
            return before, True
        after = self._mark(before.watermark or section.initial)
        count, newest = source.page(after)
        if newest is None:
            return before, False
        low = after
        if before.watermark is not None and after is not None:
            low = watermark.before(after, section.overlap)
        pending = Pending(low=None if low is None else watermark.text_of(low), high=watermark.text_of(newest))
        if not self.watermarks.intend(section.name, before, pending):
            raise self._overtaken()
        return dataclasses.replace(before, pending=pending), count >= section.maximum_rows

    def _drop_of_rows(self, source: Queried, pending: Pending) -> tuple[str, int]:
        low, high = self._mark(pending.low), self._mark(pending.high)
        if high is None:
            raise ValueError("a pending range has an upper end")
        key = collection.range_key(self.contract.dataset, self.section.name, low, high)
        tables = source.tables(low, high)
        table = next(tables, None)
        if table is None:  # deleted at the source since they were counted
            return key, 0
        rows = 0
        with (
            Upload(self.s3, self.drops_bucket, key) as upload,
            pq.ParquetWriter(upload, source.schema, compression="zstd") as writer,
        ):
            while table is not None:
                writer.write_table(table)
                rows += len(table)
                self._check_time()
                table = next(tables, None)
        return key, rows

    def _drop_of_file(self, key: str, file: BinaryIO) -> None:
        file.seek(0)
        with Upload(self.s3, self.drops_bucket, key) as upload:
            while chunk := file.read(_COPY_BYTES):
                upload.write(chunk)

    def _check_time(self) -> None:
        if self.remaining_seconds() < _LAST_SECONDS:
            raise SourceUnavailableError(
                f"`{self.section.name}` has more rows than one run can read",
                cause=f"{self.remaining_seconds():.0f} s are left of the function's time",
                hint="a smaller `maximum_rows` makes smaller drops; nothing was kept of this one",
            )

    def _mark(self, text: str | None) -> Mark | None:
        return None if text is None else watermark.parse(text, self.section.watermark_type)

    def _advance(self, before: Progress, after: str) -> None:
        if not self.watermarks.advance(self.section.name, before, after):
            raise self._overtaken()

    def _overtaken(self) -> SourceUnavailableError:
        return SourceUnavailableError(
            f"another run of `{self.section.name}` went on while this one was busy",
            cause="this run outlived its lease",
            hint="nothing is lost: that run has the watermark",
        )
