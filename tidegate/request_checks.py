"""A prediction request against the contract: every mistake of every field, before anything is computed.

Pure standard library; the rules are the contract's own, those that speak of a single value. Whole-drop rules
(row counts, uniqueness, shares of nulls) do not concern a request.
"""

import functools
import math
import re
from dataclasses import asdict, dataclass
from typing import Any

from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.feature_plan import FeatureSetPlan
from tidegate.moments import seconds

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "timestamp": (str,),
    "date": (str,),
    "time": (str,),
}
MAX_ROWS = 1000


@dataclass(frozen=True)
class Problem:
    """One mistake: `field` is `name`, or `instances[3].name` in a batch."""

    field: str
    message: str

    def to_json(self) -> dict[str, str]:
        return asdict(self)


def problems(features: FeatureSetPlan, contract: ContractPlan, row: Any, where: str = "") -> list[Problem]:
    """What is wrong with one request row; empty when it can be answered.

    A member may be null unless the contract requires the column. Members that are no request columns are
    refused: a misspelt column would otherwise be missing in silence.
    """
    if not isinstance(row, dict):
        return [Problem(where.rstrip(".") or "body", "must be an object")]
    found = [
        Problem(f"{where}{name}", "is not a request column")
        for name in sorted(set(row) - set(features.request))
    ]
    for name in features.request:
        if name not in row:
            found.append(Problem(f"{where}{name}", "is missing"))
            continue
        if message := _mistake(contract.column(name), _rules(contract, name), row[name]):
            found.append(Problem(f"{where}{name}", message))
    if not found and row[features.source.event_ts] is None:
        found.append(
            Problem(f"{where}{features.source.event_ts}", "must say when the prediction is asked for")
        )
    return found


def _mistake(column: Column, rules: tuple[Rule, ...], value: Any) -> str | None:
    if value is None:
        required = any(rule.kind == "required" and rule.severity == "error" for rule in rules)
        return "must not be null" if required else None
    expected = _TYPES[column.type]
    wrong_bool = isinstance(value, bool) and column.type != "boolean"
    if not isinstance(value, expected) or wrong_bool:
        return f"must be a {column.type}, is {value!r:.40}"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if column.type == "timestamp":
        try:
            seconds(str(value))
        except ValueError:
            return f"must be an ISO 8601 timestamp, is {value!r:.40}"
    return next((text for rule in rules if (text := _broken(rule, value))), None)


def _broken(rule: Rule, value: Any) -> str | None:
    """Why `value` breaks the rule, or None; a warning in the contract does not refuse a request."""
    if rule.severity != "error":
        return None
    if rule.kind == "range" and isinstance(value, int | float):
        low, high = rule.minimum, rule.maximum
        if isinstance(low, int | float) and (value < low or (rule.exclusive_minimum and value == low)):
            return f"must be at least {low:g}, is {value:g}"
        if isinstance(high, int | float) and (value > high or (rule.exclusive_maximum and value == high)):
            return f"must be at most {high:g}, is {value:g}"
    if rule.kind == "enum" and value not in rule.values:
        return f"must be one of {', '.join(map(str, rule.values))}, is {value!r:.40}"
    if rule.kind == "pattern" and rule.pattern and not _compiled(rule.pattern).search(value):
        return f"must match {rule.pattern}, is {value!r:.40}"
    if rule.kind == "length" and isinstance(value, str):
        low, high = rule.minimum, rule.maximum
        if (isinstance(low, int) and len(value) < low) or (isinstance(high, int) and len(value) > high):
            return f"has {len(value)} characters, must have {low} to {high}"
    return None


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


@functools.cache
def _rules(contract: ContractPlan, name: str) -> tuple[Rule, ...]:
    return tuple(rule for rule in contract.rules if rule.column == name)
