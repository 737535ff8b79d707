"""A column computed from the very labels it is to predict: a category encoded on all rows, a mean of its day.

Labels scatter around what could be known before them at least as much as coins do. Where the rates of the
column's values lie nearer to the column than that, it has seen these labels: nothing honest predicts the
sampling noise.
"""

from collections.abc import Iterator

import numpy as np

from tidegate.leaks.sample import Finding, Numbers, Sample

FEWEST_VALUES = 50
FEWEST_ROWS = 4  # of a value, to have a rate
SCATTER_LIMIT = 0.5  # of a coin's
SIGMAS = 6.0


def fitted(sample: Sample) -> Iterator[Finding]:
    labels = sample.rows.labels
    for name, column in sample.columns.items():
        if column.dtype == object:
            continue
        codes = np.where(np.isfinite(column), sample.codes[name], -1)
        rows = np.bincount(codes[codes >= 0], minlength=1)
        cells = np.flatnonzero(rows >= FEWEST_ROWS)
        if cells.size < FEWEST_VALUES:
            continue
        n = rows[cells].astype(np.float64)
        here = codes >= 0
        rates = np.bincount(codes[here], weights=labels[here])[cells] / n
        values = np.zeros(rows.size)
        values[codes[here]] = column[here]
        values = values[cells]
        noise = float(np.sum(n * rates * (1 - rates) / (n - 1)))
        one = np.ones_like(n)
        # a mean shrunk to the overall rate m by k rows is f = (n r + k m) / (n + k): r is linear in these
        with_column = _scatter([one, values, 1 / n, values / n], rates, n)
        without = _scatter([one, 1 / n], rates, n)
        limit = min(SCATTER_LIMIT, 1 - SIGMAS * np.sqrt(2 / cells.size))
        if noise > 0 and with_column / noise < limit <= without / noise:
            yield Finding(
                "target",
                name,
                f"the label's rates at {cells.size} values of `{name}` scatter around it by "
                f"{with_column / noise:.2f} of what chance alone would: it was computed from these labels",
                "encode categories from rows that were known before, as an aggregate of features.py does",
            )


def _scatter(regressors: list[Numbers], rates: Numbers, n: Numbers) -> float:
    """Sum over values of n (rate - fit)^2, a degree of freedom lost to each regressor given back."""
    root = np.sqrt(n)
    design = np.column_stack(regressors)
    scale = np.abs(design).max(axis=0)
    scale[scale == 0] = 1
    fit = np.linalg.lstsq(design / scale * root[:, None], rates * root, rcond=None)[0]
    left = rates - design / scale @ fit
    return float(np.sum(n * left**2)) * n.size / (n.size - len(regressors))
