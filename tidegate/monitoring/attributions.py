"""What the model's answers rest on, and whether it is still what they rested on in training.

Pure. The attribution of a feature is how far the answer moves, on average, when that feature alone takes the
value of a training row. It asks only for predictions, so a compiled model and scikit-learn's are measured
alike, and calibrated answers are what is explained. Path contributions would need the rows each node of a
tree saw in training, which a compiled model does not keep. A feature that moves an answer only together with
others is seen with what it does beside their actual values.

Source:
    SageMaker Clarify, "Monitor feature attribution drift": normalised discounted cumulative gain of the
    features in their order now, with their attributions in training as gains; below 0.90 is drift.
"""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from tidegate.training.metrics import Predictions

ROWS = 500  # that are asked of the model, features + 1 times for each of
DRAWS = 2  # training rows for each

Matrix = NDArray[np.float64]


def attributions(
    matrix: Matrix, background: Matrix, predict: Callable[[Matrix], Predictions], seed: int
) -> NDArray[np.float64]:
    """Mean absolute change of the answer by each feature, shape (features,).

    Of classes it is half the sum over them: the share of probability that moved.

    Args:
        matrix: rows to explain, encoded, shape (n, features), n >= 1; the first ROWS are taken.
        background: training rows that values are taken from, shape (m, features), m >= 1.
        predict: as tidegate.prediction.of_matrix does.
    """
    rows = matrix[:ROWS]
    draw = np.random.default_rng(seed)
    given = predict(rows)
    found = np.zeros(rows.shape[1])
    for _ in range(DRAWS):
        others = background[draw.integers(0, len(background), len(rows))]
        for column in range(rows.shape[1]):
            changed = rows.copy()
            changed[:, column] = others[:, column]
            found[column] += float(_moved(given, predict(changed)).mean()) / DRAWS
    return found


def _moved(one: Predictions, other: Predictions) -> NDArray[np.float64]:
    apart = np.abs(one - other)
    return np.asarray(apart if apart.ndim == 1 else apart.sum(axis=1) / 2)


def drift(trained: Mapping[str, float], now: Mapping[str, float]) -> float | None:
    """1 - NDCG of the features as they rank now, in [0, 1]; None when nothing had an attribution in training.

    Features that only one side has are left out. Of equals the first in `trained` comes first.
    """
    names = [name for name in trained if name in now]
    ideal = _gain([trained[name] for name in sorted(names, key=lambda name: -trained[name])])
    ranked = sorted(names, key=lambda name: -now[name])
    return 1 - _gain([trained[name] for name in ranked]) / ideal if ideal else None


def _gain(attributions: list[float]) -> float:
    return float(sum(value / np.log2(place + 2) for place, value in enumerate(attributions)))
