"""The made-up rows of a view and labels that the features bench joins: reference draws, written once.

Files lie under `.tidegate/bench/features`, each written under another name first: a file that is there is
whole.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

FOLDER = Path(__file__).resolve().parents[1] / ".tidegate" / "bench" / "features"
OUTPUTS = tuple(f"f{i}" for i in range(5))
DAYS = 60
TTL_SECONDS = 7 * 86_400
_DAY = 86_400_000_000  # microseconds
_HOUR = 3_600_000_000
_START = np.datetime64("2024-01-01", "us")


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many of each."""

    entities: int
    rows: int
    labels: int


FULL = Size(entities=200_000, rows=10_000_000, labels=1_000_000)
TENTH = Size(entities=20_000, rows=1_000_000, labels=100_000)
HOT = Size(entities=20, rows=1_000_000, labels=20_000)  # 50,000 rows of an entity within the TTL


@dataclass(frozen=True, kw_only=True)
class Files:
    """The same rows twice: as others know them, and with `ord` as the store writes them."""

    rows: Path
    ordered: Path
    labels: Path


def files(size: Size) -> Files:
    """Rows over 60 days, known within the hour, of a drawing that all measurements share; zstd."""
    return _files(size, f"{size.rows}", lambda: _drawn(size, rows_days=DAYS, labels_days=DAYS, later_days=5))


def hot_files() -> Files:
    """A million rows of 20 entities within one TTL, and the labels of that time."""
    return _files(HOT, "hot", lambda: _drawn(HOT, rows_days=7, labels_days=7, later_days=0))


def _files(size: Size, name: str, draw: Callable[[], tuple[pa.Table, pa.Table]]) -> Files:
    found = Files(**{kind: FOLDER / f"{name}-{kind}.parquet" for kind in ("rows", "ordered", "labels")})
    if all(path.exists() for path in vars(found).values()):
        return found
    FOLDER.mkdir(parents=True, exist_ok=True)
    rows, labels = draw()
    _write(labels, found.labels)
    _write(rows, found.rows)
    place = np.empty(size.rows, np.int64)
    place[np.lexsort((rows["known_ts"].to_numpy(), rows["event_ts"].to_numpy()))] = np.arange(size.rows)
    _write(rows.append_column("ord", pa.array(place)), found.ordered)
    return found


def _drawn(size: Size, *, rows_days: int, labels_days: int, later_days: int) -> tuple[pa.Table, pa.Table]:
    rng = np.random.default_rng(1)
    rows: dict[str, NDArray[Any]] = {
        "eid": rng.integers(0, size.entities, size.rows),
        "event_ts": _times(rng, size.rows, rows_days),
    }
    rows |= {name: rng.normal(size=size.rows) for name in OUTPUTS}
    rows["known_ts"] = rows["event_ts"] + rng.integers(0, _HOUR, size.rows).astype("timedelta64[us]")
    labels = {
        "lid": np.arange(size.labels),
        "eid": rng.integers(0, size.entities, size.labels),
        "label_ts": _times(rng, size.labels, labels_days) + np.timedelta64(later_days, "D"),
        "y": rng.integers(0, 2, size.labels),
    }
    return pa.table(rows), pa.table(labels)


def _times(rng: np.random.Generator, count: int, days: int) -> NDArray[np.datetime64]:
    moments: NDArray[np.datetime64] = _START + rng.integers(0, days * _DAY, count).astype("timedelta64[us]")
    return moments


def _write(table: pa.Table, path: Path) -> None:
    unfinished = path.with_suffix(f".{os.getpid()}")
    pq.write_table(table, unfinished, compression="zstd")
    unfinished.rename(path)


if __name__ == "__main__":
    for size in (FULL, TENTH):
        files(size)
    hot_files()
