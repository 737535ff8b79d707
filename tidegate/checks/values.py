"""Whether values are among those listed, or are multiples of a step."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.checks.masks import Judge, Mask, numbers
from tidegate.columns.arrow_types import arrow_type
from tidegate.columns.arrow_values import array_of, flags_of, is_valid, text_array
from tidegate.contract.plan import Column, Rule
from tidegate.readers.convert import from_text

_NEAR = 1e-9  # of a step: 0.3 counts as a multiple of 0.1
_WORD_DIGITS = 18  # of a decimal that surely fits 64 bits


def listed(column: Column, values: tuple[Any, ...]) -> pa.Array:
    """The listed values that a column of its type can hold, in that type; the others occur in no row."""
    type_ = arrow_type(column)
    found = [held for value in values if (held := held_value(column, type_, value)) is not None]
    if 0.0 in found and pa.types.is_floating(type_):
        found += [0.0, -0.0]  # equal, though Arrow looks up bits
    return _array(found, type_).unique()


def _array(found: list[Any], type_: pa.DataType) -> pa.Array:
    if pa.types.is_string(type_):
        return text_array(found)
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return array_of(np.array(found, np.float64 if pa.types.is_floating(type_) else np.int64)).cast(type_)
    return pa.array(found, type_)


def among_judge(column: Column, rule: Rule, *, wanted: bool) -> Judge:
    """Values not listed where they should be, or listed where they should not. Nulls and NaN are neither."""
    values = listed(column, rule.values)
    run = _run(values)

    def judge(found: pa.Array) -> Mask | None:
        if wanted and run is not None:
            held = numbers(found)
            if run[0] <= held.min() and held.max() <= run[1]:
                return None
        mask = flags_of(pc.is_in(found, values))
        if not wanted:
            return mask
        unlisted: Mask = ~mask & is_valid(found)
        if pa.types.is_floating(found.type):
            unlisted &= ~np.isnan(numbers(found))
        return unlisted

    return judge


def multiple_judge(column: Column, rule: Rule) -> Judge:
    """Exact for integers and decimals. Floats may be a billionth of a step off; infinity is no multiple."""
    type_ = arrow_type(column)
    step = abs(Fraction(str(rule.multiple_of)))
    if pa.types.is_floating(type_):
        return _float_multiple_judge(float(step))
    # An integer is a multiple of a fraction in lowest terms just when it is one of its numerator.
    modulus = (step * 10 ** (type_.scale if pa.types.is_decimal(type_) else 0)).numerator
    if pa.types.is_decimal(type_):
        return lambda values: _decimal_remainders(values, modulus)

    def judge(values: pa.Array) -> Mask | None:
        found = numbers(values)
        is_small = modulus <= np.iinfo(found.dtype).max  # of what is greater, only 0 is a multiple
        mask: Mask = (found % modulus if is_small else found) != 0
        return mask & is_valid(values)

    return judge


def held_value(column: Column, type_: pa.DataType, value: Any) -> Any:
    """`value` as a value of the column, None when the column cannot hold it."""
    if pa.types.is_string(type_):
        return str(value)
    if pa.types.is_boolean(type_):
        return value if isinstance(value, bool) else None
    if pa.types.is_temporal(type_):
        return from_text(column, text_array([str(value)])).values[0].as_py()
    if isinstance(value, bool) or not isinstance(value, int | float | str):  # text: a decimal of many digits
        return None
    try:
        if pa.types.is_floating(type_):
            held = pa.scalar(float(value), type_).as_py()
            return held if isinstance(value, float) or held == value else None
        number = Decimal(str(value))
        if pa.types.is_integer(type_):
            limit = 2 ** (type_.bit_width - 1)
            return int(number) if number == int(number) and -limit <= int(number) < limit else None
        return pa.scalar(number, type_).as_py()
    except (ArithmeticError, ValueError):  # not a number of this type, or out of its bounds
        return None


def _run(values: pa.Array) -> tuple[int, int] | None:
    """First and last of listed integers without a gap, for bounds then tell all."""
    if not pa.types.is_integer(values.type) or not len(values):
        return None
    low, high = min(values.to_pylist()), max(values.to_pylist())
    return (low, high) if high - low + 1 == len(values) else None


def _float_multiple_judge(step: float) -> Judge:
    def judge(values: pa.Array) -> Mask:
        found = numbers(values).astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            ratio = found / step
            mask = ~(np.abs(ratio - np.round(ratio)) <= _NEAR) & ~np.isnan(found)
        return mask & is_valid(values)

    return judge


def _decimal_remainders(values: pa.Array, modulus: int) -> Mask:
    words = np.frombuffer(values.buffers()[1], np.int64, 2 * len(values), 16 * values.offset).reshape(-1, 2)
    if values.type.precision <= _WORD_DIGITS and modulus <= np.iinfo(np.int64).max:
        mask: Mask = words[:, 0] % modulus != 0  # the upper word only repeats the sign
        return mask & is_valid(values)
    scaled = ((int(high) << 64) | (int(low) & ((1 << 64) - 1)) for low, high in words)
    mask = np.fromiter((number % modulus != 0 for number in scaled), bool, len(values))
    return mask & is_valid(values)
