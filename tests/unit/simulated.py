"""Drops made up from known distributions, and simulated rates told to the reader of the output."""

import numpy as np
import pyarrow as pa

from tidegate.profile import DROP_RANKS, profile_batches


def tell(capsys, line):
    with capsys.disabled():
        print(f"\n  simulated: {line}")  # noqa: T201


def mixed_rows(rng, rows):
    """Twenty columns of every temper: light and heavy tails, integers, rare events, texts, identifiers."""
    gaps = rng.random((2, rows)) < np.array([[0.02], [0.002]])
    columns = {f"normal {index}": rng.normal(50, 10, rows) for index in range(4)}
    columns |= {
        "lognormal": rng.lognormal(3, 1, rows),
        "very skewed": rng.lognormal(0, 2, rows),
        "exponential": rng.exponential(2, rows),
        "t3": rng.standard_t(3, rows),
        "uniform": rng.uniform(-90, 90, rows),
        "poisson": rng.poisson(4, rows),
        "age": rng.integers(18, 95, rows),
        "rare": (rng.random(rows) < 0.003).astype(int),
        "label": (rng.random(rows) < 0.1).astype(int),
        "truth": rng.random(rows) < 0.7,
        "with gaps": pa.array(rng.normal(0, 1, rows), mask=gaps[0]),
        "with few gaps": pa.array(rng.normal(0, 1, rows), mask=gaps[1]),
        "mostly zero": rng.poisson(4, rows) * (rng.random(rows) < 0.02),
        "plan": np.array([f"p{n}" for n in rng.choice(5, rows, p=[0.4, 0.3, 0.2, 0.095, 0.005])]),
        "sku": np.array([f"s{n}" for n in np.minimum(rng.zipf(1.5, rows), 999)]),
        "id": np.array([f"i{n}" for n in rng.integers(0, 10**9, rows)]),
    }
    return columns


def profiled(columns, ranks=DROP_RANKS):
    return profile_batches(pa.table(columns).to_batches(max_chunksize=65_536), ranks=ranks)
