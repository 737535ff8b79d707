"""Metrics of predictions; of every one, more is better. Named as scikit-learn names its scorers.

Labels and predictions are shaped as `tidegate.training.task` has them.
"""

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import ConfigError
from tidegate.settings.config import METRICS

Labels = NDArray[Any]  # int8 0 and 1; codes of classes; float64
Predictions = NDArray[np.float64]
Metric = Callable[[Labels, Predictions], float]


def named(name: str, folder: Path | None = None) -> Metric:
    """The metric of that name in `training.metric`, or what an import path names.

    Args:
        name: of this module; `package.module.function`; or `file.py:function`, the file in `folder`.

    Raises:
        ConfigError: there is no such function.
    """
    if name in _METRICS:
        return _METRICS[name]
    try:
        if ".py:" in name:
            file, _, attribute = name.partition(":")
            scope: dict[str, Any] = {"__name__": f"tidegate_metric_{Path(file).stem}"}
            path = (folder or Path()) / file
            exec(compile(path.read_text(encoding="utf-8"), str(path), "exec"), scope)  # noqa: S102  the user's own
            found = scope[attribute]
        else:
            module, _, attribute = name.rpartition(".")
            found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, KeyError, OSError, SyntaxError, ValueError) as cause:
        raise ConfigError(
            f"`training.metric` {name} cannot be imported", cause=f"{type(cause).__name__}: {cause}"
        ) from cause
    if not callable(found):
        raise ConfigError(f"`training.metric` {name} is no function")
    metric: Metric = found
    return metric


def roc_auc(labels: Labels, predictions: Predictions) -> float:
    """Area under the ROC curve by ranks (Mann-Whitney), ties counted half. NaN when a class is missing."""
    positives = int(labels.sum())
    negatives = labels.size - positives
    if positives == 0 or negatives == 0:
        return float("nan")
    order = np.argsort(predictions, kind="stable")
    ordered = predictions[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, ordered.size])
    ranks = np.empty(ordered.size)
    ranks[order] = np.repeat(starts + (sizes + 1) / 2, sizes)
    rank_sum = ranks[labels == 1].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: Labels, predictions: Predictions) -> float:
    """Precision summed over steps of recall, one threshold a distinct value. NaN without positives."""
    positives = int(labels.sum())
    if positives == 0:
        return float("nan")
    order = np.argsort(-predictions, kind="stable")
    ordered = predictions[order]
    last_of_value = np.flatnonzero(np.r_[ordered[1:] != ordered[:-1], True])
    hits = np.cumsum(labels[order])[last_of_value]
    precision = hits / (last_of_value + 1)
    return float(np.sum(np.diff(np.r_[0, hits]) * precision) / positives)


def neg_log_loss(labels: Labels, predictions: Predictions) -> float:
    """Mean log likelihood in nats; probabilities are kept a rounding error away from 0 and 1."""
    edge = np.finfo(np.float64).eps
    if predictions.ndim > 1:
        told = np.clip(predictions / predictions.sum(axis=1, keepdims=True), edge, 1 - edge)
        return float(np.mean(np.log(told[np.arange(labels.size), labels])))
    p = np.clip(predictions, edge, 1 - edge)
    return float(np.mean(np.where(labels == 1, np.log(p), np.log1p(-p))))


def neg_brier_score(labels: Labels, predictions: Predictions) -> float:
    """Minus the mean squared distance of a probability from what happened."""
    return -float(np.mean((predictions - labels) ** 2))


def accuracy(labels: Labels, predictions: Predictions) -> float:
    """Share of rows whose most probable class is theirs; of equals the first."""
    return float(np.mean(predictions.argmax(axis=1) == labels))


def balanced_accuracy(labels: Labels, predictions: Predictions) -> float:
    """Mean over the classes that occur of the share of their rows that was told right."""
    told, classes = predictions.argmax(axis=1), predictions.shape[1]
    rows = np.bincount(labels, minlength=classes)
    right = np.bincount(labels[told == labels], minlength=classes)
    return float(np.mean(right[rows > 0] / rows[rows > 0]))


def f1_macro(labels: Labels, predictions: Predictions) -> float:
    """Mean over the classes that occur or were told of the harmonic mean of precision and recall."""
    told, classes = predictions.argmax(axis=1), predictions.shape[1]
    rows, answers = np.bincount(labels, minlength=classes), np.bincount(told, minlength=classes)
    right = np.bincount(labels[told == labels], minlength=classes)
    seen = rows + answers > 0
    return float(np.mean(2 * right[seen] / (rows + answers)[seen]))


def neg_mean_absolute_error(labels: Labels, predictions: Predictions) -> float:
    return -float(np.mean(np.abs(predictions - labels)))


def neg_root_mean_squared_error(labels: Labels, predictions: Predictions) -> float:
    return -float(np.sqrt(np.mean((predictions - labels) ** 2)))


def r2(labels: Labels, predictions: Predictions) -> float:
    """Share of the labels' variance that is explained; below 0 for worse than their mean. NaN without any."""
    spread = float(np.sum((labels - labels.mean()) ** 2))
    return 1 - float(np.sum((predictions - labels) ** 2)) / spread if spread else float("nan")


def summary(task: str, labels: Labels, predictions: Predictions) -> dict[str, Any]:
    """Every metric of the task, and how the predictions are centred against the labels."""
    found: dict[str, Any] = {name: _METRICS[name](labels, predictions) for name in METRICS[task]}
    if task != "multiclass":
        found |= {"mean_prediction": float(predictions.mean()), "mean_label": float(labels.mean())}
    return found


_METRICS: dict[str, Metric] = {
    metric.__name__: metric
    for metric in (
        roc_auc,
        average_precision,
        neg_log_loss,
        neg_brier_score,
        accuracy,
        balanced_accuracy,
        f1_macro,
        neg_mean_absolute_error,
        neg_root_mean_squared_error,
        r2,
    )
}
