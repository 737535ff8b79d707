"""Which rules an ODCS property or table asks for, in the standard's own words.

A rule without `severity` is an error: a broken rule that only whispers has to be asked for. `physicalName` is
not used: a drop names its columns as the contract's `name` does.
"""

import difflib
from collections.abc import Iterable
from typing import Any

from tidegate.contract import values
from tidegate.contract.columns import check_options
from tidegate.contract.conditions import condition_of, severity_of
from tidegate.contract.document import Document, Where, meant
from tidegate.contract.own_rules import ENGINE, own_rules
from tidegate.contract.plan import NESTED, Column, Rule, RuleKind
from tidegate.contract.text_formats import TEXT_FORMATS, UNJUDGED_FORMATS

METRICS: dict[str, RuleKind] = {
    "nullValues": "null_values",
    "missingValues": "missing_values",
    "duplicateValues": "unique",
    "rowCount": "row_count",
}
_ARGUMENTS = {
    "nullValues": (),
    "missingValues": ("missingValues",),
    "invalidValues": ("validValues", "pattern"),
    "duplicateValues": ("properties",),
    "rowCount": (),
}
_WIDTHS_BELOW_ARROWS = ("i8", "i16", "u8", "u16", "u32", "u64")  # stored wider, so the range is a rule


def column_rules(document: Document, where: Where, entry: dict[str, Any], column: Column) -> list[Rule]:
    """Rules of one property, the implied ones first."""
    columns = (column.name,)
    rules = [Rule(kind="type", columns=columns)]
    if entry.get("required") or entry.get("primaryKey"):
        rules.append(Rule(kind="required", columns=columns))
    if column.type in NESTED:
        check_options(document, where, entry, column)
        rules += _item_rules(document, where, entry, column)
    else:
        rules += _option_rules(document, where, entry, column)
        if "enum" in entry:
            allowed = values_of(document, (*where, "enum"), column, [e["value"] for e in entry["enum"]])
            rules.append(Rule(kind="enum", columns=columns, values=allowed))
        if entry.get("unique"):
            rules.append(Rule(kind="unique", columns=columns))
    return rules + _quality_rules(document, where, entry, column)


def table_rules(document: Document, where: Where, table: dict[str, Any]) -> list[Rule]:
    """Rules of the whole drop: its columns, its primary key, and those listed under `quality`."""
    keys = [entry for entry in table.get("properties", ()) if entry.get("primaryKey")]
    keys.sort(key=lambda entry: entry.get("primaryKeyPosition", -1))
    rules = [Rule(kind="columns")]
    if keys and not (len(keys) == 1 and keys[0].get("unique")):
        rules.append(Rule(kind="unique", columns=tuple(entry.get("name", "") for entry in keys)))
    return rules + _quality_rules(document, where, table, None)


def values_of(document: Document, where: Where, column: Column, given: Iterable[Any]) -> tuple[Any, ...]:
    """Values that `column` can have, as the plan carries them; `document` is told of those it cannot have."""
    found = []
    for value in given:
        try:
            found.append(values.value_of(column, value))
        except ValueError as cause:
            document.problem(where, f"column `{column.name}`: {cause}")
    return tuple(found)


def _option_rules(document: Document, where: Where, entry: dict[str, Any], column: Column) -> list[Rule]:
    options, here = entry.get("logicalTypeOptions", {}), (*where, "logicalTypeOptions")
    columns = (column.name,)
    rules = _range_rules(document, here, options, column)
    if "multipleOf" in options:
        rules.append(_multiple_rule(document, here, columns, options["multipleOf"]))
    rules += _length_rules(document, here, column, options.get("minLength"), options.get("maxLength"))
    if "pattern" in options:
        if mistake := values.pattern_mistake(options["pattern"]):
            document.problem((*here, "pattern"), mistake)
        rules.append(Rule(kind="pattern", columns=columns, pattern=options["pattern"]))
    if column.type == "string" and (form := options.get("format")) is not None:
        if form in TEXT_FORMATS:
            rules.append(Rule(kind="pattern", columns=columns, pattern=TEXT_FORMATS[form]))
        elif form not in UNJUDGED_FORMATS:
            near = meant(form, [*TEXT_FORMATS, *UNJUDGED_FORMATS])
            document.problem(
                (*here, "format"),
                f"format {form} of a text cannot be judged{near or '; write it as a `pattern`'}",
            )
    return rules


