"""Two columns over the same bins: what PSI, Jensen-Shannon and L-infinity are computed from.

Pure. Numbers lie between the reference's quantiles, texts in its most frequent values; a bin each holds what
else there is: infinities, other values, values the reference never had, and missing values, which come last.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from tidegate.ingestion.figures import is_time
from tidegate.profile import ColumnProfile
from tidegate.profile.column import Value
from tidegate.statistics.distances import Counts, Cumulative

CATEGORIES = 50  # most frequent values of the reference; the rest of its values are one bin
_FREQUENT = 0.01  # share of the rows from which a value of a column with very many values is a bin


@dataclass(frozen=True, kw_only=True)
class CategoryBins:
    """Rows of both sides in the bins of a text."""

    reference: Counts
    current: Counts
    unseen_share: float | None  # of the current rows; None when the reference's values are not all known
    l_infinity: float  # largest difference of a value's share of the rows that have one


def number_bins(
    reference: ColumnProfile,
    current: ColumnProfile,
    pair: tuple[Cumulative | None, Cumulative | None],
    bins: int,
) -> tuple[Counts, Counts]:
    """Between the reference's quantiles, where ties collapse; then infinities; then missing values."""
    edges = pair[0].cuts(np.arange(1, bins) / bins) if pair[0] is not None else np.zeros(0)
    sides = []
    for column, points in zip((reference, current), pair, strict=True):
        finite = np.zeros(len(edges) + 1)
        if points is not None:
            finite = np.diff(points.at_or_below(edges), prepend=0, append=1) * column.count
        sides.append(np.append(finite, [column.infinite, column.missing]))
    return sides[0], sides[1]


def category_bins(reference: ColumnProfile, current: ColumnProfile) -> CategoryBins | None:
    """Of two texts; None when the values cannot be compared: they hardly repeat, or none is frequent."""
    if reference.counts is not None and current.counts is not None:
        if _is_identifier(reference):
            return None
        return _exact(reference.counts, current.counts, reference, current)
    return _by_heavy_hitters(reference, current)


def is_comparable(reference: ColumnProfile, current: ColumnProfile) -> bool:
    return reference.kind == current.kind and reference.kind != "other" and not is_time(reference)


def _exact(
    seen: Mapping[Value, int], now: Mapping[Value, int], reference: ColumnProfile, current: ColumnProfile
) -> CategoryBins:
    """The most frequent values, the other values of the reference, values it never had, missing values."""
    top = sorted(seen, key=lambda value: (-seen[value], str(value)))[:CATEGORIES]
    others = seen.keys() - set(top)
    of_reference = [*(seen[value] for value in top), sum(seen[value] for value in others)]
    known = [*(now.get(value, 0) for value in top), sum(now.get(value, 0) for value in others)]
    n, m = reference.count, current.count
    unseen = m - sum(known)
    largest = 0.0
    if n and m:
        largest = max(
            abs(seen.get(value, 0) / n - now.get(value, 0) / m) for value in seen.keys() | now.keys()
        )
    return CategoryBins(
        reference=np.array([*of_reference, 0, reference.missing], np.float64),
        current=np.array([*known, unseen, current.missing], np.float64),
        unseen_share=unseen / current.rows if current.rows else 0.0,
        l_infinity=largest,
    )


def _by_heavy_hitters(reference: ColumnProfile, current: ColumnProfile) -> CategoryBins | None:
    """Values frequent on either side, and all others together.

    A heavy hitter's count may lack some occurrences; within that doubt the two shares are taken as near to
    each other as they can be, so that no drift is found that the sketch made.
    """
    if not reference.count or not current.count:
        return None
    shares, doubts = [], []
    for column in (reference, current):
        known = column.counts if column.counts is not None else column.heavy
        shares.append({value: count / column.count for value, count in known.items()})
        doubts.append(0.0 if column.counts is not None else column.heavy_error / column.count)
    frequent = [value for side in shares for value, share in side.items() if share >= _FREQUENT]
    top = sorted(dict.fromkeys(frequent), key=lambda v: (-shares[0].get(v, 0.0), str(v)))[: 2 * CATEGORIES]
    if not top:
        return None
    low = np.array([[side.get(value, 0.0) for value in top] for side in shares])
    p, q = _nearest(low[0], low[0] + doubts[0], low[1], low[1] + doubts[1])
    rest = np.array([max(0.0, 1 - p.sum()), max(0.0, 1 - q.sum())])
    return CategoryBins(
        reference=np.append(np.append(p, rest[0]) * reference.count, reference.missing),
        current=np.append(np.append(q, rest[1]) * current.count, current.missing),
        unseen_share=None,
        l_infinity=float(np.abs(p - q).max()),
    )


def _nearest(low: Counts, high: Counts, other_low: Counts, other_high: Counts) -> tuple[Counts, Counts]:
    """Of each pair of intervals the two points that are nearest to each other."""
    one = np.clip((np.maximum(low, other_low) + np.minimum(high, other_high)) / 2, low, high)
    return one, np.clip(one, other_low, other_high)


def _is_identifier(column: ColumnProfile) -> bool:
    """A text that hardly repeats: every new row has a new value, and that is no drift."""
    return column.distinct > column.count / 2
