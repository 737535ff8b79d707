"""How a drop is split into shards: where its records or row groups allow, and never into too many."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import BinaryIO

from tidegate.errors import DropUnreadableError
from tidegate.ingestion.formats import FileFormat
from tidegate.messages.ingestion import Shard, ShardPlan
from tidegate.readers.parquet_footer import read_footer
from tidegate.readers.text import pieces

MAXIMUM_SHARDS = 1000  # of a drop: its map of ValidateShard, and what JudgeDrop can merge in one go
_BLOCK_BYTES = 8 << 20


def split(file: BinaryIO, file_format: FileFormat, size: int, shard_bytes: int) -> ShardPlan:
    """Ranges of about `shard_bytes`, more where that would be above 1,000 of them.

    Raises:
        DropUnreadableError: the Parquet footer is not sound, or the text has no end of a record in 64 MiB.
    """
    shard_bytes = max(shard_bytes, -(-size // MAXIMUM_SHARDS))
    if file_format.name == "parquet":
        sizes = [group.stored for group in read_footer(file, size).groups]
        cuts = _cuts(sizes, max(shard_bytes, -(-sum(sizes) // MAXIMUM_SHARDS)))
        return _plan(file_format, cuts)
    if file_format.compression or size <= shard_bytes:
        return _plan(file_format, [0, size])
    if file_format.name == "jsonl":
        return _plan(file_format, _line_cuts(file, size, shard_bytes))
    file.seek(0)
    block_bytes = min(_BLOCK_BYTES, shard_bytes)
    sizes = [piece.stop for piece in pieces(file, size, quoted=True, piece_bytes=lambda: block_bytes)]
    bounds = [0, *accumulate(sizes)]
    return _plan(file_format, [bounds[cut] for cut in _cuts(sizes, shard_bytes)])


def _line_cuts(file: BinaryIO, size: int, shard_bytes: int) -> list[int]:
    """Behind the first end of a line from every multiple of `shard_bytes` on: only there is read."""
    cuts = [0]
    for target in range(shard_bytes, size, shard_bytes):
        if target <= cuts[-1]:
            continue
        file.seek(target - 1)
        line = file.readline()
        if target - 1 + len(line) >= size:
            break
        cuts.append(target - 1 + len(line))
    return [*cuts, size]


def _cuts(sizes: list[int], shard_bytes: int) -> list[int]:
    """Where to cut parts so that they add up to at most `shard_bytes`, unless one alone is larger."""
    cuts, total = [0], 0
    for index, size in enumerate(sizes):
        if total and total + size > shard_bytes:
            cuts.append(index)
            total = 0
        total += size
    cuts.append(len(sizes))
    return cuts if len(cuts) - 1 <= MAXIMUM_SHARDS else _cuts(sizes, shard_bytes * 2)


def join(plans: Sequence[ShardPlan], *, objects_key: str) -> ShardPlan:
    """The plans of several objects as that of one drop, in their order.

    Raises:
        DropUnreadableError: together they have more than 1,000 shards.
    """
    parts = [(place, shard) for place, plan in enumerate(plans) for shard in plan.shards]
    if len(parts) > MAXIMUM_SHARDS:
        raise DropUnreadableError(
            f"the manifest's objects have {len(parts)} shards; at most {MAXIMUM_SHARDS} are validated",
            hint="raise `shard_mebibytes` of [ingestion] in pipeline.toml, or drop them in several manifests",
        )
    shards = [replace(shard, index=index, object=place) for index, (place, shard) in enumerate(parts)]
    formats = sorted({plan.format for plan in plans})
    return ShardPlan(format=" and ".join(formats), shards=tuple(shards), objects_key=objects_key)


def _plan(file_format: FileFormat, cuts: list[int]) -> ShardPlan:
    shards = [Shard(index=i, start=cuts[i], stop=cuts[i + 1]) for i in range(len(cuts) - 1)]
    return ShardPlan(format=file_format.name, shards=tuple(shards))
