"""Which rules an ODCS property or table asks for.

A rule without `severity` is an error: a broken rule that only whispers has to be asked for. `physicalName` is
not used: a drop names its columns as the contract's `name` does.
"""

import re
from typing import Any, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from tidegate.contract.document import Document, Where
from tidegate.contract.plan import Column, ColumnType, Condition, Operator, Rule, RuleKind, Severity

_TYPES = ("string", "integer", "number", "boolean", "date", "timestamp", "time")
_FORMATS = {"integer": r"[iu](8|16|32|64)", "number": r"f32|f64"}
_DECIMAL = re.compile(r"(?:decimal|numeric)\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)", re.IGNORECASE)
_MAXIMUM_DECIMAL_DIGITS = 38
_OPERATORS = tuple(Operator.__args__)  # type: ignore[attr-defined]  # members of a Literal
_METRICS: dict[str, RuleKind] = {
    "nullValues": "null_values",
    "missingValues": "missing_values",
    "duplicateValues": "unique",
    "rowCount": "row_count",
}
_SEVERITIES: dict[str, Severity] = {"error": "error", "warning": "warning", "warn": "warning"}


def column_of(document: Document, where: Where, entry: dict[str, Any]) -> Column | None:
    """The column of a property, or None after telling `document` why it cannot be one."""
    name, logical = entry.get("name", ""), entry.get("logicalType", "string")
    if logical not in _TYPES:
        document.problem(
            (*where, "logicalType"), f"column `{name}` is of type {logical}; drops hold flat tables only"
        )
        return None
    options = entry.get("logicalTypeOptions", {})
    form = options.get("format")
    if logical in _FORMATS:
        if form is not None and not re.fullmatch(_FORMATS[logical], form):
            document.problem((*where, "logicalTypeOptions", "format"), f"format {form} is not supported")
    elif form is not None and logical in ("date", "timestamp", "time"):
        document.problem(
            (*where, "logicalTypeOptions", "format"),
            f"column `{name}`: dates and times are read as ISO 8601; remove `format`",
        )
    if decimal := _DECIMAL.fullmatch(str(entry.get("physicalType", ""))):
        form = f"decimal({decimal[1]},{decimal[2]})"
        if not int(decimal[2]) <= int(decimal[1]) <= _MAXIMUM_DECIMAL_DIGITS:
            document.problem((*where, "physicalType"), f"{form} cannot be stored: at most 38 digits")
    timezone = options.get("defaultTimezone", "UTC")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError):
        document.problem(
            (*where, "logicalTypeOptions", "defaultTimezone"), f"time zone {timezone} is unknown"
        )
    return Column(
        name=name,
        type=cast("ColumnType", logical),
        format=form if logical in _FORMATS else None,
        timezone=timezone,
    )


def column_rules(document: Document, where: Where, entry: dict[str, Any], column: Column) -> list[Rule]:
    """Rules of one property, the implied ones first."""
    columns = (column.name,)
    rules = [Rule(kind="type", columns=columns)]
    if entry.get("required") or entry.get("primaryKey"):
        rules.append(Rule(kind="required", columns=columns))
    rules += _option_rules(entry, column)
    if "enum" in entry:
        rules.append(Rule(kind="enum", columns=columns, values=tuple(e["value"] for e in entry["enum"])))
    if entry.get("unique"):
        rules.append(Rule(kind="unique", columns=columns))
    rules += _quality_rules(document, where, entry, columns)
    return rules


def table_rules(document: Document, where: Where, table: dict[str, Any]) -> list[Rule]:
    """Rules of the whole drop: its columns, its primary key, and those listed under `quality`."""
    keys = [entry for entry in table.get("properties", ()) if entry.get("primaryKey")]
    keys.sort(key=lambda entry: entry.get("primaryKeyPosition", -1))
    rules = [Rule(kind="columns")]
    if keys and not (len(keys) == 1 and keys[0].get("unique")):
        rules.append(Rule(kind="unique", columns=tuple(entry["name"] for entry in keys)))
    return rules + _quality_rules(document, where, table, ())


