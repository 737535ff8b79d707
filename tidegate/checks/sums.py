"""Whether the sum of several columns stands to a number or another column as it should.

Exact for integers and decimals. A sum that holds floats is compared within what rounding may have moved it.
"""

from collections.abc import Sequence
from decimal import Decimal
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.checks.comparison import OPERATORS, missing
from tidegate.checks.masks import NONE, Broken, Test, of_mask
from tidegate.columns.arrow_types import arrow_type
from tidegate.columns.arrow_values import flags_of
from tidegate.contract.plan import Column, Rule
from tidegate.contract.values import SUM_DIGITS, exact, sum_places
from tidegate.errors import ConfigError
from tidegate.readers.batch import Batch

_INT64 = 2**63


def sum_test(indices: Sequence[int], columns: Sequence[Column], rule: Rule) -> Test:
    """The test of a rule on the sum of columns, each given by its place and itself.

    Raises:
        ConfigError: a column holds no numbers, or no decimal holds the exact sum.
    """
    types = [arrow_type(column) for column in columns]
    others = [column for column in columns if column.type not in ("integer", "number")]
    if others or rule.comparison is None:
        told = ", ".join(f"`{column.name}` is of type {column.type}" for column in others)
        raise ConfigError(f"{', '.join(rule.columns)} cannot be summed", cause=told)
    comparison = OPERATORS[rule.comparison]
    floats = [type_ for type_ in types if pa.types.is_floating(type_)]
    rounding = max((float(np.finfo(type_.to_pandas_dtype()).eps) for type_ in floats), default=0.0)
    held = None if floats else _held(columns, rule)

    def test(batch: Batch) -> Broken:
        if not batch.rows.num_rows:
            return NONE
        arrays = [batch.rows.column(index) for index in indices]
        counted = flags_of(pc.invert(reduce(pc.or_, map(missing, arrays))))
        parts, total = (arrays[:-1], arrays[-1]) if rule.total is None else (arrays, exact(rule.total))
        signs = _signs(parts, total, held) if held else _float_signs(parts, total, rounding)
        return of_mask(counted & ~comparison(signs, 0))

    return test


def _held(columns: Sequence[Column], rule: Rule) -> pa.DataType:
    digits, scale = sum_places(columns, rule.total)
    if digits > SUM_DIGITS:
        raise ConfigError(
            f"{', '.join(rule.columns)} cannot be summed",
            cause=f"an exact sum has {digits} digits, may have {SUM_DIGITS}",
        )
    return pa.decimal256(digits, scale)


def _signs(parts: Sequence[pa.Array], total: pa.Array | Decimal, held: pa.DataType) -> Any:
    """-1, 0 or 1 for each row: where the sum lies seen from the total."""
    found, limit = _sums(parts, total, held)
    above, below = flags_of(pc.greater(found, limit)), flags_of(pc.less(found, limit))
    return above.astype(np.int8) - below


def _sums(parts: Sequence[pa.Array], total: pa.Array | Decimal, held: pa.DataType) -> tuple[pa.Array, Any]:
    """The sums and the total in one type: integers of 64 bits where these hold both, else decimals."""
    if _is_int64(total) and all(pa.types.is_integer(part.type) for part in parts):
        try:
            return reduce(pc.add_checked, _cast(parts, pa.int64())), _limit(total, pa.int64())
        except pa.ArrowInvalid:  # beyond 64 bits
            pass
    found = reduce(lambda one, other: pc.add(one, other).cast(held), _cast(parts, held))
    return found, _limit(total, held)


def _is_int64(total: pa.Array | Decimal) -> bool:
    if isinstance(total, Decimal):
        return total == total.to_integral_value() and -_INT64 <= total < _INT64
    return bool(pa.types.is_integer(total.type))


def _cast(parts: Sequence[pa.Array], type_: pa.DataType) -> list[pa.Array]:
    return [part.cast(type_) for part in parts]


def _limit(total: pa.Array | Decimal, type_: pa.DataType) -> Any:
    if isinstance(total, Decimal):
        return pa.scalar(int(total) if pa.types.is_integer(type_) else total, type_)
    return total.cast(type_)


def _float_signs(parts: Sequence[pa.Array], total: pa.Array | Decimal, rounding: float) -> Any:
    """The same of floats; NaN where infinities cancel. 0 where the difference may be rounding alone.

    Each number is off by half of `rounding` of itself at most, and each addition by half of it of the sum.
    """
    values = [_floats(part) for part in parts]
    limit = float(total) if isinstance(total, Decimal) else _floats(total)
    with np.errstate(invalid="ignore", over="ignore"):
        found = np.sum(values, axis=0)
        largest = np.sum(np.abs(values), axis=0) + np.abs(limit)
        difference = np.where(found == limit, 0.0, found - limit)
        error = rounding * (len(values) + 1) * largest
        return np.where(np.isfinite(error) & (np.abs(difference) <= error), 0.0, np.sign(difference))


def _floats(values: pa.Array) -> Any:
    return values.cast(pa.float64(), safe=False).fill_null(0.0).to_numpy(zero_copy_only=False)
