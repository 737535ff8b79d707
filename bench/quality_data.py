"""The made-up customers that the quality bench reads, and the contract they must keep.

Files are written once, to the system's folder for temporary files, each under another name first: a file
that is there is whole.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tidegate.contract.compile import compile_contract

CONTRACT = Path(__file__).parent / "customers" / "contract.yaml"
_PIECE_ROWS = 2_000_000  # made at a time, so that 20 million rows need no more memory than two
_ROW_GROUP_ROWS = 128 * 1024
_ACTIVE_SHARE = 0.7
_SEEDS = {200_000: 3, 2_000_000: 1, 20_000_000: 5}  # by rows


def parquet_file(rows: int, shift: float = 0.0) -> Path:
    """Made-up rows, Snappy-packed, in row groups of 131,072; shifted ones are of another seed."""
    seed = _SEEDS[rows] + bool(shift)
    return _once(f"quality-{rows}-{seed}.parquet", lambda path: _write_parquet(path, rows, seed, shift))


def csv_file(rows: int) -> Path:
    """The rows of `parquet_file` as pyarrow writes CSV: timestamps without a zone, text in quotes."""
    return _once(
        f"quality-{rows}-{_SEEDS[rows]}.csv",
        lambda path: pyarrow.csv.write_csv(pq.read_table(parquet_file(rows)), path),
    )


def plan_file() -> Path:
    """The plan of the contract as JSON: 31 rules, and one of the type of each column."""
    path = _folder() / "quality-plan.json"
    path.write_text(json.dumps(compile_contract(CONTRACT)))
    return path


def _folder() -> Path:
    folder = Path(tempfile.gettempdir()) / "tidegate-bench"
    folder.mkdir(exist_ok=True)
    return folder


def _once(name: str, write: Callable[[Path], None]) -> Path:
    path = _folder() / name
    if not path.exists():
        unfinished = path.with_suffix(f".{os.getpid()}")
        write(unfinished)
        unfinished.rename(path)
    return path


def made_up(rows: int, seed: int, shift: float = 0.0, *, first: int = 0) -> pa.Table:
    """Twenty columns of mixed kinds; `shift` moves some of them, `first` is the number of the first id."""
    rng = np.random.default_rng(seed)
    start = np.datetime64("2026-01-01T00:00:00", "us") + np.timedelta64(first, "s")
    numbers = np.arange(rows)
    table: dict[str, pa.Array] = {
        "id": pa.array([f"cust-{first + number:09d}" for number in range(rows)]),
        "event_ts": pa.array(start + (numbers * 1_000_000).astype("timedelta64[us]")),
        "birth": pa.array(
            np.datetime64("1990-01-01") + rng.integers(-9000, 9000, rows) * np.timedelta64(1, "D")
        ),
        "amount": pa.array(np.round(rng.lognormal(3 + shift, 1, rows), 2)),
        "balance": _with_nulls(rng, np.round(rng.normal(1000, 500 * (1 + shift), rows), 2), 0.02),
        "score": pa.array(np.round(rng.beta(2, 5, rows), 6)),
        "lat": pa.array(np.round(rng.uniform(-90, 90, rows), 5)),
        "lon": pa.array(np.round(rng.uniform(-180, 180, rows), 5)),
        "f1": pa.array(np.round(rng.normal(shift, 1, rows), 6)),
        "f2": _with_nulls(rng, np.round(rng.exponential(2, rows), 6), 0.10),
        "f3": pa.array(np.round(rng.standard_t(3, rows), 6)),
        "age": pa.array(rng.integers(18, 95, rows)),
        "count": pa.array(rng.poisson(4 + shift * 4, rows)),
        "zip": pa.array(rng.integers(10000, 99999, rows)),
        "tenure": _with_nulls(rng, rng.integers(0, 400, rows), 0.01),
    }
    shares = np.array([0.4 - shift * 0.3, 0.3, 0.2, 0.05, 0.05 + shift * 0.3])
    table["plan"] = pa.array(_levels("plan", 5)[rng.choice(5, rows, p=shares)])
    table["region"] = pa.array(_levels("region", 50)[rng.integers(0, 50, rows)])
    table["sku"] = _with_nulls(rng, _levels("sku", 1000)[np.minimum(rng.zipf(1.5, rows) - 1, 999)], 0.01)
    table["active"] = pa.array(rng.random(rows) < _ACTIVE_SHARE)
    table["label"] = pa.array((rng.random(rows) < 0.1 + shift * 0.1).astype("int64"))
    return pa.table(table)


def _write_parquet(path: Path, rows: int, seed: int, shift: float) -> None:
    pieces = _pieces(rows, seed, shift)
    first = next(pieces)
    with pq.ParquetWriter(path, first.schema, compression="snappy") as writer:
        writer.write_table(first, row_group_size=_ROW_GROUP_ROWS)
        for piece in pieces:
            writer.write_table(piece, row_group_size=_ROW_GROUP_ROWS)


def _pieces(rows: int, seed: int, shift: float) -> Iterator[pa.Table]:
    for index, first in enumerate(range(0, rows, _PIECE_ROWS)):
        yield made_up(min(_PIECE_ROWS, rows - first), seed + 1000 * index, shift, first=first)


def _with_nulls(rng: np.random.Generator, values: NDArray[Any], share: float) -> pa.Array:
    return pa.array(values, mask=rng.random(len(values)) < share)


def _levels(name: str, count: int) -> NDArray[np.object_]:
    return np.array([f"{name}_{number:04d}" for number in range(count)], object)
