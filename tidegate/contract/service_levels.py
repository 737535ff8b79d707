"""How old a drop's newest row may be: `slaProperties` of freshness or latency. All others are prose."""

import difflib
from typing import Any

from tidegate.contract.conditions import severity_of
from tidegate.contract.document import Document, Where, meant
from tidegate.contract.plan import Column, Condition, Rule

PROPERTIES = ("freshness", "latency")
SECONDS = {
    **dict.fromkeys(("s", "second", "seconds"), 1),
    **dict.fromkeys(("m", "min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
}


def freshness_rules(document: Document, table: str, columns: list[Column]) -> list[Rule]:
    """One rule for each element of a freshness or latency."""
    rules = []
    for index, level in enumerate(document.data.get("slaProperties") or ()):
        where, name = ("slaProperties", index), level["property"]
        if name not in PROPERTIES:
            if difflib.get_close_matches(name.lower(), PROPERTIES, 1, 0.8):
                near = meant(name.lower(), PROPERTIES)
                document.problem((*where, "property"), f"`{name}` is unknown{near}")
            continue
        seconds = _seconds(document, where, level)
        severity = _severity(document, where, level)
        element = level.get("element") or document.data.get("slaDefaultElement")
        if not element:
            document.problem(where, f"{name} needs `element: {table}.COLUMN`, a timestamp of the table")
            continue
        for part in str(element).split(","):
            column = _column(document, where, part.strip(), table, columns)
            if column is not None and seconds is not None:
                condition = Condition(operator="mustBeLessOrEqualTo", values=(seconds,))
                rules.append(
                    Rule(kind="freshness", columns=(column,), severity=severity, condition=condition)
                )
    return rules


def _seconds(document: Document, where: Where, level: dict[str, Any]) -> float | None:
    value, unit = level["value"], level.get("unit")
    if unit not in SECONDS:
        near = meant(str(unit), [word for word in SECONDS if len(word) > 1])
        document.problem((*where, "unit"), f"unit is {unit!r}, must be s, m, h or d{near}")
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if isinstance(value, bool) or not 0 < number < float("inf"):
        document.problem((*where, "value"), f"value is {value!r}, must be a number above 0")
        return None
    seconds = number * SECONDS[unit]
    return int(seconds) if seconds == int(seconds) else seconds


def _severity(document: Document, where: Where, level: dict[str, Any]) -> Any:
    """A service level has no severity in the standard; a custom property may give it one."""
    for index, extra in enumerate(level.get("customProperties") or ()):
        if extra["property"] == "severity":
            here = (*where, "customProperties", index)
            return severity_of(document, here, extra["value"]) or "error"
    return "error"


def _column(document: Document, where: Where, element: str, table: str, columns: list[Column]) -> str | None:
    """The column that `table.column` names; None after telling `document` that it is no timestamp."""
    names = [column.name for column in columns if column.type == "timestamp"]
    owner, dot, name = element.partition(".")
    if not dot or owner != table:
        name = element  # a column alone; its own name may hold a dot
    if name in names:
        return name
    every = [f"{table}.{column}" for column in names]
    document.problem(
        (*where, "element"), f"element `{element}` is no timestamp of `{table}`{meant(element, every)}"
    )
    return None
