"""Two profiles of one column over the same bins: what a histogram on the page is drawn from.

Pure: profiles in, shares out. Numbers are binned between the ends of nearly all rows of both, the tails
being in the outermost bins; integers of a short range, truth values and texts have one bar for each value.
"""

import numpy as np
from numpy.typing import NDArray

from tidegate.profile import ColumnProfile
from tidegate.report import words
from tidegate.report.data import Histogram, Series
from tidegate.report.visible import visible

_TAILS = np.array([0.005, 0.995])  # beyond them a value does not stretch the picture
_STRETCH = 0.3  # of the range: the true end is shown when it is no farther than this
_TITLE_VALUES = 4


def histogram(column: ColumnProfile, baseline: ColumnProfile | None, bins: int) -> Histogram | None:
    """None when there is nothing to draw: no values, nested values, or texts too many to count."""
    if baseline is not None and (baseline.kind != column.kind or not baseline.count):
        baseline = None
    if column.kind == "text":
        return _of_texts(column, baseline, bins)
    if column.kind != "number" or not (column.count or baseline):
        return None
    if column.type.startswith(("timestamp", "date")):
        baseline = None  # times always move
    if not (column.count or baseline):
        return None
    return _of_numbers(column, baseline, bins)


def top(column: ColumnProfile, keep: int) -> tuple[tuple[str, float], ...]:
    """The most frequent values and their share of the rows that have one.

    Of too many to count: those that are frequent whatever the error, and their least share.
    """
    if column.kind != "text":
        return ()
    least = column.heavy_error if column.counts is None else 0
    return tuple((str(value), count / column.count) for value, count in column.top(keep) if count > least)


def _of_texts(column: ColumnProfile, baseline: ColumnProfile | None, bins: int) -> Histogram | None:
    now, before = column.counts, baseline.counts if baseline else None
    if now is None or (not now and not before):
        return None
    order = before or now
    values = sorted(order, key=lambda value: (-order[value], str(value)))[: max(bins // 2, 6)]
    title = ", ".join(visible(value, 24) for value in values[:_TITLE_VALUES])
    more = len(order.keys() | now.keys()) - len(values)
    return Histogram(
        baseline=_shares([before.get(v, 0) for v in values], sum(before.values()), more) if before else (),
        current=_shares([now.get(v, 0) for v in values], sum(now.values()), more),
        apart=True,
        title=f"{title}{f' and {more} more' if more > 0 else ''}",
    )


def _shares(counts: list[int], total: int, more: int) -> Series:
    """The share of each value, that of all others last."""
    if not total:
        return ()
    others = [total - sum(counts)] if more > 0 else []
    return tuple(count / total for count in (*counts, *others))


def _of_numbers(column: ColumnProfile, baseline: ColumnProfile | None, bins: int) -> Histogram:
    both = [profile for profile in (column, baseline) if profile is not None and profile.count]
    low, high = _range(both)
    is_whole = words.is_whole(column.type)
    apart = (is_whole and high - low < bins) or low == high
    if is_whole:
        step = max(1, int(np.ceil((high - low + 1) / bins)))  # whole, so that no bin holds more integers
        edges = np.arange(np.floor(low) - 0.5, high + 0.5, step)[1:]
        edges = np.append(edges, (edges[-1] if len(edges) else np.floor(low) - 0.5) + step)
    else:
        # Halves, for the span of two floats may be no float.
        edges = np.array([high]) if apart else 2 * np.linspace(low / 2, high / 2, bins + 1)[1:]
    ends = [words.of_type(int(value) if is_whole else value, column.type) for value in (low, high)]
    return Histogram(
        baseline=_binned(baseline, edges) if baseline is not None else (),
        current=_binned(column, edges),
        apart=apart,
        title=f"{ends[0]} to {ends[1]}",
    )


def _range(profiles: list[ColumnProfile]) -> tuple[float, float]:
    tails = np.array([profile.quantile(_TAILS) for profile in profiles])
    low, high = float(tails[:, 0].min()), float(tails[:, 1].max())
    least = min(float(profile.minimum or 0) for profile in profiles)
    most = max(float(profile.maximum or 0) for profile in profiles)
    reach = _STRETCH * (high / 2 - low / 2)
    return (least if low / 2 - least / 2 <= reach else low), (most if most / 2 - high / 2 <= reach else high)


def _binned(column: ColumnProfile, edges: NDArray[np.float64]) -> Series:
    """Shares of the values up to each edge; the last bin takes all that is left."""
    if not column.count:
        return ()
    upto = column.share_at_or_below(edges)
    upto[-1] = 1.0
    return tuple(np.diff(upto, prepend=0.0).tolist())
