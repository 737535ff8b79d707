"""Scores of one configuration on rows it has not seen, and of the whole search by nested folds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.errors import InsufficientDataError
from tidegate.features import Array
from tidegate.settings.config import TrainingSection
from tidegate.training.encoding import Encoding, learnable
from tidegate.training.estimators import build
from tidegate.training.metrics import Labels, Metric
from tidegate.training.splits import Fold, Timeline, folds
from tidegate.training.task import Task
from tidegate.training.tuning import draw

Columns = Mapping[str, Array]
Given = Mapping[str, str]  # tuned values as text


@dataclass(frozen=True)
class Learner:
    """How a configuration is fitted and what counts as good."""

    training: TrainingSection
    task: Task
    metric: Metric

    def fit(self, given: Given, columns: Columns, labels: Labels) -> tuple[Encoding, Any]:
        encoding = Encoding.fit(columns)
        estimator = build(self.training, given, encoding.categorical)
        matrix = learnable(encoding.matrix(columns), encoding.categorical)
        return encoding, estimator.fit(matrix, labels)

    def score(self, given: Given, columns: Columns, labels: Labels, fold: Fold) -> float:
        """On the rows validated on, encodings fitted on the others; NaN where those differ in no label."""
        if np.unique(labels[fold.learn]).size == 1:
            return math.nan
        encoding, estimator = self.fit(given, of(columns, fold.learn), labels[fold.learn])
        predicted = self.task.predict(estimator, encoding.matrix(of(columns, fold.validate)))
        return self.metric(labels[fold.validate], predicted)

    def scores(self, given: Given, columns: Columns, labels: Labels, sides: Sequence[Fold]) -> list[float]:
        """Of each fold that can be scored.

        Raises:
            InsufficientDataError: none can.
        """
        found = [self.score(given, columns, labels, fold) for fold in sides]
        finite = [score for score in found if math.isfinite(score)]
        self.check(finite, labels, sides)
        return finite

    def check(self, scores: Sequence[float], labels: Labels, sides: Sequence[Fold]) -> None:
        """Raise InsufficientDataError when there are none."""
        if not scores:
            training = self.training
            raise InsufficientDataError(
                f"none of {training.folds} folds can be scored",
                cause=f"{len(labels)} rows in {len(sides)} folds by {training.split}, "
                f"a gap of at least {training.gap_hours:g} hours",
                hint="deliver more data, or lower training.folds or training.gap_hours",
            )

    def nested(
        self, columns: Columns, rows: Timeline, sides: Sequence[Fold], gap_seconds: float
    ) -> dict[str, Any]:
        """What a search reaches on rows that it did not choose by: the honest estimate.

        In each fold, `training.nested_trials` configurations drawn at random from the search space are
        compared by folds of the rows learnt from; the best of them is fitted on all of those and scored on
        the rows validated on. `optimism` is how much better the chosen looked inside.
        """
        training = self.training
        trials = draw(training, training.nested_trials)
        outer, inner = [], []
        for fold in sides:
            within = folds(training, rows.of(fold.learn), gap_seconds)
            mine, labels = of(columns, fold.learn), rows.labels[fold.learn]
            found = [[self.score(trial, mine, labels, each) for each in within] for trial in trials]
            means = [float(np.nanmean(each)) if np.isfinite(each).any() else -math.inf for each in found]
            best = int(np.argmax(means)) if means else 0
            score = self.score(trials[best], columns, rows.labels, fold)
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


def of(columns: Columns, rows: np.ndarray[Any, Any]) -> dict[str, Array]:
    return {name: column[rows] for name, column in columns.items()}
