"""Streams a shard of a drop as typed record batches; a file nobody can parse is an error in words."""

from tidegate.readers.batch import Batch, Failed
from tidegate.readers.read import plan_shards, read_batches
from tidegate.readers.shards import join as join_plans

__all__ = ["Batch", "Failed", "join_plans", "plan_shards", "read_batches"]
