"""A column that follows what had not happened yet at its row's moment.

Day by day (and hour by hour where there are rows enough): what is left of the column after its own past and
the label's rates up to then is regressed on what was new in the label's rates afterwards. An average of past
outcomes leaves nothing to explain; a forecast explains some of it; an average of future outcomes is explained
nearly whole.
"""

from collections.abc import Iterator

import numpy as np

from tidegate.leaks.sample import DAY, Finding, Numbers, Sample

BLOCKS = {"day": DAY, "six hours": DAY // 4, "hour": DAY // 24}
FEWEST_BLOCKS, MOST_BLOCKS = 50, 3000
FEWEST_ROWS = 5  # of a block, at the median
PAST, FUTURE = 4, 8  # blocks
LIMIT = 0.6  # share of the rest that the future explains, adjusted for the number of regressors
SIGMAS = 5.0
NOTHING_LEFT = 1e-9  # of the column's own variance: it is a function of the past
DELAYS, DELAY_MATCH = 100, 0.995  # distinct delays of labels; correlation of a column with them


def follows(sample: Sample) -> Iterator[Finding]:
    """Columns explained by the label's later rates."""
    for said, seconds in BLOCKS.items():
        block = np.floor(sample.rows.moments / seconds).astype(np.intp)
        block -= block.min()
        count = int(block.max()) + 1
        rows = np.bincount(block, minlength=count)
        if not FEWEST_BLOCKS <= count <= MOST_BLOCKS or np.median(rows) < FEWEST_ROWS:
            continue
        rate = _series(block, sample.rows.labels.astype(np.float64), count)
        for name, column in sample.columns.items():
            if column.dtype == object:
                continue
            share, limit = _explained(_series(block, column, count), rate)
            if share > limit:
                yield Finding(
                    "time",
                    name,
                    f"{share:.0%} of what is new in `{name}` from {said} to {said} is explained by the "
                    f"label's rates of the {FUTURE} after it (limit {limit:.0%})",
                    "aggregate only what was known by then, as an aggregate of features.py does",
                )


def tells_when(sample: Sample) -> Iterator[Finding]:
    """Columns from which the moment at which the label becomes known can be read."""
    delays = sample.rows.known - sample.rows.moments
    known = np.isfinite(delays)
    if np.unique(delays[known]).size < DELAYS:  # fixed terms may well be known before
        return
    for name, column in sample.columns.items():
        if column.dtype == object:
            continue
        both = known & np.isfinite(column)
        if both.sum() < DELAYS:
            continue
        for values in (column[both], column[both] - sample.rows.moments[both]):
            if np.ptp(values) > 0 and abs(np.corrcoef(values, delays[both])[0, 1]) > DELAY_MATCH:
                yield Finding(
                    "time",
                    name,
                    f"`{name}` tells when the label becomes known, to which it is correlated by more than "
                    f"{DELAY_MATCH}: it is known only then",
                    "take it out of `features` and `request`",
                )
                break


def _series(block: np.ndarray[tuple[int], np.dtype[np.intp]], values: Numbers, count: int) -> Numbers:
    """Mean of each block, shape (count,); blocks without a value take the mean of the one before."""
    finite = np.isfinite(values)
    rows = np.bincount(block[finite], minlength=count)
    sums = np.bincount(block[finite], weights=values[finite], minlength=count)
    if not rows.any():
        return np.zeros(count)
    filled = np.maximum.accumulate(np.where(rows > 0, np.arange(count), np.flatnonzero(rows)[0]))
    return (sums / np.maximum(rows, 1))[filled]


def _explained(column: Numbers, rate: Numbers) -> tuple[float, float]:
    """Share of what the past leaves of the column that the future explains, and its limit."""
    spread = float(np.var(column))
    if np.ptp(column) <= NOTHING_LEFT * float(np.abs(column).max()):  # constant, but for rounding
        return 0.0, LIMIT
    at = np.arange(PAST, column.size - FUTURE)
    past = np.column_stack([np.ones(at.size), *(rate[at - k] for k in range(PAST + 1))])
    new = np.zeros(column.size)
    t = np.arange(PAST, column.size)
    lagged = np.column_stack([np.ones(t.size), *(rate[t - k] for k in range(1, PAST + 1))])
    new[t] = _rest(lagged, rate[t])
    base = np.column_stack([past, *(column[at - k] for k in (1, 2))])
    left = _rest(base, column[at])
    if float(np.var(left)) <= NOTHING_LEFT * spread:
        return 0.0, LIMIT
    future = np.column_stack([new[at + k] for k in range(1, FUTURE + 1)])
    remaining = _rest(np.column_stack([base, future]), column[at])
    free = at.size - base.shape[1] - FUTURE
    share = 1 - float(np.sum(remaining**2) / np.sum(left**2))
    adjusted = 1 - (1 - share) * (free + FUTURE) / free
    return adjusted, max(LIMIT, SIGMAS * float(np.sqrt(2 * FUTURE)) / free)


def _rest(design: Numbers, target: Numbers) -> Numbers:
    scale = np.abs(design).max(axis=0)
    scale[scale == 0] = 1
    fit = np.linalg.lstsq(design / scale, target, rcond=None)[0]
    return np.asarray(target - design / scale @ fit, dtype=np.float64)
