"""The rules written by hand as one query, in polars or DuckDB: no profile. `... polars|duckdb FILE PLAN`."""

import sys
from typing import Any

from phases import Phases, rules, share_allowed

engine, file, plan = sys.argv[1:]
phases = Phases()
with phases("import"):
    if engine == "polars":
        import polars as pl
    else:
        import duckdb

NEGATIVE = ("columns", "row_count", "statistic")


def polars_failures(rule: dict[str, Any]) -> Any:
    column = pl.col(rule["columns"][0]) if rule["columns"] else None
    match rule["kind"]:
        case "required" | "null_values":
            return column.null_count()
        case "unique":
            return column.len() - column.n_unique()
        case "range":
            return (~column.is_between(rule["minimum"], rule["maximum"])).sum()
        case "enum":
            return (~column.is_in(rule["values"])).sum()
        case "pattern":
            return (~column.str.contains(rule["pattern"])).sum()
        case "statistic":
            low, high = rule["condition"]["values"]
            return (~column.mean().is_between(low, high)).cast(pl.UInt32)
    return (pl.len() == 0).cast(pl.UInt32)


def duckdb_failures(rule: dict[str, Any]) -> str:
    name = f'"{rule["columns"][0]}"' if rule["columns"] else ""
    low, high = rule["minimum"], rule["maximum"]
    match rule["kind"]:
        case "required" | "null_values":
            return f"count(*) filter ({name} is null)"
        case "unique":
            return f"count({name}) - count(distinct {name})"
        case "range":
            return f"count(*) filter ({name} not between {low} and {high})"
        case "enum":
            return f"count(*) filter ({name} not in ({', '.join(repr(v) for v in rule['values'])}))"
        case "pattern":
            return f"count(*) filter (not regexp_matches({name}, '{rule['pattern']}'))"
        case "statistic":
            low, high = rule["condition"]["values"]
            return f"(avg({name}) not between {low} and {high})::int"
    return "(count(*) = 0)::int"


asked = [rule for rule in rules(plan) if rule["kind"] != "columns"]
with phases("work"):
    if engine == "polars":
        expressions = [polars_failures(rule).alias(str(i)) for i, rule in enumerate(asked)]
        counts = (
            pl.scan_parquet(file)
            .select([pl.len().alias("rows"), *expressions])
            .collect(engine="streaming")
            .row(0)
        )
    else:
        connection = duckdb.connect(config={"threads": 1})
        listed = ", ".join(duckdb_failures(rule) for rule in asked)
        counts = connection.sql(f"select count(*), {listed} from read_parquet('{file}')").fetchall()[0]  # noqa: S608
    rows, *found = counts
    failed = sum(count > share_allowed(rule) * rows for rule, count in zip(asked, found, strict=True))
phases.tell(checks=len(asked) + 1, failed=failed)
