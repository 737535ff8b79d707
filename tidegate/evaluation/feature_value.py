"""What each feature is worth: what the metric loses when it is shuffled, beside a shadow that tells nothing.

The shadow is the same column shuffled before the fit, in a model of twice as many columns. A feature whose
loss is no more than its own shadow's gives the model nothing but chances to err.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tidegate.evaluation.resampling import Floats
from tidegate.training.encoding import learnable

REPEATS = 5
SHADOW_ROWS = 20_000  # of training rows, the newest, that the model with shadows learns from

Predict = Callable[[Floats], Floats]
Score = Callable[[Floats], float]  # of predictions of the rows at hand


@dataclass(frozen=True, kw_only=True)
class FeatureValue:
    """Losses of the metric by shuffling, means of five; `deviation` between them."""

    feature: str
    loss: float
    deviation: float
    beside_shadow: float | None = None  # of the feature in the model with shadows
    shadow: float | None = None  # of its shadow

    @property
    def is_no_better_than_its_shadow(self) -> bool:
        return (
            self.shadow is not None
            and self.beside_shadow is not None
            and self.beside_shadow <= max(self.shadow, 0)
        )

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "no_better_than_shadow": self.is_no_better_than_its_shadow}


def losses(matrix: Floats, predict: Predict, score: Score, seed: int) -> Floats:
    """What the metric loses by shuffling each column: shape (columns, REPEATS).

    Args:
        matrix: shape (n, columns); every column is shuffled by the same five orders, so that features are
            compared on the same chances.
    """
    draw = np.random.default_rng(seed)
    orders = [draw.permutation(len(matrix)) for _ in range(REPEATS)]
    whole = score(predict(matrix))
    found = np.empty((matrix.shape[1], REPEATS))
    for column in range(matrix.shape[1]):
        shuffled = matrix.copy()
        for repeat, order in enumerate(orders):
            shuffled[:, column] = matrix[order, column]
            found[column, repeat] = whole - score(predict(shuffled))
    return found


def with_shadows(matrix: Floats, seed: int) -> Floats:
    """The columns and after them each one shuffled by an order of its own."""
    draw = np.random.default_rng(seed)
    return np.column_stack([matrix, *(column[draw.permutation(len(matrix))] for column in matrix.T)])


def refitted(estimator: Any, train: Floats, labels: Any, categorical: Sequence[int], seed: int) -> Any:
    """The same kind of model with the same parameters, learnt from features and their shadows."""
    from sklearn.base import clone

    train, labels = train[-SHADOW_ROWS:], labels[-SHADOW_ROWS:]
    model = clone(estimator)
    both = [*categorical, *(position + train.shape[1] for position in categorical)]
    if "categorical_features" in model.get_params() and categorical:
        model.set_params(categorical_features=both)
    return model.fit(learnable(with_shadows(train, seed), both), labels)


def values(names: Sequence[str], own: Floats, beside: Floats | None) -> tuple[FeatureValue, ...]:
    """By loss, the most valuable first.

    Args:
        own: of the candidate, shape (features, REPEATS).
        beside: of the model with shadows, shape (2 * features, REPEATS).
    """
    count = len(names)
    found = [
        FeatureValue(
            feature=name,
            loss=float(own[i].mean()),
            deviation=float(own[i].std(ddof=1)),
            beside_shadow=None if beside is None else float(beside[i].mean()),
            shadow=None if beside is None else float(beside[count + i].mean()),
        )
        for i, name in enumerate(names)
    ]
    return tuple(sorted(found, key=lambda each: -each.loss))
