"""What a metric math expression comes to: numbers, time series, arrays of them, and the functions over them.

A point that is missing stays missing through an operation, and a point without a real answer (divided by
zero, the logarithm of a negative) becomes missing; only FILL makes points out of nothing.
"""

import math
import operator
import statistics as standard
from collections.abc import Callable, Mapping, Sequence

from localcloud.cloudwatch.metric_math import (
    Call,
    ExpressionError,
    Listing,
    Negation,
    Node,
    Number,
    Operation,
    Reference,
    Text,
)
from localcloud.cloudwatch.time_series import TimeSeries

Value = float | str | TimeSeries | list[TimeSeries]

_OPERATORS: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": math.pow,
    "==": lambda a, b: float(a == b),
    "!=": lambda a, b: float(a != b),
    "<": lambda a, b: float(a < b),
    "<=": lambda a, b: float(a <= b),
    ">": lambda a, b: float(a > b),
    ">=": lambda a, b: float(a >= b),
    "&&": lambda a, b: float(bool(a) and bool(b)),
    "||": lambda a, b: float(bool(a) or bool(b)),
}
_ELEMENTWISE: dict[str, Callable[[float], float]] = {
    "ABS": abs,
    "CEIL": lambda x: float(math.ceil(x)),
    "FLOOR": lambda x: float(math.floor(x)),
    "LOG": math.log,
    "LOG10": math.log10,
}
_REDUCERS: dict[str, Callable[[Sequence[float]], float]] = {
    "AVG": standard.fmean,
    "MAX": max,
    "MIN": min,
    "SUM": math.fsum,
    "STDDEV": standard.pstdev,
}
_SERIES: dict[str, Callable[[TimeSeries], TimeSeries | float]] = {
    "DIFF": lambda series: series.differences(per_second=False),
    "RATE": lambda series: series.differences(per_second=True),
    "RUNNING_SUM": TimeSeries.running_sum,
    "PERIOD": lambda series: float(series.period),
}


def evaluate(node: Node, variables: Mapping[str, Value], metrics: Sequence[TimeSeries]) -> Value:
    """The value of an expression.

    Args:
        node: from `metric_math.parse`.
        variables: the value of each id that the expression names.
        metrics: what METRICS() stands for.

    Raises:
        ExpressionError: a function or operator does not take what it is given.
    """
    value: Value
    match node:
        case Number(value) | Text(value):
            pass
        case Reference(name):
            value = variables[name]
        case Negation(operand):
            value = _operate("*", -1.0, evaluate(operand, variables, metrics))
        case Operation(symbol, left, right):
            value = _operate(symbol, evaluate(left, variables, metrics), evaluate(right, variables, metrics))
        case Listing(items):
            value = _flatten([evaluate(item, variables, metrics) for item in items])
        case Call("METRICS", ()):
            value = list(metrics)
        case Call(function, arguments):
            value = _call(function, [evaluate(argument, variables, metrics) for argument in arguments])
    return value


def _operate(symbol: str, left: Value, right: Value) -> Value:
    """Apply pointwise; an array meets a number or series item by item, and an array of its own length."""
    if isinstance(left, str) or isinstance(right, str):
        raise ExpressionError(f"`{symbol}` does not take a text")
    if isinstance(left, list) or isinstance(right, list):
        length = len(left) if isinstance(left, list) else len(right)  # type: ignore[arg-type]
        lefts = left if isinstance(left, list) else [left] * length
        rights = right if isinstance(right, list) else [right] * length
        if len(lefts) != len(rights):
            raise ExpressionError(f"`{symbol}` needs arrays of the same length")
        return _flatten([_operate(symbol, a, b) for a, b in zip(lefts, rights, strict=True)])
    if isinstance(left, float) and isinstance(right, float):
        return _real(_OPERATORS[symbol], left, right)
    series = [side for side in (left, right) if isinstance(side, TimeSeries)]
    times = set.intersection(*(set(one.points) for one in series))
    operands = {t: (_point(left, t), _point(right, t)) for t in times}
    coarsest = max(series, key=lambda one: one.period)
    return coarsest.with_points(_defined(_OPERATORS[symbol], operands))


