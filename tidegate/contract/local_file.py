"""A file of this machine through the readers that a drop goes through."""

from collections.abc import Iterator
from pathlib import Path

from tidegate.contract.plan import ContractPlan
from tidegate.readers import Batch, plan_shards, read_batches

MAXIMUM_BYTES = 1 << 38  # that a packed file may unpack to; whoever sits here can end it


def read_file(path: Path, plan: ContractPlan) -> Iterator[Batch]:
    """The rows of a file in order, in the plan's types.

    Raises:
        DropUnreadableError: the file cannot be parsed; the text says where and why.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        shards = plan_shards(file, path.name, size, shard_bytes=max(size, 1)).shards
        for shard in shards:
            yield from read_batches(file, path.name, size, shard, plan, maximum_bytes=MAXIMUM_BYTES)
