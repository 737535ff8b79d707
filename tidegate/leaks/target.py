"""A column that alone predicts the label nearly perfectly, or whose absence or one value names part of it.

The limit of the area under the ROC curve lies between those at which other tools drop or report a column (One
AI 0.85, Driverless AI 0.95); a column must also be better than 0.90 beyond its own sampling error. Which
honest columns are that good a person knows, and says so in `training.trusted`.

Source:
    Hanley and McNeil, "The meaning and use of the area under a ROC curve", Radiology 143 (1982); Wilson's
    interval of a share.
"""

import math
from collections.abc import Iterator
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from tidegate.leaks.sample import DAY, Codes, Finding, Numbers, Sample
from tidegate.training.metrics import Labels, roc_auc


class Limits(NamedTuple):
    """Areas under the ROC curve."""

    leak: float
    honest: float  # what a good column may reach in honest data


CLASS = Limits(0.925, 0.90)
# a column correlated to a number by 0.99 tells whether it is above its median with an area of 0.994
NUMBER = Limits(0.9975, 0.995)
FALSE_ALARMS = 0.01  # of all columns of a sample together, at `honest`
BINS = (8, 64)  # few leaves for few rows, many for a relation with many turns
PRIOR_ROWS = 2.0  # of the overall rate, in the rate of each leaf

ODDS_LIMIT = 30.0  # by how much one value may multiply or divide the odds of the label
ODDS_Z = 4.0
FEWEST_DAYS = 10  # a value of fewer days may be one event: a storm, an outage
MOST_VALUES = 50


def alone(sample: Sample, limits: Limits = CLASS) -> Iterator[Finding]:
    """Columns by which alone a one-feature tree tells the label.

    It is learnt on one half of the time and scored on the other, and the reverse.
    """
    tests = 3 * max(1, len(sample.columns))
    z = NormalDist().inv_cdf(1 - FALSE_ALARMS / tests)
    halves = _halves(sample.rows.moments)
    for name, codes in sample.codes.items():
        views = {"": codes}
        column = sample.columns[name]
        if column.dtype != object:
            views[" within its day"] = _rank_in_day(codes, sample.rows.moments)
            if _is_time(column, sample.rows.moments):
                views[" minus the row's moment"] = np.unique(
                    np.nan_to_num(column - sample.rows.moments, nan=-1e12), return_inverse=True
                )[1]
        scores = {said: _best_auc(view, sample.rows.labels, halves) for said, view in views.items()}
        said, auc = max(scores.items(), key=lambda item: item[1])
        error = _standard_error(auc, sample.rows.labels, limits.honest)
        if auc >= limits.leak and auc - z * error > limits.honest:
            words = "is the label in other words" if auc > 1 - 1e-9 else "tells the label"
            yield Finding(
                "target",
                name,
                f"`{name}`{said} alone {words}: AUC {auc:.3f} on rows not learnt from, limit {limits.leak}",
                "take it out of `features`, or say in `training.trusted` why it is known by then",
            )


def one_value(sample: Sample) -> Iterator[Finding]:
    """Columns of which one value, or having none, makes the label all but certain on many days."""
    days = np.floor(sample.rows.moments / DAY).astype(np.intp)
    for name, codes in sample.codes.items():
        for value in _candidates(codes):
            mine = codes == value
            if np.unique(days[mine]).size < FEWEST_DAYS or mine.all():
                continue
            inside, outside = sample.rows.labels[mine], sample.rows.labels[~mine]
            odds = _least_odds_ratio(int(inside.sum()), inside.size, int(outside.sum()), outside.size)
            if odds > ODDS_LIMIT:
                what = "is missing" if value < 0 else f"is {_value(sample, name, mine)}"
                yield Finding(
                    "target",
                    name,
                    f"where `{name}` {what} ({inside.size} rows), {inside.mean():.1%} are positive; "
                    f"elsewhere {outside.mean():.1%}",
                    "it is filled in after the outcome: take it out, or vouch for it in `training.trusted`",
                )
                break


