"""Metrics of a binary classifier's probabilities; of every one, more is better."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int8]
Probabilities = NDArray[np.float64]
Metric = Callable[[Labels, Probabilities], float]


def named(name: str) -> Metric:
    """The metric of that name in `training.metric`."""
    return {"roc_auc": roc_auc, "average_precision": average_precision, "neg_log_loss": neg_log_loss}[name]


def roc_auc(labels: Labels, probabilities: Probabilities) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half. NaN when a class is missing."""
    positives = int(labels.sum())
    negatives = labels.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    order = np.argsort(probabilities, kind="stable")
    ordered = probabilities[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, ordered.size])
    ranks = np.empty(ordered.size)
    ranks[order] = np.repeat(starts + (sizes + 1) / 2, sizes)
    rank_sum = ranks[labels == 1].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: Labels, probabilities: Probabilities) -> float:
    """Precision summed over steps of recall, one threshold a distinct value. NaN without positives."""
    positives = int(labels.sum())
    if positives == 0:
        return float("nan")
    order = np.argsort(-probabilities, kind="stable")
    ordered = probabilities[order]
    last_of_value = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
    hits = np.cumsum(labels[order])[last_of_value]
    precision = hits / (last_of_value + 1)
    return float(np.sum(np.diff(np.r_[0, hits]) * precision) / positives)


def neg_log_loss(labels: Labels, probabilities: Probabilities) -> float:
    """Mean log likelihood in nats; probabilities are kept a rounding error away from 0 and 1."""
    edge = np.finfo(np.float64).eps
    p = np.clip(probabilities, edge, 1 - edge)
    return float(np.mean(np.where(labels == 1, np.log(p), np.log1p(-p))))


def summary(labels: Labels, probabilities: Probabilities) -> dict[str, Any]:
    """All of them, and the calibration in the large: mean prediction against the positive rate."""
    return {
        "roc_auc": roc_auc(labels, probabilities),
        "average_precision": average_precision(labels, probabilities),
        "neg_log_loss": neg_log_loss(labels, probabilities),
        "brier": float(np.mean((probabilities - labels) ** 2)),
        "mean_prediction": float(probabilities.mean()),
        "positive_rate": float(labels.mean()),
    }
