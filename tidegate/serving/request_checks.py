"""A prediction request against the contract: every mistake of every field, before anything is computed.

Pure standard library; the rules are the contract's own, those that speak of a single value. Whole-drop rules
(row counts, uniqueness, shares of nulls) do not concern a request.
"""

import functools
import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime, time
from typing import Any

from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.feature_store.feature_plan import FeatureSetPlan
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


def _clock(text: str) -> time:
    found = time.fromisoformat(text)
    if found.tzinfo:
        raise ValueError("a time of day has no zone")
    return found


# a text that can be ordered -> by what
_ORDERS: dict[str, Callable[[Any], Any]] = {
    "timestamp": seconds,
    "date": date.fromisoformat,
    "time": _clock,
}
NULLS = ("required", "null_values", "missing_values")
_INT64 = range(-(2**63), 2**63)
_DOLLAR = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
_MANY = 10**9  # rows of a drop so large that one value alone breaks only rules that tolerate none
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
        if message := _mistake(contract.column(name), single_value_rules(contract, name), row[name]):
            found.append(Problem(f"{where}{name}", message))
    if not found and row[features.source.event_ts] is None:
        found.append(
            Problem(f"{where}{features.source.event_ts}", "must say when the prediction is asked for")
        )
    return found


def _mistake(column: Column, rules: tuple[Rule, ...], value: Any) -> str | None:
    if value is None:
        return "must not be null" if any(rule.kind in NULLS for rule in rules) else None
    if text := _type_mistake(column, value):
        return text
    return next((text for rule in rules if (text := _broken(column, rule, value))), None)


def whole(column: Column, value: Any) -> Any:
    """A value of an integer column as an int: in JSON 211.0 is the integer 211."""
    integral = column.type == "integer" and isinstance(value, float) and value.is_integer()
    return int(value) if integral else value


def _type_mistake(column: Column, value: Any) -> str | None:
    type_, value = column.type, whole(column, value)
    wrong_bool = isinstance(value, bool) and type_ != "boolean"
    if not isinstance(value, _TYPES[type_]) or wrong_bool:
        return f"must be {_article(type_)}, is {value!r:.40}"
    if isinstance(value, float) and not math.isfinite(value):
        return "must be a finite number"
    if isinstance(value, int) and value not in _INT64:
        return "must be a number of at most 64 bits"
    if isinstance(value, str) and not _is_unicode(value):
        return "must be Unicode text, holds half of a character"
    if order := _ORDERS.get(type_):
        try:
            order(value)
        except (ValueError, OverflowError):
            return f"must be {_article(type_)} in ISO 8601, is {value!r:.40}"
    if (
        type_ == "timestamp"
        and column.timezone != "UTC"
        and datetime.fromisoformat(str(value)).tzinfo is None
    ):
        return f"must carry its offset from UTC: without one, drops are read in {column.timezone}"
    return None


def _broken(column: Column, rule: Rule, value: Any) -> str | None:
    """Why `value` breaks the rule, or None."""
    if rule.kind == "range":
        return _out_of_range(_ORDERS.get(column.type, lambda number: number), rule, value)
    if rule.kind == "multiple_of" and rule.multiple_of:
        ratio = value / rule.multiple_of
        if abs(ratio - round(ratio)) > 1e-9:  # noqa: PLR2004  as in drops: 0.3 is a multiple of 0.1
            return f"must be a multiple of {rule.multiple_of:g}, is {value:g}"
    if rule.kind == "missing_values" and value in rule.values:
        return f"is {value!r:.40}, which stands for a missing value: send null"
    if rule.kind == "enum" and value not in rule.values:
        return f"must be one of {', '.join(map(str, rule.values))}, is {value!r:.40}"
    if rule.kind == "pattern" and rule.pattern and not _compiled(rule.pattern).search(value):
        return f"must match {rule.pattern}, is {value!r:.40}"
    if rule.kind == "length":
        if isinstance(rule.minimum, int) and len(value) < rule.minimum:
            return f"has {len(value)} characters, must have at least {rule.minimum}"
        if isinstance(rule.maximum, int) and len(value) > rule.maximum:
            return f"has {len(value)} characters, may have at most {rule.maximum}"
    return None


def _out_of_range(order: Callable[[Any], Any], rule: Rule, value: Any) -> str | None:
    low, high, measured = rule.minimum, rule.maximum, order(value)
    if low is not None and (measured < order(low) or (rule.exclusive_minimum and measured == order(low))):
        return f"must be {'more than' if rule.exclusive_minimum else 'at least'} {low}, is {value}"
    if high is not None and (measured > order(high) or (rule.exclusive_maximum and measured == order(high))):
        return f"must be {'less than' if rule.exclusive_maximum else 'at most'} {high}, is {value}"
    return None


def _article(type_: str) -> str:
    return f"an {type_}" if type_ == "integer" else f"a {type_}"


def _is_unicode(text: str) -> bool:
    """JSON can escape one half of a surrogate pair; no database takes it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str]:
    r"""The pattern as RE2 reads it, which checks drops: `\d` is 0-9 and `$` the very end of the text."""
    return re.compile(_DOLLAR.sub(lambda part: r"\Z" if part[0] == "$" else part[0], pattern), re.ASCII)


@functools.cache
def single_value_rules(contract: ContractPlan, name: str) -> tuple[Rule, ...]:
    """Rules that one value breaks by itself: no warnings, and none that tolerates some in a drop."""
    return tuple(
        rule
        for rule in contract.rules
        if rule.column == name and rule.severity == "error" and not rule.condition.holds(1, _MANY)
    )
