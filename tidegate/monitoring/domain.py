"""Whether a classifier can tell the rows of a window from those of training: drift of columns together.

Pure. Each column alone may look as it did while their combinations are new. The area under the ROC curve of
rows that the classifier did not learn from is 0.5 when nothing moved, whatever the columns are.

Source:
    Rabanser, Guennemann and Lipton, "Failing Loudly" (2019); variance of the area under no difference as of
    Mann and Whitney (1947).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.features import Array
from tidegate.monitoring import boosted
from tidegate.monitoring.boosted import Codes
from tidegate.training.metrics import roc_auc

FOLDS = 3
BINS = 32
CERTAIN = 4.0  # standard errors; columns of one window may be many
LARGEST_ROWS = 2000  # of each side
_HALF = 1.959964  # of a 95 % interval, in standard errors
_SHARED = 1.25  # the folds' models share rows: with this, z of 450 null draws deviated by 0.92 to 1.04


@dataclass(frozen=True, kw_only=True)
class Domain:
    """`low` to `high` is where 95 % of the areas lie when nothing moved."""

    status: Literal["stable", "warning", "alarm", "insufficient"]
    reference_rows: int
    current_rows: int
    auc: float | None = None
    low: float | None = None
    high: float | None = None
    z: float | None = None
    columns: tuple[tuple[str, float], ...] = ()  # and their shares of what told the sides apart

    @property
    def beyond_chance(self) -> float | None:
        """The area where chance does not explain it, else 0.5; None when there is none."""
        if self.auc is None or self.high is None:
            return None
        return self.auc if self.auc > self.high else 0.5


def compare(
    reference: Mapping[str, Array],
    current: Mapping[str, Array],
    *,
    alarm: float,
    minimum_rows: int,
    seed: int,
) -> Domain:
    """Rows of both sides, at most LARGEST_ROWS each.

    Args:
        alarm: the area, above 0.5, from which on `status` is alarm; halfway to it, warning.
        reference: column -> shape (n,); texts as objects with None for missing, else float64 with NaN.
        current: the same columns, shape (m,).
    """
    n, m = (len(next(iter(side.values()), ())) for side in (reference, current))
    if not reference or min(n, m) < max(minimum_rows, FOLDS):
        return Domain(status="insufficient", reference_rows=n, current_rows=m)
    codes = np.column_stack([_codes(reference[name], current[name]) for name in reference])
    labels = np.r_[np.zeros(n, np.int8), np.ones(m, np.int8)]
    area, error, shares = _validated(codes, labels, seed)
    z = (area - 0.5) / error
    ranked = sorted(zip(reference, shares.tolist(), strict=True), key=lambda pair: -pair[1])
    return Domain(
        status=_status(area, z, alarm),
        reference_rows=n,
        current_rows=m,
        auc=area,
        low=0.5 - _HALF * error,
        high=0.5 + _HALF * error,
        z=z,
        columns=tuple(pair for pair in ranked if pair[1] > 0),
    )


def _status(area: float, z: float, alarm: float) -> Literal["stable", "warning", "alarm"]:
    if z <= CERTAIN or area < (0.5 + alarm) / 2:
        return "stable"
    return "alarm" if area >= alarm else "warning"


def _validated(codes: Codes, labels: NDArray[np.int8], seed: int) -> tuple[float, float, NDArray[np.float64]]:
    """Mean area of the folds, its standard error when nothing moved, and the columns' shares of the gain."""
    draw = np.random.default_rng(seed)
    fold = np.empty(labels.size, dtype=np.intp)
    for side in (0, 1):  # both sides in every fold
        rows = draw.permutation(np.flatnonzero(labels == side))
        fold[rows] = np.arange(rows.size) % FOLDS
    areas, variances, shares = [], [], np.zeros(codes.shape[1])
    for number in range(FOLDS):
        held = fold == number
        model = boosted.fit(codes[~held], labels[~held], BINS + 1)
        areas.append(roc_auc(labels[held], model.scores(codes[held])))
        ones = int(labels[held].sum())
        zeros = int(held.sum()) - ones
        variances.append((ones + zeros + 1) / (12 * ones * zeros))
        shares += model.shares() / FOLDS
    return float(np.mean(areas)), _SHARED * math.sqrt(sum(variances)) / FOLDS, shares


def _codes(reference: Array, current: Array) -> Codes:
    """The bin of each value of both sides: quantiles, or frequent values; the last bin is of missing ones."""
    both = np.concatenate([reference, current])
    if both.dtype == object:
        values = [value for value in both.tolist() if value is not None]
        names, counts = np.unique(np.array(values, dtype=str), return_counts=True)
        top = names[np.argsort(-counts, kind="stable")][: BINS - 1].tolist()
        places = {name: place for place, name in enumerate(top)}
        return np.array(
            [BINS if value is None else places.get(value, BINS - 1) for value in both.tolist()], dtype=np.intp
        )
    numbers = both.astype(np.float64)
    known = numbers[np.isfinite(numbers)]
    edges = np.unique(np.quantile(known, np.arange(1, BINS) / BINS)) if known.size else np.zeros(0)
    found = np.searchsorted(edges, numbers, side="right")
    return np.where(np.isnan(numbers), BINS, found).astype(np.intp)


def to_json(found: Domain) -> dict[str, Any]:
    names: Sequence[str] = [*found.__dataclass_fields__]
    document: dict[str, Any] = {name: getattr(found, name) for name in names}
    columns = [{"column": name, "share": share} for name, share in found.columns]
    return {**document, "columns": columns}
