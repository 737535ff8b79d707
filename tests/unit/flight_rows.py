"""Rows of made-up flights as a training set holds them; run as a program, their features as bytes in a file.

20,000 of them, every column missing in some rows, with values from the ends of the ranges that the contract
allows and beyond.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa

from tidegate.feature_store.feature_file import load
from tidegate.feature_store.transforms import feature_columns
from tidegate.serving.instances import from_table

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "features.py"
ROWS = 20_000
TYPES = {  # as the contract of the example has them; aggregates are numbers
    "scheduled_departure": "timestamp",
    "carrier": "string",
    "origin": "string",
    "dest": "string",
    "distance": "integer",
    "hour": "integer",
    "humid": "number",
    "wind_speed": "number",
    "precip": "number",
    "visib": "number",
    "carrier_delay_rate_7d": "number",
    "origin_delay_rate_7d": "number",
}


def feature_set():
    return load(FLIGHTS, "flight_delay")


def table(rows=ROWS, seed=2013):
    draw = np.random.default_rng(seed)
    moments = 1_356_998_400_000_000 + draw.integers(-(10**15), 31_536_000_000_000, rows)
    columns = {
        "scheduled_departure": pa.array(moments, pa.timestamp("us", "UTC")),
        "distance": pa.array(np.where(draw.random(rows) < 0.01, -1, draw.integers(0, 6000, rows))),
        "hour": pa.array(draw.integers(0, 24, rows)),
        "humid": pa.array(draw.uniform(0, 100, rows)),
        "wind_speed": pa.array(draw.exponential(10, rows)),
        "precip": pa.array(draw.exponential(0.01, rows)),
        "visib": pa.array(draw.choice([0.0, -0.0, 1e-310, 1e300, 10.0], rows)),
        "carrier_delay_rate_7d": pa.array(draw.uniform(0, 1, rows)),
        "origin_delay_rate_7d": pa.array(draw.uniform(0, 1, rows)),
    }
    columns |= {
        name: pa.array(draw.choice(np.array(["UA", "AA", "é", ""]), rows))
        for name in ("carrier", "origin", "dest")
    }
    for name, column in columns.items():
        there = pa.array(draw.random(rows) >= 0.02)
        columns[name] = pa.compute.if_else(there, column, pa.scalar(None, column.type))
    return pa.table({name: columns[name] for name in TYPES})


def numbers(columns):
    """Features that are numbers, shape (features, rows)."""
    return np.array([column for column in columns.values() if column.dtype == np.float64])


if __name__ == "__main__":
    np.save(sys.argv[1], numbers(feature_columns(feature_set(), from_table(table(), TYPES))))
