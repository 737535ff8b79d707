"""Whether the limits, values and patterns of a rule can be compared with its column at all."""

import datetime as dt
import re
from typing import Any

from tidegate.contract.document import Document, Where
from tidegate.contract.plan import Column, ColumnType, Rule

_BEYOND_RE2 = re.compile(r"(?<!\\)(?:\\\\)*(\(\?(?:[=!>(]|<[=!]|P=)|\\[1-9]|[*+?}]\+)")


def check_rule(document: Document, where: Where, rule: Rule, column: Column) -> None:
    """Tell `document` what is wrong with the rule of a column."""
    if rule.kind in ("length", "pattern") and column.type != "string":
        document.problem(where, f"column `{column.name}` is no text: it has no {rule.kind}")
    if rule.kind == "range" and column.type in ("string", "boolean"):
        document.problem(where, f"column `{column.name}` is of type {column.type}: it has no range")
        return
    limits = () if rule.kind == "length" else (rule.minimum, rule.maximum)
    for value in (*limits, *rule.values):
        if value is not None and not _is_of(value, column.type):
            hint = "; quote it" if column.type == "string" else ""
            document.problem(where, f"column `{column.name}`: {value!r} is not of type {column.type}{hint}")
    if rule.pattern is not None:
        _check_pattern(document, where, rule.pattern)


def _is_of(value: Any, type_: ColumnType) -> bool:
    if type_ in ("integer", "number"):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if type_ == "boolean":
        return isinstance(value, bool)
    if not isinstance(value, str):
        return False
    try:
        if type_ == "date":
            dt.date.fromisoformat(value)
        elif type_ == "timestamp":
            dt.datetime.fromisoformat(value)
        elif type_ == "time":
            dt.time.fromisoformat(value)
    except ValueError:
        return False
    return True


def _check_pattern(document: Document, where: Where, pattern: str) -> None:
    """Patterns run on RE2, which promises linear time and so lacks some of what Python's engine takes."""
    try:
        re.compile(pattern)
    except re.error as cause:
        document.problem(where, f"pattern {pattern!r} cannot be used: {cause}")
        return
    if found := _BEYOND_RE2.search(pattern):
        document.problem(
            where, f"pattern {pattern!r} cannot be used: {found[0]} looks around or back, which RE2 does not"
        )
