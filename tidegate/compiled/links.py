"""From raw scores to predictions, and from probabilities to calibrated ones.

Pure standard library. Sums and exponentials are written in scikit-learn's order, so that most answers are
equal to the last bit.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from math import exp, inf, log, log1p
from typing import Any

Scores = list[float]
Link = Callable[[Scores], Scores]
EDGE = 1e-12  # logits are taken of probabilities this far from 0 and 1
LARGEST_EXPONENT = 709.782712893384  # exp of more is beyond float64, where Python raises and C says infinity


def logistic(score: float) -> float:
    """1 / (1 + exp(-score)), NaN for NaN."""
    return 0.0 if score < -LARGEST_EXPONENT else 1.0 / (1.0 + exp(-score))


def _each(scores: Scores) -> Scores:
    return [logistic(score) for score in scores]


def _each_doubled(scores: Scores) -> Scores:
    return [logistic(2.0 * score) for score in scores]


def _softmax(scores: Scores) -> Scores:
    highest = max(scores)
    powers = [exp(score - highest) for score in scores]
    total = sum(powers)
    return [power / total for power in powers]


def _one_against_rest(scores: Scores) -> Scores:
    return _shares(_each(scores))


def _clipped(scores: Scores) -> Scores:
    return [(min(max(score, -1.0), 1.0) + 1.0) / 2.0 for score in scores]


def _clipped_against_rest(scores: Scores) -> Scores:
    return _shares(_clipped(scores))


def _exponential(scores: Scores) -> Scores:
    return [inf if score > LARGEST_EXPONENT else exp(score) for score in scores]


def _identity(scores: Scores) -> Scores:
    return scores


def _shares(values: Scores) -> Scores:
    """Values over their sum; equal shares when all are 0."""
    total = sum(values)
    return [value / total for value in values] if total else [1.0 / len(values)] * len(values)


LINKS: Mapping[str, Link] = {
    "identity": _identity,
    "exponential": _exponential,
    "logistic": _each,
    "logistic_doubled": _each_doubled,  # of the exponential loss
    "softmax": _softmax,
    "one_against_rest": _one_against_rest,
    "clipped": _clipped,  # of the modified Huber loss
    "clipped_against_rest": _clipped_against_rest,
}
EACH = frozenset({"identity", "exponential", "logistic", "logistic_doubled", "clipped"})  # score by score


def isotonic(x: Sequence[float], y: Sequence[float]) -> Callable[[float], float]:
    """Linear between knots, constant outside of them; `x` ascends."""

    def at(value: float) -> float:
        if value != value:  # noqa: PLR0124  NaN stays NaN
            return value
        if value <= x[0]:
            return y[0]
        if value >= x[-1]:
            return y[-1]
        i = bisect_left(x, value)
        if x[i] == value:
            return y[i]
        return (y[i] - y[i - 1]) / (x[i] - x[i - 1]) * (value - x[i - 1]) + y[i - 1]

    return at


def calibrator(document: Mapping[str, Any]) -> Callable[[float], float]:
    """The function of a document.

    {"kind": "isotonic", "x": knots, "y": values}
    {"kind": "sigmoid", "a": a, "b": b}    1 / (1 + exp(a * score + b))
    {"kind": "platt", "a": a, "b": b}      the same of a probability's logit, kept EDGE away from 0 and 1
    """
    if document["kind"] == "isotonic":
        return isotonic(document["x"], document["y"])
    a, b = document["a"], document["b"]
    if document["kind"] == "sigmoid":
        return lambda score: logistic(-(a * score + b))
    return lambda probability: logistic(-(a * _logit(probability) + b))


def _logit(probability: float) -> float:
    p = min(max(probability, EDGE), 1.0 - EDGE)
    return log(p) - log1p(-p)
