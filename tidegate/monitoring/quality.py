"""Realised quality of labelled predictions, with intervals, against what the evaluation promised.

Pure. Rows of one day share their weather, so days are resampled where there are enough of them; rows
otherwise, and the result says which.
"""

import math
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.monitoring.ground_truth import Joined, Labelled
from tidegate.training.metrics import Labels, Metric, Predictions
from tidegate.training.task import Task

CONFIDENCE = 0.95
DAY_SECONDS = 86400
FEWEST_DAYS = 7  # of blocks: percentile intervals of fewer are far too narrow
LARGEST_SLICES = 5  # values of a column that get a row of their own
MEASURED = 1000  # sets of rows whose quality is remembered: those of a look at 200 windows, and more
Status = Literal["kept", "breach", "insufficient", "suspicious"]  # the labels, that is


@dataclass(frozen=True, kw_only=True)
class Realised:
    """A metric of `rows` labelled predictions; None where it has no value, as with a single class."""

    rows: int
    status: Status
    value: float | None = None
    low: float | None = None
    high: float | None = None
    resampled: Literal["days", "rows"] | None = None


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What the champion's evaluation measured, and how much less is no breach."""

    metric: float
    margin: float
    minimum_rows: int
    replicates: int
    seed: int


class Measured:
    """What a metric came to on which rows, the latest of it: the same rows are resampled once.

    One look asks for some rows under several names, and the next look for most of them again.
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._found: OrderedDict[bytes, Realised] = OrderedDict()

    def realised(self, task: Task, labelled: Sequence[Labelled], promise: Promise) -> Realised:
        """The metric with its 95 % interval; all of it below the promise, less the margin, is a breach."""
        known = [each for each in labelled if task.name != "multiclass" or each.outcome in task.classes]
        if len(known) < promise.minimum_rows:
            return Realised(rows=len(known), status="insufficient")
        labels, predictions = arrays(task, known)
        moments = np.array([each.prediction.at for each in known])
        rows = sha256(repr((task, promise)).encode())
        for each in (labels, predictions, moments):
            rows.update(each.tobytes())
        key = rows.digest()
        found = self._found.pop(key, None) or _realised(self._metric, labels, predictions, moments, promise)
        self._found[key] = found
        if len(self._found) > MEASURED:
            self._found.popitem(last=False)
        return found


def _realised(
    metric: Metric, labels: Labels, predictions: Predictions, moments: NDArray[np.float64], promise: Promise
) -> Realised:
    value = metric(labels, predictions)
    drawn, resampled = _resampled(metric, labels, predictions, moments, promise)
    if not math.isfinite(value) or drawn.size == 0:
        return Realised(rows=len(labels), status="insufficient")
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    status: Status = "breach" if high < promise.metric - promise.margin else "kept"
    return Realised(rows=len(labels), status=status, value=value, low=low, high=high, resampled=resampled)


def slices(labelled: Sequence[Labelled]) -> Iterator[tuple[str, str, list[Labelled]]]:
    """Column, value and rows of the most frequent values of each text column."""
    columns = sorted({name for each in labelled for name in each.prediction.slices})
    for column in columns:
        counts = Counter(each.prediction.slices.get(column) for each in labelled)
        counts.pop(None, None)
        for value, _ in sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))[:LARGEST_SLICES]:
            rows = [each for each in labelled if each.prediction.slices.get(column) == value]
            yield column, str(value), rows


def labels_told(joined: Sequence[Joined]) -> dict[str, Any]:
    """Coverage and lag of labels over windows; lags in seconds, None without any."""
    predictions = sum(each.predictions for each in joined)
    labelled = sum(len(each.labelled) for each in joined)
    lags = np.array([lag for each in joined for lag in each.lags])
    middle, late = np.quantile(lags, [0.5, 0.95]).tolist() if lags.size else (None, None)
    return {
        "predictions": predictions,
        "labelled": labelled,
        "coverage": labelled / predictions if predictions else None,
        "contradicted": sum(each.contradicted for each in joined),
        "early": sum(each.early for each in joined),
        "lag_median_seconds": middle,
        "lag_95_seconds": late,
    }


def arrays(task: Task, labelled: Sequence[Labelled]) -> tuple[Labels, Predictions]:
    """Labels and predictions, shaped as `tidegate.training.task` has them."""
    kind: Any = object if task.name == "multiclass" else np.float64
    labels = task.labels(np.array([each.outcome for each in labelled], dtype=kind))
    return labels, answered(task, [each.prediction.answer for each in labelled])


def answered(task: Task, answers: Sequence[Any]) -> Predictions:
    """Predictions of answers, shaped as `tidegate.training.task` has them."""
    if task.name == "multiclass":
        return np.array([[each["probabilities"][name] for name in task.classes] for each in answers])
    name = "probability" if task.name == "binary" else "value"
    return np.array([each[name] for each in answers], dtype=np.float64)


def _resampled(
    metric: Metric, labels: Labels, predictions: Predictions, moments: NDArray[np.float64], promise: Promise
) -> tuple[NDArray[np.float64], Literal["days", "rows"]]:
    """The metric of each replicate that has one."""
    draw = np.random.default_rng(promise.seed)
    days = np.floor(moments / DAY_SECONDS)
    blocks = [np.flatnonzero(days == day) for day in np.unique(days)]
    by_days = len(blocks) >= FEWEST_DAYS
    count = len(blocks) if by_days else len(labels)
    pick: Callable[[NDArray[np.int64]], NDArray[np.int64]] = (
        (lambda drawn: np.concatenate([blocks[i] for i in drawn])) if by_days else (lambda drawn: drawn)
    )
    scores = []
    for _ in range(promise.replicates):
        rows = pick(draw.integers(0, count, count))
        scores.append(metric(labels[rows], predictions[rows]))
    drawn = np.array(scores)
    return drawn[np.isfinite(drawn)], "days" if by_days else "rows"
