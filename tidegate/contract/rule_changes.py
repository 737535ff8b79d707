"""Whether a rule that took another's place accepts all that the other did, and what changed in words."""

import itertools
import math
from typing import Any

from tidegate.contract import values
from tidegate.contract.plan import Column, Condition, Rule

_RELATIONS = {"<": {-1}, "<=": {-1, 0}, "=": {0}, "!=": {-1, 1}, ">=": {0, 1}, ">": {1}}
_SHOWN = 5  # listed values: enough to recognise them
_MORE_IS_WORSE = ("mustBeLessThan", "mustBeLessOrEqualTo")
_LISTS = {  # whether a longer list accepts more
    "enum": True,
    "not_enum": False,
    "missing_values": False,
    "values_missing": False,
    "most_common_unlisted": True,
}


def changed_rule(old: Rule, new: Rule, column: Column | None) -> tuple[bool, str]:
    """Whether `new` accepts whatever `old` accepted, and the change in words; `column` is the rule's."""
    what = f"{title(old)} becomes {title(new)}"
    if old.severity != new.severity:
        what += f", a{'n error' if new.severity == 'error' else ' warning'}"
    looser_severity = new.severity in (old.severity, "warning")
    same_rows = _rows(old) == _rows(new)
    if not same_rows and not (_grows(old.condition) and _grows(new.condition)):
        return False, what  # fewer rows that fail need not be better
    looser = allows_all(old.condition, new.condition, counts=old.kind not in ("statistic", "freshness"))
    return looser_severity and looser and (same_rows or _fails_fewer(old, new, column)), what


def allows_all(old: Condition, new: Condition, *, counts: bool) -> bool:
    """Whether `new` allows every value that `old` allows; of counts only whole numbers from 0 matter."""
    if old.unit != new.unit:
        return old == new
    edges = sorted({float(value) for value in (*old.values, *new.values)})
    # Between two edges both say the same of every value: one of each stretch and the edges are enough.
    points = [edges[0] - 1, *edges, edges[-1] + 1]
    if counts and old.unit == "rows":
        points = [math.floor(edge) + step for edge in edges for step in (-1, 0, 1, 2)]
    else:
        points += [(low + high) / 2 for low, high in itertools.pairwise(edges)]
    points = [point for point in points if point >= 0 or not counts]
    return all(new.allows(point) for point in points if old.allows(point))


def title(rule: Rule) -> str:
    """The rule in a few words."""
    names = ", ".join(rule.columns)
    condition = "" if rule.condition == Condition() else f" must be {rule.condition}"
    words = {
        "type": "values of the type",
        "required": "required",
        "null_values": "required" if not condition else "nulls",
        "missing_values": f"missing values{_listed(rule)}",
        "range": f"range {_interval(rule)}",
        "length": f"length {_interval(rule)}",
        "multiple_of": f"multiples of {rule.multiple_of}",
        "pattern": f"pattern {rule.pattern}",
        "not_pattern": f"no match of {rule.pattern}",
        "enum": f"values{_listed(rule)}",
        "not_enum": f"none of{_listed(rule)}",
        "compare": f"{f' {rule.comparison} '.join(rule.columns)}",
        "sum": _sum(rule) if rule.kind == "sum" else "",
        "pairs": f"{names} among{_pairs(rule)}",
        "columns": "the columns",
        "unique": f"unique {names}",
        "row_count": "rows",
        "statistic": f"{_statistic(rule)}",
        "freshness": f"seconds from the newest {names} to the drop",
    }
    return words[rule.kind] + condition


def _statistic(rule: Rule) -> str:
    if rule.statistic == "values_missing":
        return f"must contain{_listed(rule)}"
    if rule.statistic == "most_common_unlisted":
        return f"most common value among{_listed(rule)}"
    name = str(rule.statistic).replace("_", " ")
    return f"{name} {rule.share:g}" if rule.share is not None else name


