"""Scores of one configuration on rows it has not seen, and of the whole search by nested folds."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate import metrics
from tidegate.config import TrainingSection
from tidegate.encoding import Encoding
from tidegate.errors import InsufficientDataError
from tidegate.estimators import build
from tidegate.features import Array
from tidegate.metrics import Labels
from tidegate.splits import Fold, Timeline, folds
from tidegate.tuning import draw

Columns = Mapping[str, Array]


def scores(
    training: TrainingSection,
    given: Mapping[str, str],
    columns: Columns,
    labels: Labels,
    sides: Sequence[Fold],
) -> list[float]:
    """The metric of each fold; encodings are fitted inside it.

    Raises:
        InsufficientDataError: no fold has both classes on both sides.
    """
    found = [_score(training, given, columns, labels, fold) for fold in sides]
    finite = [score for score in found if math.isfinite(score)]
    check(finite, training, labels, sides)
    return finite


def check(finite: Sequence[float], training: TrainingSection, labels: Labels, sides: Sequence[Fold]) -> None:
    """Raise InsufficientDataError when no fold has a score."""
    if not finite:
        raise InsufficientDataError(
            f"none of {training.folds} folds can be scored",
            cause=f"{len(labels)} rows in {len(sides)} folds by {training.split}, "
            f"a gap of at least {training.gap_hours:g} hours",
            hint="deliver more data, or lower training.folds or training.gap_hours",
        )


def nested(
    training: TrainingSection, columns: Columns, rows: Timeline, sides: Sequence[Fold], gap_seconds: float
) -> dict[str, Any]:
    """What a search reaches on rows that it did not choose by: the honest estimate.

    In each fold, `training.nested_trials` configurations drawn at random from the search space are compared
    by folds of the rows learnt from; the best of them is fitted on all of those and scored on the rows
    validated on. `optimism` is how much better the chosen looked inside.
    """
    trials = draw(training, training.nested_trials)
    outer, inner = [], []
    for fold in sides:
        within = folds(training, rows.of(fold.learn), gap_seconds)
        mine, labels = of(columns, fold.learn), rows.labels[fold.learn]
        found = [[_score(training, trial, mine, labels, each) for each in within] for trial in trials]
        means = [float(np.nanmean(each)) if np.isfinite(each).any() else -math.inf for each in found]
        best = int(np.argmax(means)) if means else 0
        score = _score(training, trials[best], columns, rows.labels, fold)
        if math.isfinite(score) and math.isfinite(means[best]):
            outer.append(score)
            inner.append(means[best])
    if not outer:
        raise InsufficientDataError(
            "no nested fold can be scored",
            cause=f"{rows.labels.size} rows, {training.folds} folds inside {training.folds} folds",
            hint="deliver more data, or set training.nested_trials to 0",
        )
    return {"trials": len(trials), "scores": outer, "optimism": float(np.mean(inner) - np.mean(outer))}


def fit(
    training: TrainingSection, given: Mapping[str, str], columns: Columns, labels: Labels
) -> tuple[Encoding, Any]:
    encoding = Encoding.fit(columns)
    estimator = build(training, given, encoding.categorical)
    return encoding, estimator.fit(encoding.matrix(columns), labels)


def of(columns: Columns, rows: np.ndarray[Any, Any]) -> dict[str, Array]:
    return {name: column[rows] for name, column in columns.items()}


def _score(
    training: TrainingSection, given: Mapping[str, str], columns: Columns, labels: Labels, fold: Fold
) -> float:
    """NaN where a side has one class only."""
    if np.unique(labels[fold.learn]).size == 1:
        return math.nan
    encoding, estimator = fit(training, given, of(columns, fold.learn), labels[fold.learn])
    predicted = estimator.predict_proba(encoding.matrix(of(columns, fold.validate)))[:, 1]
    return metrics.named(training.metric)(labels[fold.validate], predicted)
