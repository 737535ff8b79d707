"""Whether two columns of a row stand to each other as they should, compared exactly whatever their types."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.checks.masks import Broken, Mask, Test, of_mask
from tidegate.columns.arrow_types import arrow_type
from tidegate.columns.arrow_values import flags_of
from tidegate.contract.plan import Column, Comparison, Rule
from tidegate.errors import ConfigError
from tidegate.readers.batch import Batch

_DIGITS = 76  # of a decimal256: any decimal128 fits at the scale of any other
_EXACT_INTEGERS = 2.0**53
_DOUBTFUL = 1e-14  # relative difference of two floats below which the numbers they came from are looked at
OPERATORS: dict[Comparison, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}
_KERNELS: dict[Comparison, Callable[[pa.Array, pa.Array], pa.Array]] = {
    "<": pc.less,
    "<=": pc.less_equal,
    "=": pc.equal,
    "!=": pc.not_equal,
    ">=": pc.greater_equal,
    ">": pc.greater,
}


def comparison_test(first: tuple[int, Column], second: tuple[int, Column], rule: Rule) -> Test:
    """The test of a rule that compares columns, each given by its place and itself.

    Raises:
        ConfigError: values of these columns are not comparable.
    """
    one, other = _family(arrow_type(first[1])), _family(arrow_type(second[1]))
    if rule.comparison is None or one is None or one != other:
        raise ConfigError(
            f"`{first[1].name}` and `{second[1].name}` cannot be compared",
            cause=f"one is of type {first[1].type}, the other of type {second[1].type}",
        )
    comparison = rule.comparison

    def test(batch: Batch) -> Broken:
        values = [plain(batch.rows.column(index)) for index, _ in (first, second)]
        counted = flags_of(pc.and_(*(pc.invert(missing(array)) for array in values)))
        return of_mask(counted & ~_holds(comparison, *values))

    return test


def _family(type_: pa.DataType) -> str | None:
    families = {
        "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "text": (pa.types.is_string,),
        "boolean": (pa.types.is_boolean,),
        "moment": (pa.types.is_date, pa.types.is_timestamp),  # a date is its first instant in UTC
        "time of day": (pa.types.is_time,),
    }
    return next((name for name, tests in families.items() if any(test(type_) for test in tests)), None)


def plain(values: pa.Array) -> pa.Array:
    return values.dictionary_decode() if pa.types.is_dictionary(values.type) else values


def missing(values: pa.Array) -> pa.Array:
    return pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))


def _holds(comparison: Comparison, one: pa.Array, other: pa.Array) -> Mask:
    are_floats = pa.types.is_floating(one.type), pa.types.is_floating(other.type)
    if _family(one.type) == "number" and are_floats[0] != are_floats[1]:
        mask: Mask = OPERATORS[comparison](_signs(one, other), 0)
        return mask
    target = _shared(one.type, other.type)
    return flags_of(_KERNELS[comparison](one.cast(target), other.cast(target)))


def _shared(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """A type that holds every value of both."""
    if one == other:
        return one
    if pa.types.is_floating(one):
        return pa.float64()
    if pa.types.is_decimal(one) or pa.types.is_decimal(other):
        return pa.decimal256(
            _DIGITS, max(type_.scale for type_ in (one, other) if pa.types.is_decimal(type_))
        )
    return pa.int64() if pa.types.is_integer(one) else pa.timestamp("us", tz="UTC")


def _signs(one: pa.Array, other: pa.Array) -> Any:
    """-1, 0 or 1 for each row of a column of floats and one of integers or decimals."""
    left, right = (
        array.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
        for array in (one, other)
    )
    signs = (left > right).astype(np.int8) - (left < right)
    largest = np.maximum(np.abs(left), np.abs(right))
    with np.errstate(invalid="ignore"):
        doubtful = np.abs(left - right) <= _DOUBTFUL * largest
    if not (pa.types.is_decimal(one.type) or pa.types.is_decimal(other.type)):
        doubtful &= largest >= _EXACT_INTEGERS
    for row in np.flatnonzero(doubtful).tolist():
        exact, known = one[row].as_py(), other[row].as_py()
        if exact is not None and known is not None:
            signs[row] = (exact > known) - (exact < known)
    return signs
