"""Probabilities that mean what they say: a map from a binary model's answer to the share it was right.

Pure: learnt from held-out answers, kept as a small JSON document, applied alike in evaluation and serving.
sklearn would do; a document that anything can compute needs no pickle and no sklearn to serve.
"""

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[Any]
Document = Mapping[str, Any]
Kind = Literal["none", "auto", "isotonic", "platt"]

ISOTONIC_CASES = 1000  # of the rarer class; below it steps follow noise
PLATT_CASES = 50
EDGE = 1e-12  # logits are taken of probabilities this far from 0 and 1
_STEPS = 100
_TOLERANCE = 1e-10


def fitted(kind: Kind, labels: Labels, probabilities: Floats) -> dict[str, Any] | None:
    """The document of a map learnt from held-out rows; None for `none`, or where too few tell anything.

    Args:
        kind: `auto` takes isotonic from 1,000 rows of the rarer class, Platt from 50, else none.
        probabilities: shape (n,), of a model that has not seen these rows.
    """
    cases = min(int((labels == 1).sum()), int((labels != 1).sum()))
    if kind == "none" or cases == 0 or (kind == "auto" and cases < PLATT_CASES):
        return None
    if kind == "isotonic" or (kind == "auto" and cases >= ISOTONIC_CASES):
        return isotonic(labels, probabilities)
    return platt(labels, probabilities)


def apply(document: Document | None, probabilities: Floats) -> Floats:
    """Calibrated probabilities, shape (n,); without a document as they are."""
    if document is None:
        return probabilities
    if document["kind"] == "isotonic":
        found: Floats = np.interp(probabilities, document["x"], document["y"])
        return found
    return _sigmoid(-(document["a"] * logit(probabilities) + document["b"]))


def logit(probabilities: Floats) -> Floats:
    p = np.clip(probabilities, EDGE, 1 - EDGE)
    found: Floats = np.log(p) - np.log1p(-p)
    return found


def isotonic(labels: Labels, probabilities: Floats) -> dict[str, Any]:
    """The rising step function nearest to the labels, by pooling adjacent violators, as knots of a polyline.

    Equal scores are one point; only the ends of each step are kept, which changes nothing.
    """
    x, inverse, counts = np.unique(probabilities, return_inverse=True, return_counts=True)
    shares = np.bincount(inverse, weights=labels == 1) / counts
    means: list[float] = []
    weights: list[float] = []
    sizes: list[int] = []
    for share, count in zip(shares.tolist(), counts.tolist(), strict=True):
        mean, weight, size = share, float(count), 1
        while means and means[-1] >= mean:
            before, size = weights.pop(), size + sizes.pop()
            mean = (means.pop() * before + mean * weight) / (before + weight)
            weight += before
        means.append(mean)
        weights.append(weight)
        sizes.append(size)
    ends = np.cumsum(sizes) - 1
    starts = ends - np.array(sizes) + 1
    knots = [
        (x[at], mean)
        for pair, mean in zip(zip(starts, ends, strict=True), means, strict=True)
        for at in dict.fromkeys(pair)
    ]
    return {"kind": "isotonic", "x": [float(k) for k, _ in knots], "y": [float(m) for _, m in knots]}


def platt(labels: Labels, probabilities: Floats) -> dict[str, Any]:
    """The a and b of 1 / (1 + exp(a * logit(p) + b)) of greatest likelihood, labels kept short of 0 and 1.

    Source:
        Platt (1999); Lin, Lin and Weng (2007), A Note on Platt's Probabilistic Outputs: targets
        (positives + 1) / (positives + 2) and 1 / (negatives + 2), Newton's method with halved steps.
    """
    scores = logit(probabilities)
    positives = int((labels == 1).sum())
    negatives = labels.size - positives
    target = np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    a, b = 0.0, math.log((negatives + 1) / (positives + 1))
    loss = _platt_loss(a, b, scores, target)
    for _ in range(_STEPS):
        p = _sigmoid(-(a * scores + b))
        slope, weight = target - p, p * (1 - p)
        gradient = np.array([(slope * scores).sum(), slope.sum()])
        if np.abs(gradient).max() < _TOLERANCE * labels.size:
            break
        cross = (weight * scores).sum()
        hessian = np.array([[(weight * scores**2).sum(), cross], [cross, weight.sum()]])
        step = np.linalg.solve(hessian + 1e-12 * np.eye(2), -gradient)
        size = 1.0
        while size > _TOLERANCE:
            tried = a + size * float(step[0]), b + size * float(step[1])
            if (now := _platt_loss(*tried, scores, target)) < loss:
                (a, b), loss = tried, now
                break
            size /= 2
        else:
            break
    return {"kind": "platt", "a": a, "b": b}


def _platt_loss(a: float, b: float, scores: Floats, target: Floats) -> float:
    """Negative log likelihood; log(1 + exp(z)) - (1 - t) z in a form that does not overflow."""
    z = a * scores + b
    return float((np.logaddexp(0, z) - (1 - target) * z).sum())


def _sigmoid(z: Floats) -> Floats:
    found: Floats = np.where(
        z >= 0, 1 / (1 + np.exp(-np.abs(z))), np.exp(-np.abs(z)) / (1 + np.exp(-np.abs(z)))
    )
    return found
