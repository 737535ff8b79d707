"""Origins in the lake: states of a dataset, rows of its drops, the index of captured requests.

Tables are read by their files, without pyiceberg: a question that is asked at a terminal should not wait for
its imports. A data file lies under the id of the drop that it is of.
"""

import gzip
import io
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.aws import captures, objects
from tidegate.aws.captures import CaptureFile
from tidegate.messages.ingestion import ObjectVersion
from tidegate.origins import captured
from tidegate.origins.history import History

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

INDEX = "origins/captures/"
READERS = 8
_STAMP = "%Y%m%dT%H%M%S"
_WHOLE_BYTES = 4 << 20  # of an object that is read at once
_BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
SETTLED = timedelta(seconds=2)  # S3 tells whole seconds: a younger file may get company of the same age


def history(glue: "GlueClient", s3: "S3Client", database: str, table: str) -> History:
    """The states of a table; none where there is no such table."""
    try:
        found = glue.get_table(DatabaseName=database, Name=table)["Table"]
    except glue.exceptions.EntityNotFoundException:
        return History(table, {}, None)
    location = found.get("Parameters", {}).get("metadata_location", "")
    body = objects.get_bytes(s3, *objects.split_uri(location))
    text = gzip.decompress(body) if location.endswith(".gz.metadata.json") else body
    return History.of(table, json.loads(text))


def rows_of_drops(
    s3: "S3Client", bucket: str, dataset: str, drops: Sequence[str], columns: Sequence[str]
) -> Iterator[tuple[str, pa.Table]]:
    """(drop, rows) of each file of these drops; columns that a file lacks are null."""
    with ThreadPoolExecutor(READERS) as pool:
        keys = pool.map(lambda drop: _files_of(s3, bucket, dataset, drop), drops)
        files = [(drop, key) for drop, each in zip(drops, keys, strict=True) for key in each]
        tables = pool.map(lambda file: _read(s3, bucket, file[1], columns), files)
        yield from ((drop, table) for (drop, _), table in zip(files, tables, strict=True))


def _files_of(s3: "S3Client", bucket: str, dataset: str, drop: str) -> list[ObjectVersion]:
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"warehouse/{dataset}/data/{drop}/"
    )
    return [_version(bucket, item) for page in pages for item in page.get("Contents", [])]


def _version(bucket: str, item: Any) -> ObjectVersion:
    return ObjectVersion(
        bucket=bucket,
        key=item["Key"],
        version_id="",
        etag=item["ETag"].strip('"'),
        size_bytes=item["Size"],
    )


def _read(s3: "S3Client", bucket: str, found: ObjectVersion, columns: Sequence[str]) -> pa.Table:
    file = _opened(s3, bucket, found)
    there = [name for name in columns if name in file.schema_arrow.names]
    table = file.read(columns=there, use_threads=False)
    for name in columns:
        if name not in there:
            table = table.append_column(name, pa.nulls(table.num_rows))
    return table.select(list(columns))


def _opened(s3: "S3Client", bucket: str, found: ObjectVersion) -> pq.ParquetFile:
    small = found.size_bytes <= _WHOLE_BYTES
    return pq.ParquetFile(
        io.BytesIO(objects.get_bytes(s3, bucket, found.key)) if small else objects.open_version(s3, found)
    )


def indexes(s3: "S3Client", bucket: str) -> list[ObjectVersion]:
    """All parts of the index, the newest first."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=INDEX)
    found = [_version(bucket, item) for page in pages for item in page.get("Contents", [])]
    return sorted(found, key=lambda each: each.key, reverse=True)


def watermark(parts: Sequence[ObjectVersion]) -> datetime:
    """Capture files written later are in no part of the index."""
    if not parts:
        return _BEGINNING
    stamp = parts[0].key.removeprefix(INDEX).partition("-")[0]
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


def put_index(s3: "S3Client", bucket: str, index: captured.Index, *, until: datetime, name: str) -> str:
    """Keep a part of the index, of files written until then; its key."""
    body = io.BytesIO()
    pq.write_table(
        index.table(),
        body,
        compression="zstd",
        row_group_size=captured.ROW_GROUP,
        write_statistics=["inference_id"],
        use_dictionary=["model", "file", "looked_up.list.element.view", "looked_up.list.element.entity"],
    )
    key = f"{INDEX}{until:{_STAMP}}-{name}.parquet"
    s3.put_object(Bucket=bucket, Key=key, Body=body.getvalue())
    return key


def unindexed(s3: "S3Client", bucket: str, endpoint: str, since: datetime) -> list[CaptureFile]:
    """Capture files of all variants written after that, the oldest first."""
    below = f"captures/{endpoint}/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below, Delimiter="/")
    variants = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", [])]
    found = [file for variant in variants for file in captures.since(s3, bucket, variant, since)]
    return sorted(found, key=lambda file: (file.written, file.key))


def find(
    s3: "S3Client", bucket: str, parts: Sequence[ObjectVersion], inference_id: str
) -> list[dict[str, Any]]:
    """Rows of the index with that id, as many as there are records of it in the newest part that has one."""
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(parts), READERS):
            some = parts[start : start + READERS]
            for rows in pool.map(lambda part: _find(s3, bucket, part, inference_id), some):
                if rows:
                    return rows
    return []


def _find(s3: "S3Client", bucket: str, part: ObjectVersion, inference_id: str) -> list[dict[str, Any]]:
    file = _opened(s3, bucket, part)
    groups = [i for i in range(file.num_row_groups) if _may_hold(file.metadata.row_group(i), inference_id)]
    if not groups:
        return []
    rows = file.read_row_groups(groups, use_threads=False)
    ids = rows["inference_id"].to_pylist()  # in order
    first, stop = bisect_left(ids, inference_id), bisect_right(ids, inference_id)
    found: list[dict[str, Any]] = rows.slice(first, stop - first).to_pylist()
    return found


def _may_hold(group: Any, inference_id: str) -> bool:
    statistics = group.column(0).statistics
    if statistics is None or not statistics.has_min_max:
        return True
    return bool(statistics.min <= inference_id <= statistics.max)


def all_rows(s3: "S3Client", bucket: str, parts: Iterable[ObjectVersion]) -> Iterator[pa.Table]:
    """Every row of the index without where it lies, part by part."""
    columns = ["inference_id", "at", "model", "looked_up"]
    for part in parts:
        yield _opened(s3, bucket, part).read(columns=columns, use_threads=False)


def record(s3: "S3Client", bucket: str, key: str, offset: int, length: int) -> bytes:
    """One line of a capture file."""
    answer = s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={offset}-{offset + length - 1}")
    return answer["Body"].read()
