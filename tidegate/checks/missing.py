"""Rows without a value: null, NaN, or one of the listed stand-ins for none."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tidegate.checks.masks import Broken, Mask, Test, numbers, of_mask
from tidegate.checks.values import listed
from tidegate.columns.arrow_values import array_of, flags_of
from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.readers.batch import Batch


def missing_test(index: int, column: Column, rule: Rule) -> Test:
    """The test of a rule against missing values on column `index` of the contract.

    Nulls are only counted while no row is asked for. A value of the wrong type is null in its column and yet
    was there, unless its text is a stand-in.
    """
    stand_ins = listed(column, rule.values) if rule.values else pa.nulls(0)
    texts = frozenset(str(value) for value in rule.values)

    def find(batch: Batch) -> Mask:
        values = batch.rows.column(index)
        mask = flags_of(pc.is_null(values, nan_is_null=pa.types.is_floating(values.type))).copy()
        if failed := batch.failed.get(column.name):
            mask[failed.positions] = [text in texts for text in failed.texts]
        if pa.types.is_dictionary(values.type):
            entries = values.dictionary
            missing = pc.or_(pc.is_null(entries), _among(entries, stand_ins))
            return mask | flags_of(missing.take(values.indices))
        return mask | flags_of(_among(values, stand_ins))

    def test(batch: Batch) -> Broken:
        values = batch.rows.column(index)
        if len(stand_ins) or _has_nan(values) or _has_null_entries(values):
            return of_mask(find(batch))
        failed = batch.failed.get(column.name)
        there = sum(text not in texts for text in failed.texts) if failed else 0
        return Broken(values.null_count - there, lambda: find(batch))

    return test


def type_test(plan: ContractPlan, column: Column) -> Test:
    """The test of values that are not of the column's type; a declared stand-in for none is no such value."""
    texts = frozenset(
        str(value)
        for rule in plan.rules
        if rule.kind == "missing_values" and rule.columns == (column.name,)
        for value in rule.values
    )

    def test(batch: Batch) -> Broken:
        failed = batch.failed.get(column.name)
        if failed is None:
            return of_mask(None)
        mask = np.zeros(batch.rows.num_rows, bool)
        mask[failed.positions] = [text not in texts for text in failed.texts]
        return of_mask(mask)

    return test


def _among(values: pa.Array, stand_ins: pa.Array) -> pa.Array:
    if not len(stand_ins):
        return array_of(np.zeros(len(values), bool))
    return pc.is_in(values, stand_ins)


def _has_nan(values: pa.Array) -> bool:
    is_float = pa.types.is_floating(values.type) and len(values) > 0
    return is_float and bool(np.isnan(numbers(values).min()))  # the least of numbers is NaN where one is


def _has_null_entries(values: pa.Array) -> bool:
    return bool(pa.types.is_dictionary(values.type) and values.dictionary.null_count)
