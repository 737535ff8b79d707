"""Whether values lie in a range, compared exactly: no bound rounds a value and no value rounds a bound."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.checks.masks import Judge, Mask, numbers
from tidegate.columns.arrow_types import arrow_type
from tidegate.columns.arrow_values import flags_of, is_valid, text_array
from tidegate.contract.plan import Column, Rule
from tidegate.errors import ConfigError
from tidegate.readers.convert import from_text

Bound = int | float


def range_judge(column: Column, rule: Rule) -> Judge:
    """The judgement of a range rule on a column of its type.

    Raises:
        ConfigError: such a column has no range, or a bound is not of its type.
    """
    type_ = arrow_type(column)
    if pa.types.is_string(type_):
        return _text_judge(rule)
    if pa.types.is_decimal(type_):
        return _decimal_judge(rule, type_)
    if pa.types.is_floating(type_):
        return number_judge(*_float_limits(rule, np.float32 if type_ == pa.float32() else np.float64))
    if pa.types.is_temporal(type_):
        return number_judge(
            *_integer_limits(rule, [_moment(column, b) for b in (rule.minimum, rule.maximum)])
        )
    if pa.types.is_integer(type_):
        return number_judge(*_integer_limits(rule, [_exact(b) for b in (rule.minimum, rule.maximum)]))
    raise ConfigError(f"column `{column.name}` is of type {column.type}: it has no range")


def number_judge(low: Bound, high: Bound) -> Judge:
    """Both limits belong to the range; NaN lies in every range, for it is a missing value."""

    def judge(values: pa.Array) -> Mask | None:
        found = numbers(values)
        if low <= found.min().item() and found.max().item() <= high:  # False where NaN is among them
            return None
        mask: Mask = (found < low) | (found > high)
        return mask & is_valid(values) if values.null_count else mask

    return judge


def length_judge(column: Column, rule: Rule) -> Judge:
    """Lengths of texts are counted in characters of Unicode, those of arrays in items."""
    measure = pc.list_value_length if column.type == "array" else pc.utf8_length
    limits = _integer_limits(rule, [_exact(rule.minimum), _exact(rule.maximum)])
    within = number_judge(*limits)
    return lambda values: within(measure(values))


def _text_judge(rule: Rule) -> Judge:
    """Texts are ordered by their bytes in UTF-8, which is the order of their code points."""
    is_below = pc.less_equal if rule.exclusive_minimum else pc.less
    is_above = pc.greater_equal if rule.exclusive_maximum else pc.greater

    def judge(values: pa.Array) -> Mask:
        mask = np.zeros(len(values), bool)
        if rule.minimum is not None:
            mask |= flags_of(is_below(values, pa.scalar(str(rule.minimum), values.type)))
        if rule.maximum is not None:
            mask |= flags_of(is_above(values, pa.scalar(str(rule.maximum), values.type)))
        return mask

    return judge


def _decimal_judge(rule: Rule, type_: pa.DataType) -> Judge:
    scale = 10**type_.scale
    largest = 10**type_.precision
    low, high = _integer_limits(
        rule, [None if b is None else b * scale for b in (_exact(rule.minimum), _exact(rule.maximum))]
    )

    def judge(values: pa.Array) -> Mask | None:
        if low >= largest or high <= -largest:
            return is_valid(values)
        mask = np.zeros(len(values), bool)
        if low > -largest:
            mask |= flags_of(pc.less(values, _unscaled(low, type_)))
        if high < largest:
            mask |= flags_of(pc.greater(values, _unscaled(high, type_)))
        return mask

    return judge


def _unscaled(value: Bound, type_: pa.DataType) -> pa.Scalar:
    digits = tuple(int(digit) for digit in str(abs(int(value))))
    return pa.scalar(Decimal((int(value < 0), digits, -type_.scale)), type_)


def _exact(bound: float | str | None) -> Fraction | float | None:
    """The number that a bound is written as: 0.1 is a tenth, not the float nearest to it. Infinities stay."""
    if bound is None or (isinstance(bound, float) and math.isinf(bound)):
        return bound
    return Fraction(repr(bound) if isinstance(bound, float) else bound)


def _moment(column: Column, bound: float | str | None) -> int | None:
    if bound is None:
        return None
    moment = from_text(column, text_array([str(bound)])).values
    if moment.null_count:
        raise ConfigError(f"column `{column.name}`: {bound!r} is no {column.type}")
    return int(numbers(moment)[0])


def _integer_limits(rule: Rule, bounds: list[Any]) -> tuple[Bound, Bound]:
    """The smallest and the largest integer of a range."""
    low, high = bounds
    if low is None or low == -math.inf:
        low = -math.inf
    elif low != math.inf:
        low = math.floor(low) + 1 if rule.exclusive_minimum else math.ceil(low)
    if high is None or high == math.inf:
        high = math.inf
    elif high != -math.inf:
        high = math.ceil(high) - 1 if rule.exclusive_maximum else math.floor(high)
    return low, high


def _float_limits(rule: Rule, kind: type[np.floating[Any]]) -> tuple[float, float]:
    """The smallest and the largest float of a range."""
    low, high = -math.inf, math.inf
    if (rule.exclusive_minimum and rule.minimum == high) or (rule.exclusive_maximum and rule.maximum == low):
        return high, low  # nothing lies beyond the infinities
    if rule.minimum is not None:
        low = _smallest(_number(rule.minimum), kind, above=rule.exclusive_minimum)
    if rule.maximum is not None:
        high = -_smallest(-_number(rule.maximum), kind, above=rule.exclusive_maximum)
    return low, high


def _number(bound: Bound | str) -> Bound:
    return float(bound) if isinstance(bound, str) else bound


def _smallest(bound: Bound, kind: type[np.floating[Any]], *, above: bool) -> float:
    """The smallest float that is at least `bound`, or above it.

    A bound of 0.1 on a column of 32 bits is the 0.1 that such a column can hold.
    """
    try:
        with np.errstate(over="ignore"):
            near = kind(bound)
    except OverflowError:
        near = kind(math.inf if bound > 0 else -math.inf)
    if isinstance(bound, int) or (np.isinf(near) and not math.isinf(bound)):
        is_too_small = float(near) < bound or (above and float(near) == bound)
    else:
        is_too_small = above
    with np.errstate(over="ignore"):  # above the largest float lies infinity
        return float(np.nextafter(near, kind(math.inf)) if is_too_small else near)
