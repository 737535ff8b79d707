"""Rows whose key an earlier row already has, though they may lie in different shards.

Each shard leaves its keys with their hashes. Only the hashes of all shards are held at once (8 bytes a row);
texts are looked at where a hash occurs twice, so equal hashes are never taken for equal keys.
"""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.contract.plan import Rule
from tidegate.profile import distinct
from tidegate.readers.batch import Batch

KEYS_SCHEMA = pa.schema(
    [("rule", pa.int16()), ("row", pa.int64()), ("hash", pa.uint64()), ("key", pa.string())]
)
_SEPARATOR = "\x1f"


def keys_of(index: int, rule: Rule, batch: Batch, rows_before: int) -> pa.RecordBatch:
    """Keys of a batch. One that is null, even in part, is like no other: it is left out."""
    parts = [batch.rows.column(name).cast(pa.string()) for name in rule.columns]
    keys = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, _SEPARATOR)
    positions = np.flatnonzero(keys.is_valid().to_numpy(zero_copy_only=False))
    keys = keys.drop_null()
    columns = [
        pa.array(np.full(len(keys), index, np.int16)),
        pa.array(positions + rows_before + 1),
        pa.array(distinct.hash_text(keys)),
        keys,
    ]
    return pa.RecordBatch.from_arrays(columns, schema=KEYS_SCHEMA)


def suspicious_hashes(hashes: Sequence[NDArray[np.uint64]]) -> NDArray[np.uint64]:
    """Hashes that occur more than once in all shards together: only keys with these can be duplicates."""
    ordered = np.sort(np.concatenate(hashes)) if hashes else np.zeros(0, np.uint64)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def later_duplicates(keys: pa.Table) -> pa.Table:
    """Those rows of `keys` that repeat an earlier one's `key`, in order of `row`."""
    keys = keys.sort_by("row")
    codes = pc.dictionary_encode(keys.column("key").combine_chunks()).indices.to_numpy()
    _, firsts = np.unique(codes, return_index=True)
    later = np.ones(len(codes), bool)
    later[firsts] = False
    return keys.filter(pa.array(later))


def shown(key: str) -> str:
    return key.replace(_SEPARATOR, ", ")
