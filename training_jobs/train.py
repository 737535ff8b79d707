"""The training job: cross-validate one configuration; for the chosen one, fit on all rows and pack it.

A trial (`purpose` = trial) prints its score and ends: tuning reads the last match of the metric's line.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tidegate import artefact, metrics
from tidegate.config import TrainingSection
from tidegate.encoding import Encoding
from tidegate.errors import InsufficientDataError
from tidegate.estimators import build, typed
from tidegate.features import Array, load
from tidegate.metrics import Labels
from tidegate.plan import Plan
from tidegate.splits import expanding
from tidegate.transforms import feature_columns
from tidegate.tuning import METRIC
from training_jobs.paths import PIPELINE, Paths
from training_jobs.rows import Rows, read

HOUR_SECONDS = 3600


def main(paths: Paths) -> None:
    plan = Plan.load(PIPELINE)
    given = paths.hyperparameters()
    feature_file = PIPELINE / "features.py"
    feature_set = load(feature_file, plan.features.attribute)
    rows = read(paths.channel("train"), plan.instance_types)
    columns = feature_columns(feature_set, rows.columns)
    training = plan.config.training
    scores = cross_validate(training, given, columns, rows)
    mean, spread = float(np.mean(scores)), float(np.std(scores))
    if given.get("purpose") == "final":
        encoding, estimator = fit(training, given, columns, rows.labels)
        artefact.write(
            paths.model,
            estimator=estimator,
            encoding=encoding,
            plan=plan.features,
            types=plan.instance_types,
            code=feature_file,
            run=given.get("run", ""),
            facts={
                "snapshot": given.get("snapshot", ""),
                "code_version": plan.code_version,
                "estimator": training.estimator,
                "parameters": dict(training.parameters) | typed(training, given),
                "seed": training.seed,
                "rows": len(rows.labels),
                "positive_rate": float(rows.labels.mean()),
                "cross_validation": {"metric": training.metric, "scores": scores},
            },
        )
    # last, so that a job that fails while packing has no score
    print(f"[metric] {METRIC}_std={spread:.6f};", flush=True)  # noqa: T201  SageMaker reads metrics from stdout
    print(f"[metric] {METRIC}={mean:.6f};", flush=True)  # noqa: T201


def cross_validate(
    training: TrainingSection, given: Mapping[str, str], columns: Mapping[str, Array], rows: Rows
) -> list[float]:
    """The metric of each time-ordered fold; encodings are fitted inside it.

    Raises:
        InsufficientDataError: no fold has both classes on both sides.
    """
    metric = metrics.named(training.metric)
    scores = []
    for learn, validate in expanding(rows.moments, training.folds, training.gap_hours * HOUR_SECONDS):
        if len(np.unique(rows.labels[learn])) == 1:
            continue
        encoding, estimator = fit(training, given, _of(columns, learn), rows.labels[learn])
        predicted = estimator.predict_proba(encoding.matrix(_of(columns, validate)))[:, 1]
        score = metric(rows.labels[validate], predicted)
        if math.isfinite(score):
            scores.append(score)
    if not scores:
        raise InsufficientDataError(
            f"none of {training.folds} folds can be scored",
            cause=f"{len(rows.labels)} rows, a gap of {training.gap_hours:g} hours",
            hint="deliver more data, or lower training.folds or training.gap_hours",
        )
    return scores


def fit(
    training: TrainingSection, given: Mapping[str, str], columns: Mapping[str, Array], labels: Labels
) -> tuple[Encoding, Any]:
    encoding = Encoding.fit(columns)
    estimator = build(training, given, encoding.categorical)
    return encoding, estimator.fit(encoding.matrix(columns), labels)


def _of(columns: Mapping[str, Array], rows: np.ndarray[Any, Any]) -> dict[str, Array]:
    return {name: column[rows] for name, column in columns.items()}
