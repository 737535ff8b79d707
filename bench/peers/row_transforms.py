"""Twenty features of (a, b, ts), for one row and for many: `... python|polars|duckdb ROWS`.

Tells microseconds of a call with one row (median and 99th percentile) and CPU seconds of all rows.
"""

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from phases import Phases

engine, rows = sys.argv[1], int(sys.argv[2])
phases = Phases()
with phases("import"):
    import numpy as np

    if engine == "polars":
        import polars as pl
    elif engine == "duckdb":
        import duckdb

ROW = {"a": 1.3, "b": 2.1, "ts": 1_700_000_000.0}
CALLS = {"python": 2000, "polars": 500, "duckdb": 100}
WARM_UP = 50


def in_python(a: float, b: float, ts: float) -> list[float]:
    hour = (ts // 3600) % 24
    return [
        *(math.log1p(abs(a) * (k + 1)) for k in range(6)),
        *(a / (abs(b) + 1) if b > k else 0.0 for k in range(6)),
        *(math.sin(2 * math.pi * hour * (k + 1) / 24) for k in range(4)),
        *(min(max(a * b, -k - 1.0), k + 1.0) for k in range(4)),
    ]


def in_polars() -> list[Any]:
    a, b, hour = pl.col("a"), pl.col("b"), (pl.col("ts") // 3600) % 24
    found = [(a.abs() * (k + 1)).log1p() for k in range(6)]
    found += [pl.when(b > k).then(a / (b.abs() + 1)).otherwise(0.0) for k in range(6)]
    found += [(2 * math.pi * hour * (k + 1) / 24).sin() for k in range(4)]
    found += [(a * b).clip(-k - 1.0, k + 1.0) for k in range(4)]
    return [each.alias(f"x{n}") for n, each in enumerate(found)]


def in_sql() -> str:
    hour = "((ts // 3600) % 24)"
    found = [f"ln(1 + abs(a) * {k + 1})" for k in range(6)]
    found += [f"case when b > {k} then a / (abs(b) + 1) else 0 end" for k in range(6)]
    found += [f"sin(2 * pi() * {hour} * {k + 1} / 24)" for k in range(4)]
    found += [f"least(greatest(a * b, -{k + 1}), {k + 1})" for k in range(4)]
    named = ", ".join(f"{each} as x{n}" for n, each in enumerate(found))
    return f"select {named} from frame"  # noqa: S608  text of our own


def one_and_many() -> tuple[Callable[[], Any], Callable[[], Any]]:
    draw = np.random.default_rng(0)
    many = {"a": 10 * draw.normal(size=rows), "b": 4 * draw.normal(size=rows)}
    many["ts"] = draw.uniform(1.6e9, 1.7e9, rows)
    if engine == "python":
        columns = [column.tolist() for column in many.values()]
        return lambda: in_python(**ROW), lambda: list(map(in_python, *columns))
    if engine == "polars":
        wanted, frame = in_polars(), pl.DataFrame(many)
        return lambda: pl.DataFrame([ROW]).select(wanted).row(0), lambda: frame.select(wanted)
    sql = in_sql()
    connection = duckdb.connect(config={"threads": 1})

    def query(columns: dict[str, Any]) -> Any:
        connection.register("frame", columns)
        return connection.sql(sql).fetchnumpy()

    return lambda: query({name: np.array([value]) for name, value in ROW.items()}), lambda: query(many)


one, many = one_and_many()
took = []
for _ in range(WARM_UP):
    one()
for _ in range(CALLS[engine]):
    began = time.perf_counter()
    one()
    took.append(1e6 * (time.perf_counter() - began))
took.sort()
with phases("many"):
    many()
phases.tell(one_us=took[len(took) // 2], one_p99_us=took[int(len(took) * 0.99)])
