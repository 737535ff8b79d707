"""Collection from source systems: what a drop of it is called, what a run answers, what can go wrong.

The key of a drop is a function of what is in it, so that collecting the same twice cannot make two of it.
"""

import hashlib
from dataclasses import dataclass

import pyarrow as pa

from tidegate.contract.plan import ContractPlan
from tidegate.errors import TidegateError
from tidegate.ingestion.envelope import PREFIX
from tidegate.ingestion.formats import FileFormat, format_of
from tidegate.ingestion.watermark import Mark, name_part
from tidegate.messages.message import Message

_MEDIA_TYPES = {
    "text/csv": ".csv",
    "application/csv": ".csv",
    "application/x-ndjson": ".jsonl",
    "application/ndjson": ".jsonl",
    "application/jsonl": ".jsonl",
    "application/x-jsonlines": ".jsonl",
    "application/vnd.apache.parquet": ".parquet",
    "application/x-parquet": ".parquet",
    "application/parquet": ".parquet",
}
# they say nothing of the format, so that the name in the URL has to
_VAGUE_TYPES = {
    *("", "text/plain", "application/octet-stream", "binary/octet-stream"),
    *("application/gzip", "application/x-gzip", "application/zstd"),
}
_EXTENSIONS = {"csv": ".csv", "jsonl": ".jsonl", "parquet": ".parquet"}
_COMPRESSED = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst"}
_BASENAME_BYTES = 200  # a key has at most 1024


class SourceUnavailableError(TidegateError):
    """The source did not answer, not in time or not to the end. The watermark stays; try again."""


class SourceRefusedError(TidegateError):
    """The source answered that it will not: credentials, query, format. Somebody has to change something."""


@dataclass(frozen=True, kw_only=True)
class Collected(Message):
    """What a run of Collect did."""

    source: str
    drops: tuple[str, ...] = ()  # keys of the objects made
    rows: int | None = None  # where they were counted
    watermark: str | None = None  # how far the source is read now
    more: bool = False  # whether the source has more than one run takes
    reason: str = ""  # why there is no drop
    warnings: tuple[str, ...] = ()  # rows that no watermark reaches, columns that changed, objects left out


def prefix(dataset: str, name: str) -> str:
    """All drops of a source begin so."""
    return f"{PREFIX}{dataset}/collected-{name}-"


def range_key(dataset: str, name: str, low: Mark | None, high: Mark) -> str:
    """Of the rows of ]low, high]."""
    return f"{prefix(dataset, name)}{name_part(low)}-{name_part(high)}.parquet"


def content_key(dataset: str, name: str, number: int, sha256: str, extension: str) -> str:
    """Of a page's content, the `number`th that was new: a page may return to what it once said."""
    return f"{prefix(dataset, name)}{number:06d}-{sha256[:16]}{extension}"


def copy_key(dataset: str, name: str, key: str, etag: str) -> str:
    """Of an object copied: another content is another drop, and its own name still says the format."""
    digest = hashlib.sha256(f"{key}\n{etag}".encode()).hexdigest()[:16]
    basename = key.rpartition("/")[2].encode()[-_BASENAME_BYTES:].decode(errors="ignore")
    return f"{prefix(dataset, name)}{digest}-{basename}"


def extension(content_type: str, path: str, head: bytes) -> str | None:
    """What the name of a page's drop must end in, or None when nobody reads such a page.

    Args:
        content_type: the header's value.
        path: of the URL.
        head: the first bytes: servers compress with and without saying so.
    """
    media = content_type.partition(";")[0].strip().lower()
    base = _MEDIA_TYPES.get(media)
    if base is None and media in _VAGUE_TYPES:
        named: FileFormat | None = format_of(path)
        base = _EXTENSIONS[named.name] if named else None
    packed = next((end for magic, end in _COMPRESSED.items() if head.startswith(magic)), "")
    if base is None or (packed and base == ".parquet"):
        return None
    return base + packed


def schema_changes(schema: pa.Schema, contract: ContractPlan) -> tuple[str, ...]:
    """What the columns of a source have become since the contract was written. Ingestion judges it."""
    found = []
    for name in schema.names:
        if name not in contract.names:
            found.append(f"column `{name}` is not in the contract")
        else:
            is_now, was = _family(schema.field(name).type), contract.column(name).type
            if is_now != ("number" if was == "integer" else was):
                found.append(f"column `{name}` is {is_now}, the contract says {was}")
    found += [
        f"column `{name}` of the contract is missing" for name in contract.names if name not in schema.names
    ]
    return tuple(found)


def _family(type_: pa.DataType) -> str:
    kinds = pa.types
    families = {
        "number": kinds.is_integer(type_) or kinds.is_floating(type_) or kinds.is_decimal(type_),
        "boolean": kinds.is_boolean(type_),
        "date": kinds.is_date(type_),
        "timestamp": kinds.is_timestamp(type_),
        "time": kinds.is_time(type_),
    }
    return next((family for family, fits in families.items() if fits), "string")