def _halves(moments: Numbers) -> tuple[Codes, Codes]:
    order = np.argsort(moments, kind="stable")
    return order[: order.size // 2], order[order.size // 2 :]


def _best_auc(codes: Codes, labels: Labels, halves: tuple[Codes, Codes]) -> float:
    """The best of trees with BINS leaves of equal size and one with a leaf for each value."""
    values = int(codes.max(initial=0)) + 2
    leaves = [_bins(codes, values, bins) for bins in BINS if values > bins]
    if values <= codes.size * 0.9:  # else hardly a value occurs twice: nothing to look up
        leaves.append(codes + 1)
    return max(_crossed_auc(each, labels, halves) for each in leaves)


def _bins(codes: Codes, values: int, bins: int) -> Codes:
    below = np.cumsum(np.bincount(codes + 1, minlength=values))
    found = below[0]  # the missing have a bin of their own
    share = (below - found) / max(1, codes.size - found)
    return np.where(codes < 0, 0, 1 + np.ceil(share * bins).astype(np.intp)[codes + 1])


def _crossed_auc(leaves: Codes, labels: Labels, halves: tuple[Codes, Codes]) -> float:
    size, scores = int(leaves.max()) + 1, []
    for learn, validate in (halves, halves[::-1]):
        base = float(labels[learn].mean())
        rows = np.bincount(leaves[learn], minlength=size)
        positives = np.bincount(leaves[learn], weights=labels[learn], minlength=size)
        rates = (positives + PRIOR_ROWS * base) / (rows + PRIOR_ROWS)
        scores.append(roc_auc(labels[validate], rates[leaves[validate]]))
    return float(np.mean(scores)) if np.isfinite(scores).all() else 0.5


def _rank_in_day(codes: Codes, moments: Numbers) -> Codes:
    """In 1000ths of the rows of its day: an identifier given by outcome counts up within each day."""
    days = np.floor(moments / DAY).astype(np.intp)
    order = np.lexsort((codes, days))
    first = np.r_[True, days[order][1:] != days[order][:-1]]
    starts = np.flatnonzero(first)
    sizes = np.diff(np.r_[starts, order.size])
    ranks = np.empty(order.size)
    ranks[order] = (np.arange(order.size) - np.repeat(starts, sizes)) / np.repeat(sizes, sizes)
    # ties share the rank of the first of them, or a constant column would order the rows as they came
    same = np.r_[False, (codes[order][1:] == codes[order][:-1]) & ~first[1:]]
    ordered = ranks[order]
    leader = np.maximum.accumulate(np.where(same, 0, np.arange(order.size)))
    ranks[order] = ordered[leader]
    return (ranks * 1000).astype(np.intp)


def _is_time(column: Numbers, moments: Numbers) -> bool:
    """Whether its values are moments: seconds since the epoch, within a year of the row's own."""
    finite = np.isfinite(column)
    return bool(finite.any()) and float(np.median(np.abs(column[finite] - moments[finite]))) < 366 * DAY


def _standard_error(auc: float, labels: Labels, at: float) -> float:
    positives = max(1, int(labels.sum()))
    negatives = max(1, labels.size - positives)
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    spread = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    # an area of 1 has no spread of its own: take that of the limit
    at_limit = at * (1 - at) / min(positives, negatives)
    return math.sqrt(max(spread / (positives * negatives), at_limit / 10))


def _candidates(codes: Codes) -> list[int]:
    """Missing, and the most frequent values."""
    counts = np.bincount(codes + 1)
    frequent = np.argsort(-counts[1:], kind="stable")[:MOST_VALUES]
    missing = [-1] if counts[0] else []
    return missing + [int(v) for v in frequent if counts[v + 1] >= ODDS_Z**2]


def _least_odds_ratio(inside: int, n: int, outside: int, m: int) -> float:
    """By how much the odds differ at least, at the near ends of both intervals; up and down alike."""
    low, high = _wilson(inside, n)
    other_low, other_high = _wilson(outside, m)
    up = low * (1 - other_high) / max((1 - low) * other_high, 1e-12)
    down = other_low * (1 - high) / max((1 - other_low) * high, 1e-12)
    return max(up, down)


def _wilson(k: int, n: int) -> tuple[float, float]:
    z2 = ODDS_Z**2
    center = (k + z2 / 2) / (n + z2)
    half = ODDS_Z / (n + z2) * math.sqrt(k * (n - k) / n + z2 / 4)
    return max(0.0, center - half), min(1.0, center + half)


def _value(sample: Sample, name: str, mine: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> str:
    value = sample.columns[name][np.flatnonzero(mine)[0]]
    return repr(value) if isinstance(value, str) else f"{value:g}"