def _multiple_rule(document: Document, where: Where, columns: tuple[str, ...], step: Any) -> Rule:
    if step == float("inf") or step != step:  # noqa: PLR0124  # the standard's schema lets YAML's .nan pass
        document.problem((*where, "multipleOf"), f"multipleOf is {step!r}, must be a number")
        step = 1
    return Rule(kind="multiple_of", columns=columns, multiple_of=int(step) if step % 1 == 0 else float(step))


def _item_rules(document: Document, where: Where, entry: dict[str, Any], column: Column) -> list[Rule]:
    options, here = entry.get("logicalTypeOptions", {}), (*where, "logicalTypeOptions")
    low, high = options.get("minItems"), options.get("maxItems")
    if entry["logicalType"] == "vector":
        low = high = options.get("dimensions")
        if low is None:
            document.problem(where, f"column `{column.name}` is a vector: `dimensions` must say of how many")
    return _length_rules(document, here, column, low, high)


def _length_rules(
    document: Document, where: Where, column: Column, low: int | None, high: int | None
) -> list[Rule]:
    if low is None and high is None:
        return []
    if low is not None and high is not None and low > high:
        document.problem(where, f"column `{column.name}`: no length is at least {low} and at most {high}")
    return [Rule(kind="length", columns=(column.name,), minimum=low, maximum=high)]


def _range_rules(document: Document, where: Where, options: dict[str, Any], column: Column) -> list[Rule]:
    lows, highs = [], []
    if column.type == "integer" and column.format in _WIDTHS_BELOW_ARROWS:
        least, greatest = values.integer_limits(column.format)
        lows.append((values.value_of(column, least), False))
        highs.append((values.value_of(column, greatest), False))
    for key, limits, is_upper in (("inimum", lows, False), ("aximum", highs, True)):
        for name in (f"m{key}", f"exclusiveM{key}"):
            if name not in options:
                continue
            is_exclusive = name.startswith("exclusive")
            try:
                limit = values.bound_of(column, options[name], is_upper=is_upper, is_exclusive=is_exclusive)
            except ValueError as cause:
                document.problem((*where, name), f"column `{column.name}`: {cause}")
            else:
                limits.append((limit, is_exclusive))
    if not lows and not highs:
        return []

    def order(limit: tuple[Any, bool]) -> Any:
        return values.order_of(column, limit[0])

    low = max(lows, key=lambda limit: (order(limit), limit[1]), default=(None, False))
    high = min(highs, key=lambda limit: (order(limit), not limit[1]), default=(None, False))
    if lows and highs and (order(low) > order(high) or (order(low) == order(high) and (low[1] or high[1]))):
        document.problem(where, f"column `{column.name}`: no value lies between {low[0]} and {high[0]}")
    return [
        Rule(
            kind="range",
            columns=(column.name,),
            minimum=low[0],
            maximum=high[0],
            exclusive_minimum=low[1],
            exclusive_maximum=high[1],
        )
    ]


def _quality_rules(
    document: Document, where: Where, entry: dict[str, Any], column: Column | None
) -> list[Rule]:
    rules: list[Rule] = []
    for index, check in enumerate(entry.get("quality", ())):
        here = (*where, "quality", index)
        kind = check.get("type", "library")
        if kind == "sql":
            document.problem(
                here, "a quality rule of type sql cannot be judged: no database holds a drop; use a metric"
            )
        elif kind == "custom":
            rules += _custom_rules(document, here, check, column)
        elif kind == "library" and "metric" not in check:
            document.problem(here, "a quality rule needs a `metric`, or `type: text` when it is prose")
        elif kind == "library":
            rules += _library_rules(document, here, check, column)
    return rules