def _option_rules(entry: dict[str, Any], column: Column) -> list[Rule]:
    options, columns = entry.get("logicalTypeOptions", {}), (column.name,)
    rules = []
    low = options.get("exclusiveMinimum", options.get("minimum"))
    high = options.get("exclusiveMaximum", options.get("maximum"))
    if low is not None or high is not None:
        rules.append(
            Rule(
                kind="range",
                columns=columns,
                minimum=low,
                maximum=high,
                exclusive_minimum="exclusiveMinimum" in options,
                exclusive_maximum="exclusiveMaximum" in options,
            )
        )
    if "multipleOf" in options:
        rules.append(Rule(kind="multiple_of", columns=columns, multiple_of=options["multipleOf"]))
    if "minLength" in options or "maxLength" in options:
        rules.append(
            Rule(
                kind="length",
                columns=columns,
                minimum=options.get("minLength"),
                maximum=options.get("maxLength"),
            )
        )
    if "pattern" in options:
        rules.append(Rule(kind="pattern", columns=columns, pattern=options["pattern"]))
    return rules


def _quality_rules(
    document: Document, where: Where, entry: dict[str, Any], columns: tuple[str, ...]
) -> list[Rule]:
    rules: list[Rule] = []
    for index, check in enumerate(entry.get("quality", ())):
        here = (*where, "quality", index)
        kind = check.get("type", "library")
        if kind == "library" and "metric" in check:
            rules += _library_rules(document, here, check, columns)
        elif kind == "sql" or (kind == "custom" and check.get("engine") == "tidegate"):
            document.problem(here, f"a quality rule of type {kind} cannot be checked; use a library metric")
    return rules


def _library_rules(
    document: Document, where: Where, check: dict[str, Any], columns: tuple[str, ...]
) -> list[Rule]:
    severity = _SEVERITIES.get(check.get("severity", "error"))
    if severity is None:
        document.problem((*where, "severity"), f"severity is {check['severity']!r}, must be error or warning")
        return []
    metric, arguments = check["metric"], check.get("arguments", {})
    if not columns and metric not in ("rowCount", "duplicateValues"):
        document.problem((*where, "metric"), f"{metric} belongs to a column, not to the table")
        return []
    shared: dict[str, Any] = {"severity": severity, "condition": _condition(document, where, check)}
    if metric == "invalidValues":
        rules = []
        if "validValues" in arguments:
            rules.append(Rule(kind="enum", columns=columns, values=tuple(arguments["validValues"]), **shared))
        if "pattern" in arguments:
            rules.append(Rule(kind="pattern", columns=columns, pattern=arguments["pattern"], **shared))
        if not rules:
            document.problem(where, "invalidValues needs `arguments` with validValues or pattern")
        return rules
    if metric == "missingValues":
        values = tuple(value for value in arguments.get("missingValues", ()) if value is not None)
        return [Rule(kind="missing_values", columns=columns, values=values, **shared)]
    if metric == "duplicateValues" and not columns:
        columns = tuple(arguments.get("properties", ()))
        if not columns:
            document.problem(where, "duplicateValues of the table needs `arguments` with properties")
    return [Rule(kind=_METRICS[metric], columns=() if metric == "rowCount" else columns, **shared)]


def _condition(document: Document, where: Where, check: dict[str, Any]) -> Condition:
    operator = next(name for name in _OPERATORS if name in check)
    values = check[operator] if isinstance(check[operator], list) else [check[operator]]
    if not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        document.problem((*where, operator), f"{operator} is {check[operator]!r}, must be a number")
        return Condition()
    unit = check.get("unit", "rows")
    if unit not in ("rows", "percent"):
        document.problem((*where, "unit"), f"unit is {unit!r}, must be rows or percent")
        unit = "rows"
    return Condition(operator=operator, values=tuple(values), unit=unit)
