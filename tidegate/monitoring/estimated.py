"""Quality estimated without labels from calibrated probabilities, and the licence to do so.

Pure. Were each probability right, the label of a row would be one with that chance: then the metric of a
window has a mean and a spread, whatever its labels turn out to be. That holds only while the probabilities
are calibrated and the world has not changed what they mean: measured labels always override it.

Source:
    NannyML, "Confidence-based Performance Estimation": expected true and false positives at each threshold.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.training.metrics import Labels, Metric, Predictions

BINS = 10
LARGEST_CALIBRATION_ERROR = 0.05
SIMULATIONS = 200
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Mean and 95 % range of the metric, or why there is none."""

    status: Literal["kept", "breach", "insufficient", "unlicensed"]
    reason: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None


def estimate(
    name: str,
    metric: Metric,
    predictions: Predictions,
    *,
    promised: float,
    margin: float,
    calibration: dict[str, Any] | None,
    minimum_rows: int,
    seed: int,
) -> Estimate:
    """What the metric of these predictions should be.

    Args:
        name: of the metric.
        predictions: probabilities, shape (n,) of a binary task or (n, k) of classes.
        promised: the metric at the evaluation; a breach is all of the range below it less `margin`.
        calibration: what `calibration` found at the evaluation.
    """
    if reason := unlicensed(calibration, margin):
        return Estimate(status="unlicensed", reason=reason)
    if len(predictions) < minimum_rows:
        return Estimate(status="insufficient", reason=f"{len(predictions)} of {minimum_rows} predictions")
    drawn = _simulated(metric, predictions, seed)
    if drawn.size == 0:
        return Estimate(status="insufficient", reason="the metric has no value on such predictions")
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    closed = expected(name, predictions)
    value = float(drawn.mean()) if closed is None else closed
    return Estimate(status="breach" if high < promised - margin else "kept", value=value, low=low, high=high)


def expected(name: str, p: Predictions) -> float | None:
    """The expected metric of labels that are 1 with probability p, shape (n,); None when no formula is known.

    Areas are those of the expected curves: NaN when no label, or every one, is expected to be 1.
    """
    if name == "accuracy" and p.ndim > 1:
        return float(p.max(axis=1).mean())
    if p.ndim > 1:
        return None
    if name == "neg_brier_score":
        return -float(np.mean(p * (1 - p)))
    if name == "neg_log_loss":
        inside = np.clip(p, np.finfo(np.float64).eps, 1 - np.finfo(np.float64).eps)
        return float(np.mean(p * np.log(inside) + (1 - p) * np.log1p(-inside)))
    if name not in ("roc_auc", "average_precision"):
        return None
    values, groups = np.unique(p, return_inverse=True)
    positives = np.bincount(groups, weights=p, minlength=values.size)
    negatives = np.bincount(groups, weights=1 - p, minlength=values.size)
    if positives.sum() == 0 or negatives.sum() == 0:
        return float("nan")
    if name == "roc_auc":
        below = np.cumsum(negatives) - negatives
        wins = np.sum(positives * (below + negatives / 2))
        return float(wins / (positives.sum() * negatives.sum()))
    told, right = np.cumsum((positives + negatives)[::-1]), np.cumsum(positives[::-1])
    return float(np.sum(right / told * positives[::-1]) / positives.sum())


def calibration_error(labels: Labels, predictions: Predictions) -> float:
    """Expected calibration error over ten bins of equal rows, in [0, 1]; of classes, of the most probable."""
    p, hit = predictions, labels
    if predictions.ndim > 1:
        p, hit = predictions.max(axis=1), predictions.argmax(axis=1) == labels
    bins = np.array_split(np.argsort(p, kind="stable"), min(BINS, len(p)))
    return float(sum(abs(p[rows].sum() - hit[rows].sum()) for rows in bins) / len(p))


def calibration(
    name: str, metric: Metric, labels: Labels, predictions: Predictions, *, seed: int
) -> dict[str, Any]:
    """What decides whether estimates are licensed: on labelled rows, their estimate beside the truth."""
    value = expected(name, predictions)
    drawn = _simulated(metric, predictions, seed)
    told = (float(drawn.mean()) if drawn.size else math.nan) if value is None else value
    spread = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]) if drawn.size else (told, told)
    figures = {"estimate": told, "low": float(spread[0]), "high": float(spread[1])}
    realised = metric(labels, predictions)
    return {
        "rows": len(labels),
        "expected_calibration_error": calibration_error(labels, predictions),
        "realised": realised if math.isfinite(realised) else None,
        **{key: value if math.isfinite(value) else None for key, value in figures.items()},
    }


def unlicensed(found: dict[str, Any] | None, margin: float) -> str:
    """Why estimates must not be made, or an empty text."""
    if found is None:
        return "the model's evaluation tells nothing of its calibration"
    error = found["expected_calibration_error"]
    if error > LARGEST_CALIBRATION_ERROR:
        return f"calibration error {error:.3f} of the evaluation, at most {LARGEST_CALIBRATION_ERROR} may be"
    realised, low, high = found["realised"], found["low"], found["high"]
    if realised is None or low is None or high is None:
        return "the metric has no value on the evaluation's rows"
    if not low - margin <= realised <= high + margin:
        return f"on the evaluation's rows {low:.4f} to {high:.4f} was expected, and {realised:.4f} came"
    return ""


def _simulated(metric: Metric, predictions: Predictions, seed: int) -> NDArray[np.float64]:
    """The metric of labels drawn from the probabilities, where it has a value."""
    draw = np.random.default_rng(seed)
    scores = []
    for _ in range(SIMULATIONS):
        chance = draw.random(len(predictions))
        if predictions.ndim > 1:
            beyond = predictions.cumsum(axis=1) < chance[:, None]
            labels: Labels = np.minimum(beyond.sum(axis=1), predictions.shape[1] - 1)
        else:
            labels = (chance < predictions).astype(np.int8)
        scores.append(metric(labels, predictions))
    drawn = np.array(scores)
    finite: NDArray[np.float64] = drawn[np.isfinite(drawn)]
    return finite
