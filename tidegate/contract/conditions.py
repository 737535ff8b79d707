"""What a count or a statistic must be: `mustBe...` of a quality rule, whoever's rule it is."""

from decimal import Decimal
from typing import Any, get_args

from tidegate.contract.document import Document, Where, meant
from tidegate.contract.plan import Condition, Operator, Severity

OPERATORS: tuple[str, ...] = get_args(Operator)
_SEVERITIES: dict[str, Severity] = {"error": "error", "warning": "warning", "warn": "warning"}
_BETWEEN = ("mustBeBetween", "mustNotBeBetween")


def condition_of(
    document: Document, where: Where, holder: dict[str, Any], *, counts: bool = True
) -> Condition:
    """The condition among the keys of `holder`; `counts`: of rows, so there may be a unit."""
    given = [name for name in OPERATORS if name in holder]
    if len(given) != 1:
        document.problem(where, f"`{where[-1]}` needs exactly one of {', '.join(OPERATORS)}")
        return Condition()
    operator = given[0]
    values = holder[operator] if operator in _BETWEEN else [holder[operator]]
    if not isinstance(values, list) or not all(map(_is_number, values)):
        document.problem((*where, operator), f"{operator} is {holder[operator]!r}, must be a number")
        return Condition()
    if operator in _BETWEEN and not (len(values) == len(_BETWEEN) and values[0] <= values[1]):
        document.problem((*where, operator), f"{operator} needs two numbers, the lower one first")
        return Condition()
    unit = holder.get("unit", "rows")
    if unit not in ("rows", "percent"):
        near = meant(str(unit), ["rows", "percent"])
        document.problem(
            (*where, "unit"),
            f"unit is {unit!r}, must be rows or percent{near}",
        )
        unit = "rows"
    if "unit" in holder and not counts:
        document.problem((*where, "unit"), "only counts of rows have a unit; remove `unit`")
    plain = tuple(float(value) if isinstance(value, Decimal) else value for value in values)
    return Condition(operator=operator, values=plain, unit=unit)  # type: ignore[arg-type]  # one of OPERATORS


def severity_of(document: Document, where: Where, given: Any) -> Severity | None:
    """The severity a rule asks for; None after telling `document` that there is no such one."""
    severity = _SEVERITIES.get(given) if isinstance(given, str) else None
    if severity is None:
        near = meant(str(given), ["error", "warning"])
        document.problem((*where, "severity"), f"severity is {given!r}, must be error or warning{near}")
    return severity


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return is_number and Decimal(value).is_finite()
