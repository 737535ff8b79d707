"""A trial of the search: one configuration, scored fold by fold and told to SageMaker as it goes.

A trial that the search may stop early prints its score after each fold, the mean so far; under Hyperband
after each growth of the resource, the mean over all folds; any other once, at its end. What is finished is
kept among the checkpoints, where the job has any: a trial on spot capacity that is taken away and begins
anew loses the fold it was in, no more.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidegate.training.complexity import stored_numbers
from tidegate.training.encoding import Encoding, learnable
from tidegate.training.estimators import build
from tidegate.training.metrics import Labels
from tidegate.training.splits import Fold
from tidegate.training.tuning import COMPLEXITY, FOLDS, METRIC, RESOURCE, SPREAD
from training_jobs.cross_validation import Columns, Given, Learner, of

CHECKPOINT = "folds.json"


@dataclass(frozen=True)
class FoldScore:
    """What one fold gave; NaN where it cannot be scored."""

    score: float
    complexity: int


class FoldModel:
    """One fold's estimator. Under Hyperband it grows; one with `warm_start` goes on from where it was."""

    def __init__(
        self,
        learner: Learner,
        given: Given,
        columns: Columns,
        labels: Labels,
        fold: Fold,
    ) -> None:
        self._learner, self._given = learner, given
        self._labels = labels[fold.learn], labels[fold.validate]
        learn = of(columns, fold.learn)
        self._encoding = Encoding.fit(learn)
        self._matrices = self._encoding.matrix(learn), self._encoding.matrix(of(columns, fold.validate))
        self._estimator: Any = None

    def score(self, level: int | None) -> FoldScore:
        """Fit with the resource at `level`, or once and for all; score on rows not learnt from."""
        if np.unique(self._labels[0]).size == 1:
            return FoldScore(math.nan, 0)
        if self._estimator is None:
            self._estimator = build(self._learner.training, self._given, self._encoding.categorical)
        if level is not None:
            self._grow(level)
        matrix = learnable(self._matrices[0], self._encoding.categorical)
        self._estimator.fit(matrix, self._labels[0])
        predicted = self._learner.task.predict(self._estimator, self._matrices[1])
        score = self._learner.metric(self._labels[1], predicted)
        return FoldScore(score, stored_numbers(self._estimator))

    def _grow(self, level: int) -> None:
        band = self._learner.training.tuning.hyperband
        names = self._estimator.get_params()
        wanted = {band.resource: level, "warm_start": True} if band else {}
        for name, value in wanted.items():
            # an estimator that takes no missing values is the step `model` of a pipeline
            found = next((own for own in (name, f"model__{name}") if own in names), None)
            if found:
                self._estimator.set_params(**{found: value})


class Checkpoints:
    """What is finished of a trial, by level and fold; in a folder that SageMaker keeps in S3, or nowhere."""

    def __init__(self, folder: Path, given: Given, rows: int) -> None:
        self._file = folder / CHECKPOINT if folder.is_dir() else None
        self._of = {"given": dict(given), "rows": rows}
        self._done: dict[str, list[Any]] = {}
        if self._file and self._file.exists():
            kept = json.loads(self._file.read_text())
            self._done = kept["done"] if kept["of"] == self._of else {}

    def get(self, level: int | None, fold: int) -> FoldScore | None:
        found = self._done.get(f"{level}/{fold}")
        return None if found is None else FoldScore(math.nan if found[0] is None else found[0], found[1])

    def keep(self, level: int | None, fold: int, result: FoldScore) -> None:
        score, complexity = astuple(result)
        self._done[f"{level}/{fold}"] = [None if math.isnan(score) else score, complexity]
        if self._file:
            written = self._file.with_suffix(".new")
            written.write_text(json.dumps({"of": self._of, "done": self._done}))
            written.replace(self._file)  # a job may be killed at any moment: the file is whole or the old one


@dataclass(frozen=True, kw_only=True)
class Trial:
    """A configuration on its rows."""

    learner: Learner
    given: Given
    columns: Columns
    labels: Labels
    sides: Sequence[Fold]

    def run(self, checkpoints: Path) -> None:
        """Score and print.

        Raises:
            InsufficientDataError: no fold can be scored.
        """
        kept = Checkpoints(checkpoints, self.given, len(self.labels))
        models: dict[int, FoldModel] = {}
        search = self.learner.training.tuning
        levels = search.hyperband.levels if search.hyperband else (None,)
        for level in levels:
            found: list[FoldScore] = []
            is_new = False
            for number in range(len(self.sides)):
                fold = kept.get(level, number)
                if fold is None:
                    is_new = True
                    fold = self._model(models, number).score(level)
                    kept.keep(level, number, fold)
                found.append(fold)
                if is_new and search.early_stopping == "Auto" and number < len(self.sides) - 1:
                    self._tell(found, level)
            if is_new or level == levels[-1]:  # what was told before an interruption is not told again
                self._tell(found, level, complete=True)

    def _model(self, models: dict[int, FoldModel], number: int) -> FoldModel:
        if number not in models:
            if not self.learner.training.tuning.hyperband:
                models.clear()  # a fold's matrices are not needed again
            models[number] = FoldModel(
                self.learner, self.given, self.columns, self.labels, self.sides[number]
            )
        return models[number]

    def _tell(self, found: Sequence[FoldScore], level: int | None, *, complete: bool = False) -> None:
        scores = [fold.score for fold in found if math.isfinite(fold.score)]
        if complete:
            self.learner.check(scores, self.labels, self.sides)
        if not scores:
            return
        said = {} if level is None else {RESOURCE: level}
        tell(scores, {**said, COMPLEXITY: float(np.mean([fold.complexity for fold in found]))})


def tell(scores: Sequence[float], more: Mapping[str, float] | None = None) -> None:
    """Print a score as SageMaker reads it; the objective last, for a search decides when it hears it."""
    said = {**(more or {}), FOLDS: len(scores), SPREAD: float(np.std(scores)), METRIC: float(np.mean(scores))}
    for name, value in said.items():
        print(f"[metric] {name}={value:.9g};", flush=True)  # noqa: T201  SageMaker reads metrics from stdout
