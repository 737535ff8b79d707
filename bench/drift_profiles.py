"""CPU of comparing twenty columns of two stored profiles: a part of `python -m bench.quality`."""

import time

import numpy as np
import pyarrow as pa

from bench.report import Figure
from tidegate.profile import BASELINE_RANKS, DROP_RANKS, Profile, profile_batches
from tidegate.statistics.drift import drift

ROWS = 200_000
RUNS = 15
MAXIMUM_MS = 10


def measure() -> list[Figure]:
    """Thirteen numbers, two of them counted one by one, and seven texts, one of a thousand values."""
    reference = _stored(_rows(1, 0.0), BASELINE_RANKS)
    current = _stored(_rows(2, 0.2), DROP_RANKS)
    took = []
    for _ in range(RUNS):
        start = time.process_time()
        found = drift(reference, current)
        took.append(time.process_time() - start)
    assert len(found) == len(reference.columns)
    return [
        Figure(
            "drift of 20 columns from two stored profiles",
            1000 * sorted(took)[RUNS // 2],
            "CPU ms",
            MAXIMUM_MS,
        )
    ]


def _stored(rows: pa.Table, ranks: int) -> Profile:
    """As read back from Parquet."""
    profile = profile_batches(rows.to_batches(max_chunksize=65_536), ranks=ranks)
    return Profile.from_table(profile.to_table())


def _rows(seed: int, shift: float) -> pa.Table:
    rng = np.random.default_rng(seed)
    columns = {f"number {n}": rng.normal(shift, 1, ROWS) for n in range(11)}
    columns["age"] = rng.integers(18, 95, ROWS)
    columns["label"] = (rng.random(ROWS) < 0.1 + shift / 10).astype(int)
    columns |= {f"text {n}": _words(rng, 5 * (n + 1)) for n in range(5)}
    columns |= {"region": _words(rng, 50), "sku": _words(rng, 1000)}
    return pa.table(columns)


def _words(rng: np.random.Generator, count: int) -> pa.DictionaryArray:
    words = pa.array([f"word {n:04d}" for n in range(count)])
    return pa.DictionaryArray.from_arrays(pa.array(rng.integers(0, count, ROWS)), words)
