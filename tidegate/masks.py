"""Which rows break a rule that looks at one row at a time, as a function from a column to a mask."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.arrow_types import arrow_type
from tidegate.contract.plan import Column, ContractPlan, Rule, RuleKind
from tidegate.readers.batch import Batch
from tidegate.readers.convert import from_text

Test = Callable[[pa.Array, Batch], pa.Array]


def mask_of(plan: ContractPlan, rule: Rule) -> Test | None:
    """The test of a rule; None for kinds that are counted otherwise."""
    if rule.kind not in _TESTS:
        return None
    return _TESTS[rule.kind](plan.column(rule.columns[0]), rule)


def _missing_test(column: Column, rule: Rule) -> Test:
    listed = pa.array(rule.values).cast(arrow_type(column)) if rule.values else None
    is_float = pa.types.is_floating(arrow_type(column))

    def test(values: pa.Array, batch: Batch) -> pa.Array:
        mask = pc.is_null(values, nan_is_null=is_float)
        if found := batch.failed.get(column.name):
            # A value of the wrong type is null in the column, and yet it was there.
            there = np.zeros(len(values), bool)
            there[found.positions] = True
            mask = pc.and_(mask, pc.invert(pa.array(there)))
        return mask if listed is None else pc.or_(mask, pc.is_in(values, listed))

    return test


def _range_test(column: Column, rule: Rule) -> Test:
    def limit(value: float | str | None) -> pa.Scalar | None:
        if value is None:
            return None
        if isinstance(value, str):
            return from_text(column, pa.array([value])).values[0]
        return pa.scalar(value)

    return _range_of(
        lambda values: values,
        limit(rule.minimum),
        limit(rule.maximum),
        exclusive_minimum=rule.exclusive_minimum,
        exclusive_maximum=rule.exclusive_maximum,
    )


def _range_of(
    measure: Callable[[pa.Array], pa.Array],
    minimum: pa.Scalar | float | str | None,
    maximum: pa.Scalar | float | str | None,
    *,
    exclusive_minimum: bool = False,
    exclusive_maximum: bool = False,
) -> Test:
    is_below = pc.less_equal if exclusive_minimum else pc.less
    is_above = pc.greater_equal if exclusive_maximum else pc.greater

    def test(values: pa.Array, _: Batch) -> pa.Array:
        measured = measure(values)
        masks = []
        if minimum is not None:
            masks.append(is_below(measured, minimum))
        if maximum is not None:
            masks.append(is_above(measured, maximum))
        return masks[0] if len(masks) == 1 else pc.or_(masks[0], masks[1])

    return test


def _length_test(column: Column, rule: Rule) -> Test:
    measure = pc.list_value_length if column.type == "array" else pc.utf8_length
    return _range_of(measure, rule.minimum, rule.maximum)


def _pattern_test(column: Column, rule: Rule) -> Test:
    return lambda values, _: pc.invert(pc.match_substring_regex(values, rule.pattern))


def _enum_test(column: Column, rule: Rule) -> Test:
    allowed = pa.array(rule.values).cast(arrow_type(column))
    return lambda values, _: pc.and_(pc.is_valid(values), pc.invert(pc.is_in(values, allowed)))


def _multiple_test(column: Column, rule: Rule) -> Test:
    """Of floats, within a billionth of a step: 0.3 is a multiple of 0.1."""

    def test(values: pa.Array, _: Batch) -> pa.Array:
        ratio = pc.divide(values.cast(pa.float64(), safe=False), float(rule.multiple_of or 1))
        return pc.greater(pc.abs(pc.subtract(ratio, pc.round(ratio))), 1e-9)

    return test


_TESTS: dict[RuleKind, Callable[[Column, Rule], Test]] = {
    "required": _missing_test,
    "null_values": _missing_test,
    "missing_values": _missing_test,
    "range": _range_test,
    "length": _length_test,
    "pattern": _pattern_test,
    "enum": _enum_test,
    "multiple_of": _multiple_test,
}
