"""What computing features costs, from a million rows to a thousand billion: `python -m bench.feature_scale`.

Measured here: CPU seconds of reading Parquet and computing, for three sizes of one shape of data, through the
code that the functions run. Simulated: who computes, how long, for how much, at sizes no laptop holds. Prices
are list prices of us-east-1 from memory, not asked from AWS; the network to S3 is left out.
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tidegate.columns.duck import Room
from tidegate.feature_store.computation import Computation
from tidegate.feature_store.feature_plan import SourcePlan, ViewPlan
from tidegate.feature_store.feature_run import JOB_BATCHES, batches, engine, work
from tidegate.feature_store.ticks import Interval
from tidegate.settings.config import FeaturesSection

SIZES = (100_000, 300_000, 1_000_000)
EXTRAPOLATED = tuple(10**power for power in range(6, 13))
DAYS = 365
DAY = 86_400
ROWS_AN_ENTITY = 1000
START = 1_356_998_400  # 2013-01-01T00:00:00Z
MEMORY_MEBIBYTES = 1500
STAGED_BYTES = (
    60  # of a row on the disk while it is sorted: key, two times, a value, and again as a sorted run
)

LAMBDA_DOLLARS = 0.0000166667  # a GB-second, x86
LAMBDA_GIGABYTES = 3008 / 1024
LAMBDA_SECONDS = 900
JOB_DOLLARS = 0.922  # an hour of ml.m5.4xlarge
JOB_START_SECONDS = 180
JOB_MOST_GIBIBYTES, JOB_MOST_SECONDS = 16_384, 5 * DAY  # SageMaker's own limits
TRANSITION_DOLLARS = 0.000025


@dataclass(frozen=True)
class Cost:
    """CPU seconds of a million rows."""

    read: float  # every batch reads all
    compute: float  # of its own rows


def view(every_hours: int) -> ViewPlan:
    return ViewPlan(
        name="spend",
        source=SourcePlan(dataset="orders", event_ts="ordered", known_ts="paid"),
        keys=("customer",),
        sql="select customer, avg(amount) as mean_7d, count(*) as orders_7d from source group by customer",
        window_seconds=7 * DAY,
        every_seconds=every_hours * 3600,
        ttl_seconds=14 * DAY,
        outputs={"mean_7d": "float64", "orders_7d": "int64"},
    )


def orders(rows: int) -> pa.Table:
    """A year of orders in order of time, each paid within the day."""
    random = np.random.default_rng(0)
    ordered = np.sort(random.integers(0, DAYS * DAY, rows)) + START
    paid = ordered + random.integers(0, DAY, rows)
    customers = random.integers(0, max(1, rows // ROWS_AN_ENTITY), rows)
    time_type = pa.timestamp("us", tz="UTC")
    return pa.table(
        {
            "customer": pa.array(customers),
            "ordered": pa.array(ordered * 1_000_000, time_type),
            "paid": pa.array(paid * 1_000_000, time_type),
            "amount": random.gamma(2, 20, rows),
        }
    )


def measure(rows: int, plan: ViewPlan) -> tuple[Cost, int]:
    """CPU seconds of this size, for a million rows, and how many rows of the view came of it."""
    table = orders(rows)
    whole = Interval(start=START, stop=START + DAYS * DAY)
    million = rows / 1e6
    with tempfile.TemporaryDirectory() as folder:
        room = Room(MEMORY_MEBIBYTES, Path(folder))
        with Computation(plan, table.schema, partitions=[0], of=1, room=room) as computation:
            path = Path(folder) / "orders.parquet"
            pq.write_table(table, path, compression="zstd", row_group_size=1 << 20)
            began = time.process_time()
            computation.load(pq.ParquetFile(path).iter_batches(1 << 17, use_threads=False))
            read = time.process_time() - began
            made = sum(batch.num_rows for batch in computation.rows([whole], 1))
            computation.newest()
            compute = time.process_time() - began - read
    return Cost(read / million, compute / million), made


def row(rows: int, plan: ViewPlan, cost: Cost, section: FeaturesSection) -> tuple[str, ...]:
    """One line of the table: who computes the whole history of `rows`, in what time, for what price."""
    whole = [Interval(start=START, stop=START + DAYS * DAY)]
    total = work(plan, whole, rows)
    limits = {"partitions": section.partitions, "batch_work": section.lambda_rows}
    million = rows / 1e6
    if engine(rows=rows, work=total, **limits) == "functions":
        number = len(batches(rows=rows, work=total, **limits))
        seconds = million * (cost.read + cost.compute / number)
        dollars = number * (seconds * LAMBDA_GIGABYTES * LAMBDA_DOLLARS + TRANSITION_DOLLARS)
        who = f"{number} function{'s' if number > 1 else ''}"
        problem = "" if seconds <= LAMBDA_SECONDS else "too slow for a function: lower lambda_rows"
    else:
        computing = million * (cost.read + cost.compute / JOB_BATCHES)
        seconds = computing + JOB_START_SECONDS
        dollars = computing / 3600 * JOB_DOLLARS
        who = "one job"
        problem = _beyond(rows, seconds, section)
    return (f"{rows:.0e}", who, _duration(seconds), f"${dollars:,.4g}", problem)


def _beyond(rows: int, seconds: float, section: FeaturesSection) -> str:
    gibibytes = rows * STAGED_BYTES / 2**30
    if gibibytes > JOB_MOST_GIBIBYTES or seconds > JOB_MOST_SECONDS:
        return "beyond: Spark, not built"
    if gibibytes > section.job_volume_gibibytes or seconds > section.job_maximum_runtime_seconds:
        return f"raise job_volume_gibibytes to {gibibytes:,.0f} or the time limit"
    return ""


def _duration(seconds: float) -> str:
    for unit, size in (("d", DAY), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:,.1f} s"


def main() -> None:
    """Print what was measured, then the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every-hours", type=int, default=24, help="distance of ticks; the window is 7 days")
    plan = view(parser.parse_args().every_hours)
    print("rows        rows of the view   CPU s a million rows: read   compute")
    costs = []
    for size in SIZES:
        cost, made = measure(size, plan)
        costs.append(cost)
        print(f"{size:>9,}   {made:>16,}   {cost.read:>26.3f}   {cost.compute:>7.3f}", flush=True)
    print(f"\nthe largest size, extrapolated; ticks {plan.every_seconds // 3600} h apart, a year of history")
    for line in [
        ("rows", "who", "wall", "price", ""),
        *(row(n, plan, costs[-1], FeaturesSection()) for n in EXTRAPOLATED),
    ]:
        print("{:>6}  {:<12} {:>10} {:>10}  {}".format(*line))


if __name__ == "__main__":
    main()
