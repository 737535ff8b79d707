"""Profiles of one column, and how far their ranks are off."""

import numpy as np
import pyarrow as pa

from tidegate.profile import merge, profile_batches


def profiled(values, *, rows_per_batch=65_536, **options):
    """The profile of one column."""
    table = pa.table({"x": values})
    batches = table.to_batches(max_chunksize=rows_per_batch)
    return profile_batches(batches or [empty_batch(table)], **options).columns["x"]


def merged(parts, **options):
    """The profiles of parts of one column, merged."""
    profiles = [profile_batches(pa.table({"x": part}).to_batches()) for part in parts]
    return merge(profiles, **options).columns["x"]


def empty_batch(table):
    return pa.RecordBatch.from_pylist([], schema=table.schema)


def rank_error(column, values, shares):
    """How far the quantiles' true ranks lie from the ranks asked for; ties count as a range."""
    ordered = np.sort(values)
    found = column.quantile(shares)
    low = np.searchsorted(ordered, found, "left") / len(ordered)
    high = np.searchsorted(ordered, found, "right") / len(ordered)
    return float(np.max(np.maximum(0, np.maximum(low - shares, shares - high))))
