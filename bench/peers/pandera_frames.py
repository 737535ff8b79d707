"""pandera over pandas or polars frames, lazily: all failures are told. `... pandas|polars FILE PLAN`."""

import sys
from typing import Any

from phases import Phases, rules, share_allowed

engine, file, plan = sys.argv[1:]
phases = Phases()
with phases("import"):
    if engine == "pandas":
        import pandas as pd
        import pandera.pandas as pa
    else:
        import pandera.polars as pa
        import polars as pl


def checks(rule: dict[str, Any]) -> Any:
    """The check of a row rule; shares are judged by a check that returns one value."""
    allowed = share_allowed(rule)
    low, high = rule["minimum"], rule["maximum"]
    match rule["kind"]:
        case "range" if not allowed:
            return pa.Check.in_range(low, high)
        case "range" if engine == "pandas":
            return pa.Check(lambda s: s.between(low, high).sum() >= (1 - allowed) * s.count())
        case "range":
            return pa.Check(lambda d: _polars_share(d, pl.col(d.key).is_between(low, high), 1 - allowed))
        case "enum":
            return pa.Check.isin(rule["values"])
        case "pattern":
            return pa.Check.str_matches(rule["pattern"])
        case "null_values" if engine == "pandas":
            return pa.Check(lambda s: s.isna().mean() <= allowed, ignore_na=False)
        case "null_values":
            return pa.Check(lambda d: _polars_share(d, pl.col(d.key).is_not_null(), 1 - allowed))
        case "statistic" if engine == "pandas":
            low, high = rule["condition"]["values"]
            return pa.Check(lambda s: low <= s.mean() <= high)
        case "statistic":
            low, high = rule["condition"]["values"]
            return pa.Check(lambda d: d.lazyframe.select(pl.col(d.key).mean().is_between(low, high)))
    return None


def _polars_share(data: Any, test: Any, least: float) -> Any:
    return data.lazyframe.select(test.sum() >= least * pl.col(data.key).count())


with phases("read"):
    frame = pd.read_parquet(file) if engine == "pandas" else pl.read_parquet(file)
with phases("work"):
    asked: dict[str, dict[str, Any]] = {
        name: {"checks": [], "nullable": True, "unique": False} for name in frame.columns
    }
    for rule in rules(plan):
        for name in rule["columns"]:
            if rule["kind"] == "required":
                asked[name]["nullable"] = False
            elif rule["kind"] == "unique":
                asked[name]["unique"] = True
            elif (check := checks(rule)) is not None:
                asked[name]["checks"].append(check)
    rows = pa.Check(lambda f: len(f) > 0) if engine == "pandas" else None
    columns = {name: pa.Column(**options) for name, options in asked.items()}
    schema = pa.DataFrameSchema(columns, strict=True, checks=[rows] if rows else None)
    failed = 0
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        failed = len(errors.schema_errors)
phases.tell(
    checks=sum(len(c["checks"]) + c["unique"] + (not c["nullable"]) for c in asked.values()) + 2,
    failed=failed,
)