def _custom_rules(
    document: Document, where: Where, check: dict[str, Any], column: Column | None
) -> list[Rule]:
    engine = check["engine"]
    if engine == ENGINE:
        return own_rules(document, where, check, column)
    if difflib.get_close_matches(engine.lower(), [ENGINE], 1):
        document.problem((*where, "engine"), f"engine {engine!r} is unknown{meant(engine.lower(), [ENGINE])}")
    return []  # another engine's business


def _library_rules(
    document: Document, where: Where, check: dict[str, Any], column: Column | None
) -> list[Rule]:
    metric, arguments = check["metric"], check.get("arguments", {})
    severity = severity_of(document, where, check.get("severity", "error"))
    condition = condition_of(document, where, check)
    for key in arguments:
        if key not in _ARGUMENTS[metric]:
            near = meant(key, _ARGUMENTS[metric])
            document.problem((*where, "arguments", key), f"{metric} has no argument `{key}`{near}")
    if column is None and metric not in ("rowCount", "duplicateValues"):
        document.problem((*where, "metric"), f"{metric} belongs to a column, not to the table")
        return []
    if column is not None and metric == "rowCount":
        document.problem((*where, "metric"), "rowCount belongs to the table, not to a column")
        return []
    if metric == "rowCount" and condition.unit == "percent":
        document.problem((*where, "unit"), "the number of rows is no percentage of itself; use rows")
    shared: dict[str, Any] = {"severity": severity or "error", "condition": condition}
    if column is None:
        names = _key_columns(document, where, arguments) if metric == "duplicateValues" else ()
        return [Rule(kind=METRICS[metric], columns=names, **shared)]
    if column.type in NESTED and (arguments or metric not in ("nullValues", "missingValues")):
        document.problem(where, f"column `{column.name}` is nested: {metric} cannot be judged of it")
        return []
    if metric == "invalidValues":
        return _invalid_values(document, where, arguments, column, shared)
    listed: tuple[Any, ...] = ()
    if metric == "missingValues":
        given = [value for value in _list(document, where, arguments, "missingValues") if value is not None]
        listed = values_of(document, (*where, "arguments", "missingValues"), column, given)
    return [Rule(kind=METRICS[metric], columns=(column.name,), values=listed, **shared)]


def _invalid_values(
    document: Document, where: Where, arguments: dict[str, Any], column: Column, shared: dict[str, Any]
) -> list[Rule]:
    rules, columns, here = [], (column.name,), (*where, "arguments")
    if "validValues" in arguments:
        given = _list(document, where, arguments, "validValues")
        allowed = values_of(document, (*here, "validValues"), column, given)
        if not given:
            document.problem((*here, "validValues"), "`validValues` is empty: nothing would be valid")
        rules.append(Rule(kind="enum", columns=columns, values=allowed, **shared))
    if "pattern" in arguments:
        if column.type != "string":
            document.problem((*here, "pattern"), f"column `{column.name}` is no text: it has no pattern")
        elif mistake := values.pattern_mistake(arguments["pattern"]):
            document.problem((*here, "pattern"), mistake)
        rules.append(Rule(kind="pattern", columns=columns, pattern=arguments["pattern"], **shared))
    if not rules:
        document.problem(where, "invalidValues needs `arguments` with validValues or pattern")
    return rules


def _key_columns(document: Document, where: Where, arguments: dict[str, Any]) -> tuple[str, ...]:
    names = tuple(str(name) for name in _list(document, where, arguments, "properties"))
    if not names:
        document.problem(where, "duplicateValues of the table needs `arguments` with properties")
    return names


def _list(document: Document, where: Where, arguments: dict[str, Any], key: str) -> list[Any]:
    given = arguments.get(key, [])
    if isinstance(given, list):
        return given
    document.problem((*where, "arguments", key), f"`{key}` is {given!r}, must be a list")
    return []
