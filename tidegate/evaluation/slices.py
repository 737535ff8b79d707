"""The candidate against the champion on parts of the rows: better on the whole may be worse for some."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.evaluation.resampled import Scorer
from tidegate.evaluation.resampling import (
    Draws,
    Floats,
    Interval,
    holm,
    interval,
    p_below,
    standard_error,
)
from tidegate.features import Array
from tidegate.training.gate import Check, known

WORSE = -2.0  # standard errors
ALPHA = 0.022750131948179195  # P(Z < -2), one-sided
_PARTS = 4  # of a column of numbers
_SHOWN = 30  # of the values of one text column: the most frequent
_TOLD = 60  # characters of a value in a sentence
_FEW_VALUES = 10  # numbers of so few values are taken one by one


@dataclass(frozen=True, kw_only=True)
class Slice:
    """One part of the rows. `adjusted_p` is Holm's, of being worse than the champion; None without one."""

    column: str
    value: str
    rows: int
    candidate: float
    champion: float | None = None
    difference: Interval | None = None
    standard_errors: float | None = None  # the difference, in its own
    adjusted_p: float | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "value": self.value,
            "rows": self.rows,
            "candidate": known(self.candidate),
            "champion": known(self.champion),
            "difference": None if self.difference is None else self.difference.to_json(),
            "standard_errors": known(self.standard_errors),
            "adjusted_p": known(self.adjusted_p),
        }


def parts(columns: Mapping[str, Array], names: Sequence[str]) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Column, value or range, and which rows: texts by value, numbers by quartile, missing ones apart."""
    for name in names:
        column = columns[name]
        if column.dtype == object:
            values, counts = np.unique([str(v) for v in column if v is not None], return_counts=True)
            for value in values[np.argsort(-counts, kind="stable")][:_SHOWN].tolist():
                yield name, value, np.array([v is not None and str(v) == value for v in column])
            yield name, "missing", np.array([value is None for value in column])
        else:
            numbers = column.astype(np.float64)
            yield from ((name, told, rows) for told, rows in _ranges(numbers))
            yield name, "missing", np.isnan(numbers)


def _ranges(numbers: Floats) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    there = numbers[np.isfinite(numbers)]
    distinct = np.unique(there)
    if distinct.size <= _FEW_VALUES:
        yield from ((f"{value:g}", numbers == value) for value in distinct)
        return
    edges = np.unique(np.quantile(there, np.linspace(0, 1, _PARTS + 1)))
    for position, (low, high) in enumerate(pairwise(edges)):
        above = numbers >= low if position == 0 else numbers > low
        yield f"{low:g} to {high:g}", above & (numbers <= high)


def compare(
    found: Iterable[tuple[str, str, NDArray[np.bool_]]],
    scorer: Scorer,
    labels: NDArray[Any],
    draws: Draws,
    *,
    candidate: Floats,
    champion: Floats | None,
    minimum_rows: int,
    needs_classes: bool,
) -> tuple[Slice, ...]:
    """The slices that are large enough, the worst first.

    Args:
        found: as `parts` makes them.
        candidate, champion: predictions of all rows.
        needs_classes: whether a slice of a single class is left out.
    """
    made: list[Slice] = []
    p_values: list[float] = []
    for column, value, rows in found:
        of_slice = labels[rows]
        if of_slice.size < minimum_rows or (needs_classes and np.unique(of_slice).size == 1):
            continue
        one = Slice(
            column=column, value=value, rows=of_slice.size, candidate=scorer.value(of_slice, candidate[rows])
        )
        if champion is not None:
            within = draws.take(rows)
            one, p_value = _against(one, scorer, of_slice, within, (candidate[rows], champion[rows]))
            p_values.append(p_value)
        made.append(one)
    if champion is None:
        return tuple(sorted(made, key=lambda each: each.candidate))
    judged = [replace(each, adjusted_p=p) for each, p in zip(made, holm(p_values), strict=True)]
    return tuple(sorted(judged, key=lambda each: (each.adjusted_p, each.standard_errors or 0.0)))


def _against(
    one: Slice, scorer: Scorer, labels: NDArray[Any], draws: Draws, predictions: tuple[Floats, Floats]
) -> tuple[Slice, float]:
    """The slice with its champion, and p of being worse."""
    theirs = scorer.value(labels, predictions[1])
    mine_drawn, their_drawn = (scorer.drawn(labels, each, draws) for each in predictions)
    gain, days = one.candidate - theirs, draws.days.count
    error = standard_error(mine_drawn - their_drawn, days)
    compared = replace(
        one,
        champion=theirs,
        difference=interval(gain, mine_drawn - their_drawn, days),
        standard_errors=gain / error if error > 0 else 0.0 if gain == 0 else None,
    )
    return compared, p_below(gain, error, days)


def checks(slices: Sequence[Slice]) -> Iterator[Check]:
    """The worst slice, not below the champion by two standard errors after correction for their number."""
    judged = [each for each in slices if each.adjusted_p is not None]
    if not judged:
        return
    worst = judged[0]
    gain = worst.difference.value if worst.difference else 0.0
    yield Check(
        name="worst_slice",
        passed=worst.adjusted_p is not None and worst.adjusted_p >= ALPHA,
        value=worst.standard_errors,
        limit=WORSE,
        sentence=f"worst of {len(judged)} slices is `{worst.column}` {worst.value[:_TOLD]} "
        f"({worst.rows:,} rows): {gain:+.4f} against the champion, "
        f"corrected p {worst.adjusted_p:.3f} must be at least {ALPHA:.3f} (-2 standard errors)",
    )
