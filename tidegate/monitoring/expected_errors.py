"""Quality of a regression estimated without labels, from a second model that tells how far off answers are.

Pure. The second model learned from features and answer how large the error was, on rows that the answering
model had not seen. Real errors scatter around what it expects; their ratios to it, from rows it had not seen
either, give an estimate its range. As with classes, the estimate holds only while answers mean what they
did, and only where the evaluation found it to be right.

Source:
    NannyML, "Direct Loss Estimation".
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tidegate.compiled.matrix import MatrixScorer
from tidegate.monitoring.estimated import CONFIDENCE, SIMULATIONS, Estimate

PREDICTION = "prediction"  # the last feature of the second model
RATIOS = 200  # quantiles of real over expected errors that are kept
Errors = NDArray[np.float64]
_POWERS = {"neg_mean_absolute_error": 1, "neg_root_mean_squared_error": 2}


def power(metric: str) -> int | None:
    """Which power of the absolute error the metric is a mean of; None of other metrics."""
    return _POWERS.get(metric)


@dataclass(frozen=True, kw_only=True)
class ErrorModel:
    """`scorer` answers the expected power of the error of a row."""

    metric: str
    scorer: MatrixScorer
    ratios: Sequence[float]  # real over expected, of mean 1, ascending
    floor: float  # no row is expected to be closer
    check: Mapping[str, Any] | None  # of the evaluation's test rows: estimate, low, high, realised

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """Of what the evaluation wrote.

        Raises:
            ArtefactError: the compiled model is of another format.
        """
        return cls(
            metric=document["metric"],
            scorer=MatrixScorer.load(document["model"]),
            ratios=document["ratios"],
            floor=document["floor"],
            check=document["check"],
        )

    def of_vectors(self, vectors: Sequence[Sequence[Any]], answers: Sequence[float]) -> Errors:
        """Expected errors of rows: features as the model saw them, and what it answered."""
        names = self.scorer.features[:-1]
        rows = [
            self.scorer.vector({**dict(zip(names, vector, strict=True)), PREDICTION: answer})
            for vector, answer in zip(vectors, answers, strict=True)
        ]
        return self.of_matrix(np.array(rows, dtype=np.float64).reshape(len(rows), len(names) + 1))

    def of_matrix(self, matrix: NDArray[np.float64]) -> Errors:
        return np.maximum(self.scorer.many(matrix), self.floor)

    def metric_of(self, errors: Errors) -> float:
        mean = float(errors.mean())
        return -mean if power(self.metric) == 1 else -math.sqrt(mean)

    def simulated(self, expected: Errors, seed: int) -> Errors:
        """The metric of errors scattered around what is expected, shape (SIMULATIONS,)."""
        draw = np.random.default_rng(seed)
        ratios = np.array(self.ratios)
        return np.array(
            [self.metric_of(expected * draw.choice(ratios, len(expected))) for _ in range(SIMULATIONS)]
        )

    def range_of(self, expected: Errors, seed: int) -> tuple[float, float, float]:
        """Estimate, low and high end of its 95 % range."""
        ends = [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]
        low, high = np.quantile(self.simulated(expected, seed), ends).tolist()
        return self.metric_of(expected), low, high


def scatter(real: Errors, expected: Errors) -> list[float]:
    """Ratios of real to expected errors at even quantiles, scaled to a mean of 1."""
    ratios = np.quantile(real / expected, (np.arange(RATIOS) + 0.5) / RATIOS)
    mean = float(ratios.mean())
    scaled: list[float] = (ratios / mean if mean else np.ones(RATIOS)).tolist()
    return scaled


def unlicensed(model: ErrorModel | None, metric: str, margin: float) -> str:
    """Why estimates must not be made, or an empty text."""
    if power(metric) is None:
        return f"no way is known to estimate {metric} without labels"
    if model is None or model.metric != metric or model.check is None:
        return f"the model's evaluation kept no model of its errors for {metric}"
    low, high, realised = (model.check[name] for name in ("low", "high", "realised"))
    if not low - margin <= realised <= high + margin:
        return f"on the evaluation's rows {low:.4f} to {high:.4f} was expected, and {realised:.4f} came"
    return ""


def estimate(
    model: ErrorModel | None,
    metric: str,
    vectors: Sequence[Sequence[Any]],
    answers: Sequence[float],
    *,
    promised: float,
    margin: float,
    minimum_rows: int,
    seed: int,
) -> Estimate:
    """What the metric of these answers should be; see `tidegate.monitoring.estimated.estimate`."""
    if reason := unlicensed(model, metric, margin):
        return Estimate(status="unlicensed", reason=reason)
    if model is None or len(answers) < minimum_rows:
        return Estimate(status="insufficient", reason=f"{len(answers)} of {minimum_rows} predictions")
    value, low, high = model.range_of(model.of_vectors(vectors, answers), seed)
    return Estimate(status="breach" if high < promised - margin else "kept", value=value, low=low, high=high)
