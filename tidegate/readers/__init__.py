"""Streams a shard of a drop as typed record batches; a file nobody can parse is an error in words."""

from tidegate.readers.batch import Batch, Failed
from tidegate.readers.read import plan_shards, read_batches

__all__ = ["Batch", "Failed", "plan_shards", "read_batches"]
