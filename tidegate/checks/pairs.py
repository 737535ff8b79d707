"""Whether the values of several columns are together among those listed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tidegate.checks.comparison import missing
from tidegate.checks.masks import Broken, Mask, Test, of_mask
from tidegate.checks.values import held_value
from tidegate.columns.arrow_types import arrow_type
from tidegate.columns.arrow_values import flags_of
from tidegate.contract.plan import NESTED, Column, Rule
from tidegate.errors import ConfigError
from tidegate.readers.batch import Batch

Places = NDArray[np.int64]


def pairs_test(indices: Sequence[int], columns: Sequence[Column], rule: Rule) -> Test:
    """The test of a rule that lists the values of columns, each given by its place and itself.

    Rows without one of the values break nothing. A listed value that its column cannot hold occurs in no row.

    Raises:
        ConfigError: a column is nested, or a listed entry has not a value for each column.
    """
    nested = [column.name for column in columns if column.type in NESTED]
    if nested or any(len(pair) != len(columns) for pair in rule.pairs):
        cause = f"`{nested[0]}` is nested" if nested else "each entry must have a value for each column"
        raise ConfigError(f"values of {', '.join(rule.columns)} cannot be listed", cause=cause)
    listed, steps = _steps(columns, rule)

    def test(batch: Batch) -> Broken:
        arrays = [batch.rows.column(index) for index in indices]
        state: Places = np.zeros(batch.rows.num_rows, np.int64)
        counted: Mask = np.ones(batch.rows.num_rows, bool)
        for values, entries, known in zip(arrays, listed, steps, strict=True):
            places, is_missing = _places(values, entries)
            state = _followed(state, places, len(entries), known)
            counted &= ~is_missing
        return of_mask(counted & (state < 0))

    return test


def _steps(columns: Sequence[Column], rule: Rule) -> tuple[list[pa.Array], list[Places]]:
    """Of each column its listed values, and the codes that lead on from those of the columns before it.

    A code is the number of a row's values so far times the count of this column's, plus the place of its own:
    it stays small however many columns there are.
    """
    types = [arrow_type(column) for column in columns]
    pairs = [
        tuple(held_value(*asked) for asked in zip(columns, types, pair, strict=True)) for pair in rule.pairs
    ]
    pairs = [pair for pair in pairs if None not in pair]
    listed, steps = [], []
    numbers: dict[tuple[Any, ...], int] = {(): 0}
    for index, type_ in enumerate(types):
        places = {value: place for place, value in enumerate(dict.fromkeys(pair[index] for pair in pairs))}
        codes = {
            pair[: index + 1]: numbers[pair[:index]] * len(places) + places[pair[index]] for pair in pairs
        }
        known = np.array(sorted(codes.values()), np.int64)
        numbers = {values: int(np.searchsorted(known, code)) for values, code in codes.items()}
        listed.append(_same_zeros(pa.array(list(places), type_)))
        steps.append(known)
    return listed, steps


def _places(values: pa.Array, listed: pa.Array) -> tuple[Places, Mask]:
    """Where each value stands in the list, -1 when it does not, and which values are missing."""
    if pa.types.is_dictionary(values.type):
        places, is_missing = _places(values.dictionary, listed)
        taken = (pa.array(found).take(values.indices) for found in (places, is_missing))
        return next(taken).fill_null(-1).to_numpy(zero_copy_only=False), flags_of(next(taken).fill_null(True))
    found = pc.index_in(_same_zeros(values), listed).fill_null(-1)
    return found.to_numpy(zero_copy_only=False).astype(np.int64), flags_of(missing(values))


def _same_zeros(values: pa.Array) -> pa.Array:
    """0 and -0 are equal, though Arrow looks up bits."""
    return pc.add(values, pa.scalar(0.0, values.type)) if pa.types.is_floating(values.type) else values


def _followed(state: Places, places: Places, count: int, known: Places) -> Places:
    """The numbers of the rows' values with one column more, -1 where no entry begins so."""
    if not len(known):
        return np.full_like(state, -1)
    codes = state * count + places
    found = np.minimum(np.searchsorted(known, codes), len(known) - 1)
    return np.where((state >= 0) & (places >= 0) & (known[found] == codes), found, -1)
