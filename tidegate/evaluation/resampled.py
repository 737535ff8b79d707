"""A metric in every draw of days at once, exactly as if the rows of those days had been put together.

A row counts as often as its day was drawn, so nothing is sorted twice: the area under the ROC curve is a
quadratic form in the draws, means are quotients of two products, average precision is sorted once. A metric
that is not known here is computed on the rows themselves: the same figure, slower.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.evaluation.resampling import Days, Draws, Floats

Labels = np.ndarray[Any, Any]
Score = Callable[[Any, Floats], float]
_CELLS = 2_000_000  # of one array that is held at a time


@dataclass(frozen=True)
class Scorer:
    """A metric by its name; `metric` itself is called for points, and where there is no faster way."""

    name: str
    metric: Score

    def value(self, labels: Labels, predictions: Floats) -> float:
        return self.metric(labels, predictions)

    def drawn(self, labels: Labels, predictions: Floats, draws: Draws) -> Floats:
        """Shape (replicates,); NaN where a draw cannot be scored.

        Args:
            predictions: shape (n,) or (n, k).
        """
        if self.name == "roc_auc" and predictions.ndim == 1:
            return _roc_auc(labels, predictions, draws)
        if self.name == "average_precision" and predictions.ndim == 1:
            return _average_precision(labels, predictions, draws)
        if self.name in PER_ROW:
            return draws.means(PER_ROW[self.name](labels, predictions))
        if self.name == "neg_root_mean_squared_error":
            return -np.sqrt(draws.means((predictions - labels) ** 2))
        if self.name == "r2":
            return _r2(labels, predictions, draws)
        if self.name in PER_CLASS:
            return PER_CLASS[self.name](*_by_class(labels, predictions, draws))
        return by_rows(self.metric, labels, predictions, draws)


def _roc_auc(labels: Labels, scores: Floats, draws: Draws) -> Floats:
    positive = labels == 1
    wins, counts = pair_wins(positive, scores, draws.days), draws.counts
    pairs = draws.totals(positive.astype(np.float64)) * draws.totals((~positive).astype(np.float64))
    with np.errstate(invalid="ignore"):
        found: Floats = ((counts @ wins) * counts).sum(axis=1) / pairs
    return found


def pair_wins(positive: np.ndarray[Any, Any], scores: Floats, days: Days) -> Floats:
    """Pairs of a positive of day a and a negative of day b in which the positive scores higher, ties half.

    Returns:
        shape (count, count); all pairs of a draw d are d' W d, so one matrix serves every draw.
    """
    values, codes = np.unique(scores, return_inverse=True)
    day, code = days.codes[positive], codes[positive]
    wins = np.empty((days.count, days.count))
    for other in range(days.count):
        rows = ~positive & (days.codes == other)
        at = np.bincount(codes[rows], minlength=values.size)
        below = np.cumsum(at) - at / 2
        wins[:, other] = np.bincount(day, weights=below[code], minlength=days.count)
    return wins


def _average_precision(labels: Labels, scores: Floats, draws: Draws) -> Floats:
    order = np.argsort(-scores, kind="stable")
    ordered, hit, day = scores[order], labels[order] == 1, draws.days.codes[order]
    last = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
    found = np.empty(len(draws.counts))
    step = max(1, _CELLS // max(1, scores.size))
    for start in range(0, len(draws.counts), step):
        weights = draws.counts[start : start + step, day]
        taken = np.cumsum(weights, axis=1)[:, last]
        hits = np.cumsum(weights * hit, axis=1)[:, last]
        with np.errstate(invalid="ignore", divide="ignore"):
            precision = np.where(taken > 0, hits / taken, 0.0)
            gained = np.diff(hits, axis=1, prepend=0.0)
            found[start : start + step] = (gained * precision).sum(axis=1) / hits[:, -1]
    return found


def by_rows(metric: Score, labels: Labels, predictions: Floats, draws: Draws) -> Floats:
    """The metric on the rows of each draw put together: what every faster way must equal."""
    found = np.empty(len(draws.counts))
    for position, counts in enumerate(draws.counts):
        rows = np.repeat(np.arange(labels.size), counts[draws.days.codes].astype(np.intp))
        found[position] = metric(labels[rows], predictions[rows])
    return found


def _r2(labels: Labels, predictions: Floats, draws: Draws) -> Floats:
    centred = labels - labels.mean()  # the same spread, and no digits lost to a large mean
    rows = draws.totals(np.ones(labels.size))
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = draws.totals(centred**2) - draws.totals(centred) ** 2 / rows
        found: Floats = np.where(spread > 0, 1 - draws.totals((predictions - labels) ** 2) / spread, np.nan)
    return found


def _by_class(labels: Labels, predictions: Floats, draws: Draws) -> tuple[Floats, Floats, Floats]:
    """Of each class in each draw its rows, its answers and its right answers: shape (replicates, k)."""
    told, classes = predictions.argmax(axis=1), range(predictions.shape[1])

    def totals(held: "np.ndarray[Any, np.dtype[np.bool_]]") -> Floats:
        return draws.totals(held.astype(np.float64))

    rows = np.column_stack([totals(labels == each) for each in classes])
    answers = np.column_stack([totals(told == each) for each in classes])
    right = np.column_stack([totals((told == each) & (labels == each)) for each in classes])
    return rows, answers, right


def _balanced_accuracy(rows: Floats, answers: Floats, right: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.nansum(right / rows, axis=1) / (rows > 0).sum(axis=1)
    return found


def _f1_macro(rows: Floats, answers: Floats, right: Floats) -> Floats:
    seen = rows + answers
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.nansum(2 * right / seen, axis=1) / (seen > 0).sum(axis=1)
    return found


def log_likelihood(labels: Labels, predictions: Floats) -> Floats:
    """Of each row, in nats; probabilities are kept a rounding error away from 0 and 1."""
    edge = np.finfo(np.float64).eps
    if predictions.ndim > 1:
        told = np.clip(predictions / predictions.sum(axis=1, keepdims=True), edge, 1 - edge)
        of_label: Floats = np.log(told[np.arange(labels.size), labels])
        return of_label
    p = np.clip(predictions, edge, 1 - edge)
    found: Floats = np.where(labels == 1, np.log(p), np.log1p(-p))
    return found


PER_ROW: Mapping[str, Callable[[Labels, Floats], Floats]] = {
    "neg_log_loss": log_likelihood,
    "neg_brier_score": lambda labels, predictions: -((predictions - labels) ** 2),
    "accuracy": lambda labels, predictions: (predictions.argmax(axis=1) == labels).astype(np.float64),
    "neg_mean_absolute_error": lambda labels, predictions: -np.abs(predictions - labels),
}
PER_CLASS = {"balanced_accuracy": _balanced_accuracy, "f1_macro": _f1_macro}
