"""The made-up customers that the quality bench reads, and the 31 rules they must keep."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tidegate.contract.plan import Column, ColumnType, Condition, ContractPlan, Rule

_PIECE_ROWS = 2_000_000  # made at a time, so that 20 million rows need no more memory than two
_ROW_GROUP_ROWS = 128 * 1024
_ACTIVE_SHARE = 0.7
PLANS = tuple(f"plan_{number:04d}" for number in range(5))
REGIONS = tuple(f"region_{number:04d}" for number in range(50))


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
    skus = np.array([f"sku_{number:04d}" for number in range(1000)], object)
    table["plan"] = pa.array(np.array(PLANS, object)[rng.choice(5, rows, p=shares)])
    table["region"] = pa.array(np.array(REGIONS, object)[rng.integers(0, 50, rows)])
    table["sku"] = _with_nulls(rng, skus[np.minimum(rng.zipf(1.5, rows) - 1, 999)], 0.01)
    table["active"] = pa.array(rng.random(rows) < _ACTIVE_SHARE)
    table["label"] = pa.array((rng.random(rows) < 0.1 + shift * 0.1).astype("int64"))
    return pa.table(table)


def write_parquet(path: Path, rows: int, seed: int, shift: float = 0.0) -> None:
    """A file of made-up rows, Snappy-packed, in row groups of 131,072."""
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


_RANGES: Mapping[str, tuple[float, float]] = {
    "amount": (0, 1_000_000),
    "balance": (-5000, 10_000),
    "score": (0, 1),
    "lat": (-90, 90),
    "lon": (-180, 180),
    "age": (18, 100),
    "count": (0, 100),
    "zip": (10_000, 99_999),
    "tenure": (0, 500),
    "f1": (-10, 10),
}
_TOLERATED_PERCENT = {"balance": 1.0, "f1": 0.1}  # outside the range
_NULL_PERCENT = {"balance": 5.0, "f2": 15.0, "sku": 5.0, "tenure": 5.0}
_MEANS = {"amount": (20.0, 60.0), "score": (0.2, 0.4), "age": (40.0, 70.0)}
_TYPES: Mapping[str, ColumnType] = {
    "id": "string",
    "event_ts": "timestamp",
    "birth": "date",
    **dict.fromkeys(("amount", "balance", "score", "lat", "lon", "f1", "f2", "f3"), "number"),
    **dict.fromkeys(("age", "count", "zip", "tenure"), "integer"),
    **dict.fromkeys(("plan", "region", "sku"), "string"),
    "active": "boolean",
    "label": "integer",
}


def contract() -> ContractPlan:
    """6 required, 4 null shares, 1 unique, 10 ranges, 3 sets, 2 patterns, 3 means, 2 others: 31 rules."""
    rules = [
        *(Rule(kind="required", columns=(c,)) for c in ("id", "event_ts", "amount", "age", "plan", "label")),
        *(
            Rule(kind="null_values", columns=(name,), condition=_at_most(percent))
            for name, percent in _NULL_PERCENT.items()
        ),
        Rule(kind="unique", columns=("id",)),
        *(_range(name, *bounds) for name, bounds in _RANGES.items()),
        Rule(kind="enum", columns=("plan",), values=PLANS),
        Rule(kind="enum", columns=("region",), values=REGIONS),
        Rule(kind="enum", columns=("label",), values=(0, 1)),
        Rule(kind="pattern", columns=("id",), pattern=r"^cust-\d{9}$"),
        Rule(kind="pattern", columns=("sku",), pattern=r"^sku_\d{4}$"),
        *(
            Rule(kind="statistic", columns=(name,), statistic="mean", condition=_between(*bounds))
            for name, bounds in _MEANS.items()
        ),
        Rule(kind="row_count", condition=_between(1, 1e9)),
        Rule(kind="columns"),
    ]
    return ContractPlan(
        id="customers",
        version="1.0.0",
        dataset="customers",
        hash="made-up",
        columns=tuple(Column(name=name, type=type_) for name, type_ in _TYPES.items()),
        rules=tuple(rules),
    )


def _range(name: str, minimum: float, maximum: float) -> Rule:
    tolerated = _TOLERATED_PERCENT.get(name)
    condition = Condition() if tolerated is None else _at_most(tolerated)
    return Rule(kind="range", columns=(name,), minimum=minimum, maximum=maximum, condition=condition)


def _at_most(percent: float) -> Condition:
    return Condition(operator="mustBeLessOrEqualTo", values=(percent,), unit="percent")


def _between(low: float, high: float) -> Condition:
    return Condition(operator="mustBeBetween", values=(low, high))
