"""Great Expectations: one suite over a whole pandas frame. `python gx.py FILE PLAN`."""

import sys
from typing import Any

from phases import Phases, rules, share_allowed

phases = Phases()
with phases("import"):
    import great_expectations as gx
    import pandas as pd
    from great_expectations import expectations as gxe


def expectation(rule: dict[str, Any]) -> Any:
    """The expectation that asks what our rule asks."""
    column = rule["columns"][0] if rule["columns"] else None
    mostly = 1 - share_allowed(rule)
    low, high = rule["minimum"], rule["maximum"]
    match rule["kind"]:
        case "required" | "null_values":
            return gxe.ExpectColumnValuesToNotBeNull(column=column, mostly=mostly)
        case "unique":
            return gxe.ExpectColumnValuesToBeUnique(column=column)
        case "range":
            return gxe.ExpectColumnValuesToBeBetween(
                column=column, min_value=low, max_value=high, mostly=mostly
            )
        case "enum":
            return gxe.ExpectColumnValuesToBeInSet(column=column, value_set=rule["values"])
        case "pattern":
            return gxe.ExpectColumnValuesToMatchRegex(column=column, regex=rule["pattern"])
        case "statistic":
            low, high = rule["condition"]["values"]
            return gxe.ExpectColumnMeanToBeBetween(column=column, min_value=low, max_value=high)
        case "row_count":
            return gxe.ExpectTableRowCountToBeBetween(min_value=1, max_value=1_000_000_000)
    raise ValueError(rule["kind"])


file, plan = sys.argv[1:]
with phases("read"):
    frame = pd.read_parquet(file)
with phases("work"):
    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("bench").add_dataframe_asset("frame")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    suite = gx.ExpectationSuite("bench")
    names = set(frame.columns)
    suite.add_expectation(gxe.ExpectTableColumnsToMatchSet(column_set=names, exact_match=True))
    for rule in rules(plan):
        if rule["kind"] != "columns":
            suite.add_expectation(expectation(rule))
    result = batch.validate(suite)
phases.tell(checks=len(result.results), failed=sum(not r.success for r in result.results))
