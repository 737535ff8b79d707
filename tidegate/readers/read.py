"""How a drop is split into shards, and the batches of one of them."""

from collections.abc import Iterator
from typing import BinaryIO

from tidegate.contract.plan import ContractPlan
from tidegate.errors import DropUnreadableError
from tidegate.ingestion.formats import SUPPORTED, FileFormat, format_of
from tidegate.messages.ingestion import Shard, ShardPlan
from tidegate.readers import csv, jsonl, parquet
from tidegate.readers.batch import Batch
from tidegate.readers.shards import split
from tidegate.readers.unpack import open_text

_HEAD_BYTES = 64
_HINTS = {
    "UTF-16 text": "export it as UTF-8",
    "a zip archive or an Excel workbook": "export the table as CSV or Parquet, without an archive around it",
}


def plan_shards(file: BinaryIO, key: str, size: int, *, shard_bytes: int) -> ShardPlan:
    """Ranges of about `shard_bytes` that begin and end where a record does; one range when it is small.

    Packed text cannot be entered in the middle and is one shard, however large. CSV is read through once,
    because only counting quotes from the start tells a newline inside a field from the end of a record. A
    drop has at most 1,000 shards: those of a large one are larger.

    Args:
        file: random access to the object.
        key: its name, whose extensions say the format.
        size: its bytes.
        shard_bytes: of a shard, at most; a single row group may be larger.

    Raises:
        DropUnreadableError: the object is empty, of no known format, or not what its name says.
    """
    return split(file, _checked_format(file, key, size), size, shard_bytes)


def read_batches(
    file: BinaryIO, key: str, size: int, shard: Shard, plan: ContractPlan, *, maximum_bytes: int
) -> Iterator[Batch]:
    """The rows of one shard, in order, at least one batch (without rows when the shard has none).

    Args:
        file: random access to the object.
        key: its name, whose extensions say the format.
        size: its bytes.
        shard: as `plan_shards` cut it.
        plan: the contract whose columns are read.
        maximum_bytes: what a packed file may unpack to.

    Raises:
        DropUnreadableError: the file cannot be parsed; the text says where and why.
    """
    file_format = _checked_format(file, key, size)
    file.seek(0)
    if file_format.name == "parquet":
        yield from parquet.read(file, size, shard.start, shard.stop, plan, maximum_bytes=maximum_bytes)
        return
    stream = open_text(file, file_format.compression, maximum_bytes)
    reader = csv if file_format.name == "csv" else jsonl
    yield from reader.read(stream, file, shard.start, None if file_format.compression else shard.stop, plan)


def _checked_format(file: BinaryIO, key: str, size: int) -> FileFormat:
    name = key.rpartition("/")[2]
    file_format = format_of(key)
    if file_format is None:
        raise DropUnreadableError(f"`{name}` is of no format that is read", hint=f"read are {SUPPORTED}")
    if size == 0:
        raise DropUnreadableError(f"`{name}` is empty", cause="the object has 0 bytes")
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    if found := file_format.contradiction(head):
        raise DropUnreadableError(
            f"`{name}` is {found}",
            cause=f"its first bytes are {head[:8].hex(' ')}",
            hint=_HINTS.get(found, "name it after what it is"),
        )
    return file_format