def _point(value: TimeSeries | float, when: int) -> float:
    return value if isinstance(value, float) else value.points[when]


def _real(compute: Callable[..., float], *operands: float) -> float:
    """The answer, or NaN where mathematics has no real one."""
    try:
        return float(compute(*operands))
    except (ValueError, ZeroDivisionError, OverflowError):
        return math.nan


def _defined(compute: Callable[..., float], operands: Mapping[int, tuple[float, ...]]) -> dict[int, float]:
    answers = {when: _real(compute, *numbers) for when, numbers in operands.items()}
    return {when: answer for when, answer in answers.items() if math.isfinite(answer)}


def _call(function: str, arguments: list[Value]) -> Value:
    first = arguments[0] if arguments else None
    if function == "IF" and len(arguments) in (2, 3):
        return _choose(arguments[0], arguments[1], arguments[2] if len(arguments) == 3 else None)  # noqa: PLR2004
    if function == "FILL" and len(arguments) == 2:  # noqa: PLR2004
        several = first if isinstance(first, list) else _flatten([first or 0.0])
        filled = [_fill(series, arguments[1]) for series in several]
        return filled if isinstance(first, list) else filled[0]
    if len(arguments) == 1 and first is not None:
        if function in _ELEMENTWISE:
            return _each(_ELEMENTWISE[function], first)
        if function in _REDUCERS:
            return _reduce(_REDUCERS[function], first)
        if function in _SERIES and isinstance(first, TimeSeries):
            return _SERIES[function](first)
        if function == "METRIC_COUNT" and isinstance(first, list):
            return float(len(first))
    raise ExpressionError(f"{function}, with the arguments it is given, is not metric math we know")


def _flatten(values: Sequence[Value]) -> list[TimeSeries]:
    flat: list[TimeSeries] = []
    for value in values:
        if isinstance(value, (str, float)):
            raise ExpressionError("a time series is needed, not a number or a text")
        flat.extend(value if isinstance(value, list) else [value])
    return flat


def _each(compute: Callable[[float], float], value: Value) -> Value:
    if isinstance(value, float):
        return _real(compute, value)
    several = [
        series.with_points(_defined(compute, {t: (v,) for t, v in series.points.items()}))
        for series in _flatten([value])
    ]
    return several if isinstance(value, list) else several[0]


def _reduce(reducer: Callable[[Sequence[float]], float], value: Value) -> Value:
    """One series becomes a number; an array becomes one series, each point over those that are there."""
    several = _flatten([value])
    if isinstance(value, TimeSeries):
        return reducer(list(value.points.values())) if value.points else math.nan
    if not several:
        raise ExpressionError("there is no time series to reduce")
    times = {when for series in several for when in series.points}
    points = {when: reducer([s.points[when] for s in several if when in s.points]) for when in times}
    return max(several, key=lambda series: series.period).with_points(points)


def _choose(condition: Value, then: Value, otherwise: Value | None) -> Value:
    if isinstance(condition, float):
        chosen = then if condition else otherwise
        if chosen is None:
            raise ExpressionError("IF with a number as its condition needs an else")
        return chosen
    if not isinstance(condition, TimeSeries):
        raise ExpressionError("the condition of IF is a number or one time series")
    points = {}
    for when, truth in condition.points.items():
        branch = then if truth else otherwise
        value = branch.points.get(when) if isinstance(branch, TimeSeries) else branch
        if isinstance(value, float):
            points[when] = value
    return condition.with_points(points)


def _fill(series: TimeSeries, filler: Value) -> TimeSeries:
    match filler:
        case float() | TimeSeries():
            return series.filled(filler)
        case "REPEAT":
            return series.repeated()
        case "LINEAR":
            return series.interpolated()
    raise ExpressionError("FILL fills with a number, a time series, REPEAT or LINEAR")
