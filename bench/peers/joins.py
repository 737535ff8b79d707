"""Point-in-time joins by event time, as others write them: `... METHOD ROWS LABELS`, and reading alone.

Methods: floor (reads both files), duckdb (ASOF join), polars (join_asof), pandas (merge_asof).
"""

import json
import sys

import peak

method, rows, labels = sys.argv[1:]
OUTPUTS = [f"f{i}" for i in range(5)]


def floor() -> tuple[int, float]:
    import polars as pl

    wanted, found = pl.read_parquet(labels), pl.read_parquet(rows)
    return wanted.height, float(found.height)


def duckdb() -> tuple[int, float]:
    import duckdb
    import pyarrow.compute as pc

    values = ", ".join(f"case when fresh then {name} end as {name}" for name in OUTPUTS)
    made = duckdb.sql(
        f"""
        select lid, eid, label_ts, y, {values} from (
            select l.*, f.* exclude (eid), f.event_ts >= l.label_ts - interval 7 days as fresh
            from read_parquet('{labels}') l asof left join read_parquet('{rows}') f
                on l.eid = f.eid and l.label_ts >= f.event_ts)
        """  # noqa: S608  files of the bench
    ).to_arrow_table()
    return made.num_rows, pc.sum(made["f0"]).as_py()


def polars() -> tuple[int, float]:
    import polars as pl

    made = (
        pl.read_parquet(labels)
        .sort("label_ts")
        .join_asof(
            pl.read_parquet(rows).sort("event_ts"),
            left_on="label_ts",
            right_on="event_ts",
            by="eid",
            strategy="backward",
            tolerance="7d",
            check_sortedness=False,
        )
    )
    return made.height, made["f0"].sum()


def pandas() -> tuple[int, float]:
    import pandas as pd

    made = pd.merge_asof(
        pd.read_parquet(labels).sort_values("label_ts"),
        pd.read_parquet(rows).sort_values("event_ts"),
        left_on="label_ts",
        right_on="event_ts",
        by="eid",
        tolerance=pd.Timedelta(days=7),
    )
    return len(made), float(made["f0"].sum())


count, total = {"floor": floor, "duckdb": duckdb, "polars": polars, "pandas": pandas}[method]()
print(json.dumps({"rows": count, "sum": total, "megabytes": peak.megabytes()}))