def _sum(rule: Rule) -> str:
    if rule.total is None:
        return f"{' + '.join(rule.columns[:-1])} {rule.comparison} {rule.columns[-1]}"
    return f"{' + '.join(rule.columns)} {rule.comparison} {rule.total}"


def _pairs(rule: Rule) -> str:
    shown = ", ".join(f"({', '.join(map(str, pair))})" for pair in rule.pairs[:_SHOWN])
    return f" {shown}" + (", ..." if len(rule.pairs) > _SHOWN else "")


def _interval(rule: Rule) -> str:
    low = "" if rule.minimum is None else f"{'above' if rule.exclusive_minimum else 'from'} {rule.minimum}"
    high = "" if rule.maximum is None else f"{'below' if rule.exclusive_maximum else 'to'} {rule.maximum}"
    return " ".join(part for part in (low, high) if part)


def _listed(rule: Rule) -> str:
    shown = ", ".join(map(str, rule.values[:_SHOWN]))
    more = ", ..." if len(rule.values) > _SHOWN else ""
    return f" {shown}{more}" if rule.values else ""


def _rows(rule: Rule) -> tuple[Any, ...]:
    """What decides which rows fail."""
    bounds = rule.minimum, rule.maximum, rule.exclusive_minimum, rule.exclusive_maximum
    listed = frozenset(map(repr, rule.values)), frozenset(map(repr, rule.pairs))
    return (*bounds, rule.multiple_of, rule.pattern, *listed, rule.comparison, rule.total)


def _grows(condition: Condition) -> bool:
    """Whether fewer failing rows are always allowed when more are."""
    tolerates_none = condition.operator == "mustBe" and condition.values == (0,)
    return tolerates_none or condition.operator in _MORE_IS_WORSE


def _fails_fewer(old: Rule, new: Rule, column: Column | None) -> bool:
    """Whether every row that fails `new` failed `old`; False where nobody can tell."""
    if new.kind in ("range", "length"):
        return _is_within(old, new, None if new.kind == "length" else column)
    listed = new.statistic if new.kind == "statistic" else new.kind
    if listed in _LISTS:
        before, after = set(map(repr, old.values)), set(map(repr, new.values))
        return before <= after if _LISTS[listed] else after <= before
    if new.kind == "pairs":
        return set(map(repr, old.pairs)) <= set(map(repr, new.pairs))
    if new.kind == "multiple_of" and old.multiple_of and new.multiple_of:
        ratio = values.exact(old.multiple_of) / values.exact(new.multiple_of)
        return ratio == ratio.to_integral_value()
    if new.kind == "compare":
        return _RELATIONS[str(old.comparison)] <= _RELATIONS[str(new.comparison)]
    return new.kind == "sum" and _allows_sums(old, new)


def _allows_sums(old: Rule, new: Rule) -> bool:
    """Whether every sum that the old rule allows is one that the new allows."""
    before, after = _RELATIONS[str(old.comparison)], _RELATIONS[str(new.comparison)]
    if old.total == new.total:
        return before <= after
    if old.total is None or new.total is None:
        return False
    # Where the old total lies seen from the new; sums on that side of the old lie there too.
    place = 1 if values.exact(old.total) > values.exact(new.total) else -1
    return place in after and before <= {place, 0}


def _is_within(old: Rule, new: Rule, column: Column | None) -> bool:
    """Whether the old limits lie within the new ones."""

    def order(limit: Any) -> Any:
        return values.order_of(column, limit) if column else limit

    low = new.minimum is None or (
        old.minimum is not None
        and (order(new.minimum), new.exclusive_minimum) <= (order(old.minimum), old.exclusive_minimum)
    )
    high = new.maximum is None or (
        old.maximum is not None
        and (
            order(new.maximum) > order(old.maximum)
            or (order(new.maximum) == order(old.maximum) and new.exclusive_maximum <= old.exclusive_maximum)
        )
    )
    return low and high
