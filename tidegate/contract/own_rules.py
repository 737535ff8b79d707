"""Rules the standard has no words for: `type: custom`, `engine: tidegate`, `implementation: {...}`."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, get_args

from tidegate.contract import values
from tidegate.contract.conditions import OPERATORS, condition_of, severity_of
from tidegate.contract.document import Document, Where, meant
from tidegate.contract.plan import (
    NESTED,
    AnomalySettings,
    BadRows,
    Column,
    Comparison,
    DriftSettings,
    Rule,
    Statistic,
)

ENGINE = "tidegate"
STATISTICS: dict[str, Statistic] = {
    "mean": "mean",
    "standardDeviation": "standard_deviation",
    "minimum": "minimum",
    "maximum": "maximum",
    "sum": "sum",
    "quantile": "quantile",
    "distinctCount": "distinct_count",
    "distinctShare": "distinct_share",
}
SETTINGS = ("drift", "anomaly")
COLUMN_KEYS = (*STATISTICS, "mustContain", "mostCommon", "notValues", "notPattern", *SETTINGS)
TABLE_KEYS = ("compare", "sum", "pairs", "badRows")
_OF_NUMBERS = ("mean", "standardDeviation", "minimum", "maximum", "sum", "quantile")
_ACTIONS = {"setAside": "set-aside", "quarantineDrop": "quarantine-drop"}


def own_rules(document: Document, where: Where, check: dict[str, Any], column: Column | None) -> list[Rule]:
    """The rules of one `custom` block of a column, or of the table when `column` is None."""
    given, here = check["implementation"], (*where, "implementation")
    if not isinstance(given, dict) or not given:
        document.problem(here, "`implementation` must hold keys: what the engine has to judge")
        return []
    severity = severity_of(document, where, check.get("severity", "error")) or "error"
    if "severity" in check and set(given) <= {*SETTINGS, "badRows"}:
        document.problem((*where, "severity"), f"{', '.join(given)} have no severity; remove it")
    known, others = (COLUMN_KEYS, TABLE_KEYS) if column is not None else (TABLE_KEYS, COLUMN_KEYS)
    rules: list[Rule] = []
    for key, value in given.items():
        place = (*here, key)
        if key in others and key not in known:
            home = "the table, not to a column" if column is not None else "a column, not to the table"
            document.problem(place, f"`{key}` belongs to {home}")
        elif key not in known:
            document.problem(place, f"unknown key `{key}` of engine {ENGINE}{meant(key, (*known, *others))}")
        elif column is None:
            rules += _TABLE_READERS[key](document, place, value) if key in _TABLE_READERS else []
        elif key not in SETTINGS:
            rules += _column_rule(document, place, value, column)
    return [replace(rule, severity=severity) for rule in rules]


def settings_of(document: Document, where: Where, entry: dict[str, Any], column: Column) -> Column:
    """`column` with the drift and anomaly settings that its `custom` blocks give."""
    seen: set[str] = set()
    for place, key, value in _own_keys(where, entry, SETTINGS):
        if key in seen:
            document.problem(place, f"`{key}` of column `{column.name}` is given twice")
        seen.add(key)
        if key == "drift":
            column = replace(column, drift=_drift(document, place, value))
        else:
            column = replace(column, anomaly=_anomaly(document, place, value))
    return column


def bad_rows_of(document: Document, where: Where, table: dict[str, Any]) -> BadRows:
    """What becomes of bad rows."""
    found = _own_keys(where, table, ("badRows",))
    if len(found) > 1:
        document.problem(found[1][0], "`badRows` is given twice")
    return _bad_rows(document, found[0][0], found[0][2]) if found else BadRows()


def _own_keys(where: Where, entry: dict[str, Any], keys: tuple[str, ...]) -> list[tuple[Where, str, Any]]:
    return [
        ((*where, "quality", index, "implementation", key), key, value)
        for index, check in enumerate(entry.get("quality", ()))
        if check.get("engine") == ENGINE and isinstance(check.get("implementation"), dict)
        for key, value in check["implementation"].items()
        if key in keys
    ]


def _column_rule(document: Document, where: Where, value: Any, column: Column) -> list[Rule]:
    key = str(where[-1])
    if column.type in NESTED:
        document.problem(where, f"column `{column.name}` is nested: `{key}` cannot be judged of it")
        return []
    if key in _OF_NUMBERS and column.type not in ("integer", "number", "boolean"):
        hint = "; bound its values by `minimum` and `maximum` of logicalTypeOptions"
        document.problem(
            where,
            f"column `{column.name}` is of type {column.type}: it has no `{key}`"
            + (hint if key in ("minimum", "maximum") and column.type != "string" else ""),
        )
        return []
    return _READERS.get(key, _statistic)(document, where, value, column)


def _statistic(document: Document, where: Where, value: Any, column: Column) -> list[Rule]:
    key = str(where[-1])
    extra = ("share",) if key == "quantile" else ()
    if not _has_keys(document, where, value, (*OPERATORS, *extra)):
        return []
    share = None
    if key == "quantile":
        share = value.get("share")
        if not _is_number(share) or not 0 <= share <= 1:
            document.problem(where, f"`quantile` needs a `share` from 0 to 1, not {share!r}")
            return []
        share = float(share)
    condition = condition_of(document, where, value, counts=False)
    return [
        Rule(
            kind="statistic",
            columns=(column.name,),
            statistic=STATISTICS[key],
            share=share,
            condition=condition,
        )
    ]


def _must_contain(document: Document, where: Where, value: Any, column: Column) -> list[Rule]:
    listed = _values(document, where, value, column)
    return [Rule(kind="statistic", columns=(column.name,), statistic="values_missing", values=listed)]


def _most_common(document: Document, where: Where, value: Any, column: Column) -> list[Rule]:
    listed = _values(document, where, value, column)
    return [Rule(kind="statistic", columns=(column.name,), statistic="most_common_unlisted", values=listed)]


def _not_values(document: Document, where: Where, value: Any, column: Column) -> list[Rule]:
    listed = _values(document, where, value, column)
    return [Rule(kind="not_enum", columns=(column.name,), values=listed)]


def _not_pattern(document: Document, where: Where, value: Any, column: Column) -> list[Rule]:
    if column.type != "string":
        document.problem(where, f"column `{column.name}` is no text: it has no pattern")
    elif mistake := values.pattern_mistake(value):
        document.problem(where, mistake)
    return [Rule(kind="not_pattern", columns=(column.name,), pattern=str(value))]


_READERS: dict[str, Callable[[Document, Where, Any, Column], list[Rule]]] = {
    "mustContain": _must_contain,
    "mostCommon": _most_common,
    "notValues": _not_values,
    "notPattern": _not_pattern,
}


def _values(document: Document, where: Where, given: Any, column: Column) -> tuple[Any, ...]:
    if not isinstance(given, list) or not given:
        document.problem(where, f"`{where[-1]}` is {given!r}, must be a list of values")
        return ()
    found = []
    for value in given:
        try:
            found.append(values.value_of(column, value))
        except ValueError as cause:
            document.problem(where, f"column `{column.name}`: {cause}")
    return tuple(found)


def _drift(document: Document, where: Where, value: Any) -> DriftSettings:
    if isinstance(value, bool):
        return DriftSettings(watched=value)
    if not _has_keys(document, where, value, ("warning", "alarm")):
        return DriftSettings()
    levels = {key: _positive(document, (*where, key), level) for key, level in value.items()}
    warning, alarm = levels.get("warning"), levels.get("alarm")
    if warning is not None and alarm is not None and warning > alarm:
        document.problem(where, f"drift warns at {warning:g} and alarms below it, at {alarm:g}")
    return DriftSettings(warning=warning, alarm=alarm)


def _anomaly(document: Document, where: Where, value: Any) -> AnomalySettings:
    if isinstance(value, bool):
        return AnomalySettings(watched=value)
    if not _has_keys(document, where, value, ("minimumChange", "figures")):
        return AnomalySettings()
    figures = value.get("figures", [])
    if not isinstance(figures, list) or not all(isinstance(name, str) for name in figures):
        document.problem((*where, "figures"), f"`figures` is {figures!r}, must be a list of names")
        figures = []
    change = value.get("minimumChange")
    if change is not None:
        change = _positive(document, (*where, "minimumChange"), change)
    return AnomalySettings(minimum_change=change, figures=tuple(figures))


def _compare(document: Document, where: Where, value: Any) -> list[Rule]:
    if not _has_keys(document, where, value, ("columns", "operator")):
        return []
    columns, operator = value.get("columns"), value.get("operator")
    if not isinstance(columns, list) or len(columns) != 2:  # noqa: PLR2004  # a comparison has two sides
        document.problem(where, f"`columns` is {columns!r}, must be the names of two columns")
        return []
    if not _is_comparison(document, where, operator):
        return []
    return [Rule(kind="compare", columns=(str(columns[0]), str(columns[1])), comparison=operator)]


def _is_comparison(document: Document, where: Where, operator: Any) -> bool:
    if operator in get_args(Comparison):
        return True
    allowed = ", ".join(get_args(Comparison))
    document.problem((*where, "operator"), f"`operator` is {operator!r}, must be one of {allowed}")
    return False


def _sum(document: Document, where: Where, value: Any) -> list[Rule]:
    if not _has_keys(document, where, value, ("columns", "operator", "value", "column")):
        return []
    columns, operator = _several(document, where, value), value.get("operator")
    if not columns or not _is_comparison(document, where, operator):
        return []
    if ("value" in value) == ("column" in value):
        document.problem(where, "`sum` needs a `value` or a `column` that it is compared with, and only one")
        return []
    if "column" in value:
        return [Rule(kind="sum", columns=(*columns, str(value["column"])), comparison=operator)]
    try:
        total = values.number_of(value["value"])
    except ValueError as cause:
        document.problem((*where, "value"), f"`value` of `sum`: {cause}")
        return []
    return [Rule(kind="sum", columns=columns, comparison=operator, total=total)]


def _pairs(document: Document, where: Where, value: Any) -> list[Rule]:
    """The values as they are written: their types are checked where those of the columns are known."""
    if not _has_keys(document, where, value, ("columns", "values")):
        return []
    columns, listed = _several(document, where, value), value.get("values")
    if not isinstance(listed, list) or not listed:
        document.problem(where, f"`values` is {listed!r}, must be a list of lists of values")
        return []
    for entry in listed if columns else ():
        if not isinstance(entry, list) or len(entry) != len(columns):
            document.problem(
                (*where, "values"), f"{entry!r} must hold a value for each of {', '.join(columns)}"
            )
            return []
    return [Rule(kind="pairs", columns=columns, pairs=tuple(map(tuple, listed)))] if columns else []


def _several(document: Document, where: Where, value: dict[str, Any]) -> tuple[str, ...]:
    columns = value.get("columns")
    if isinstance(columns, list) and len(columns) > 1:
        return tuple(map(str, columns))
    document.problem(where, f"`columns` is {columns!r}, must be the names of two or more columns")
    return ()


_TABLE_READERS: dict[str, Callable[[Document, Where, Any], list[Rule]]] = {
    "compare": _compare,
    "sum": _sum,
    "pairs": _pairs,
}


def _bad_rows(document: Document, where: Where, value: Any) -> BadRows:
    if not _has_keys(document, where, value, ("action", "maximumPercent")):
        return BadRows()
    action = value.get("action")
    if action not in _ACTIONS:
        near = meant(str(action), _ACTIONS)
        document.problem((*where, "action"), f"`action` is {action!r}, must be {' or '.join(_ACTIONS)}{near}")
        return BadRows()
    percent = value.get("maximumPercent", BadRows.maximum_percent)
    if not _is_number(percent) or not 0 <= percent <= 100:  # noqa: PLR2004  # percent
        document.problem((*where, "maximumPercent"), f"`maximumPercent` is {percent!r}, must be 0 to 100")
        return BadRows()
    if "maximumPercent" in value and action == "quarantineDrop":
        document.problem((*where, "maximumPercent"), "`maximumPercent` is of `action: setAside`; remove it")
    return BadRows(action=_ACTIONS[action], maximum_percent=float(percent))  # type: ignore[arg-type]  # its values


def _has_keys(document: Document, where: Where, value: Any, keys: tuple[str, ...]) -> bool:
    """Whether `value` holds some of `keys` and nothing else."""
    if not isinstance(value, dict) or not value:
        document.problem(where, f"`{where[-1]}` is {value!r}, must hold {', '.join(keys)}")
        return False
    extra = [key for key in value if key not in keys]
    for key in extra:
        document.problem((*where, key), f"unknown key `{key}` of `{where[-1]}`{meant(key, keys)}")
    return not extra


def _positive(document: Document, where: Where, value: Any) -> float | None:
    if _is_number(value) and 0 < value < float("inf"):
        return float(value)
    document.problem(where, f"`{where[-1]}` is {value!r}, must be a number above 0")
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
