"""Which file format a drop claims by its name, and which one its first bytes show.

Pure standard library: `receive_drop` refuses what nobody can read before a machine is started for it.
"""

from dataclasses import dataclass
from typing import Literal

FormatName = Literal["csv", "jsonl", "parquet"]
Compression = Literal["gzip", "zstd"]

_FORMATS: dict[str, FormatName] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".parq": "parquet",
}
_COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_MANIFESTS = (".manifest", ".manifest.json")
SUPPORTED = ".csv, .jsonl, .ndjson (also .gz, .zst) and .parquet"

_MAGIC = (
    (b"PAR1", "Parquet"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "a zip archive or an Excel workbook"),
    (b"\xff\xfe", "UTF-16 text"),
    (b"\xfe\xff", "UTF-16 text"),
    (b"%PDF", "PDF"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"ORC", "ORC"),
    (b"Obj\x01", "Avro"),
    (b"SQLite format 3", "an SQLite database"),
)
_NAMES = {"gzip": "gzip", "zstd": "zstd", "parquet": "Parquet"}


@dataclass(frozen=True)
class FileFormat:
    """What a key's extensions say. Parquet compresses inside, so it never has an outer compression."""

    name: FormatName
    compression: Compression | None = None

    def contradiction(self, head: bytes) -> str | None:
        """What the first bytes are, when they are not what the name says; None when they agree."""
        found = next((name for magic, name in _MAGIC if head.startswith(magic)), None)
        expected = _NAMES.get(self.compression or self.name)
        if found == expected:
            return None
        return found or f"not {expected}"


def format_of(key: str) -> FileFormat | None:
    """The format of an object by its key; None when no reader takes it."""
    name = key.rpartition("/")[2].lower()
    stem, dot, last = name.rpartition(".")
    compression = _COMPRESSIONS.get(dot + last)
    if compression:
        stem, dot, last = stem.rpartition(".")
    format_name = _FORMATS.get(dot + last) if stem else None
    if format_name is None or (compression and format_name == "parquet"):
        return None
    return FileFormat(format_name, compression)


def is_manifest(key: str) -> bool:
    """Whether an object lists the objects of a drop instead of being one."""
    name = key.rpartition("/")[2].lower()
    return any(name.endswith(ending) and name != ending for ending in _MANIFESTS)
