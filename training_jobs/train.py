"""The training job: cross-validate one configuration; for the chosen one, fit all rows, compile and pack.

A trial (`purpose` = trial) prints its score and ends: tuning reads the last match of the metric's line. Rows
with a leak fail the job before anything is fitted.
"""

import platform
from pathlib import Path
from typing import Any

import numpy as np

import tidegate
import training_jobs
from tidegate.estimators import typed
from tidegate.feature_file import load
from tidegate.features import Array
from tidegate.leaks import detector
from tidegate.leaks.sample import Sample
from tidegate.metrics import named
from tidegate.plan import Plan
from tidegate.splits import ORDERED, Timeline, folds, gap
from tidegate.transforms import feature_columns
from training_jobs.calibrate import calibrated
from training_jobs.cross_validation import Learner
from training_jobs.paths import PIPELINE, Paths
from training_jobs.rows import Rows, read
from training_jobs.trial import Trial, tell

HOUR_SECONDS = 3600
SOURCES = tuple(Path(package.__path__[0]) for package in (tidegate, training_jobs))


def main(paths: Paths) -> None:
    plan = Plan.load(PIPELINE)
    given = paths.hyperparameters()
    feature_file = PIPELINE / "features.py"
    feature_set = load(feature_file, plan.features.attribute)
    rows = read(paths.channel("train"), plan.instance_types, plan.config.training.task)
    columns = feature_columns(feature_set, rows.columns)
    training = plan.config.training
    timeline = Timeline(rows.moments, rows.known, rows.labels, _groups(training.group, rows))
    gap_seconds = gap(training.gap_hours * HOUR_SECONDS, rows.known - rows.moments)
    sides = folds(training, timeline, gap_seconds)
    in_order = training.split in ORDERED
    sample = Sample(columns, timeline, sides, gap_seconds if in_order else None)
    trusted = detector.refuse(detector.find(sample, rows.task), training.trusted)
    learner = Learner(training, rows.task, named(training.metric, PIPELINE))
    if given.get("purpose") != "final":
        trial = Trial(learner=learner, given=given, columns=columns, labels=rows.labels, sides=sides)
        trial.run(paths.checkpoints)
        return
    # what a trial, of which there are many, need not wait for
    from tidegate import artefact, provenance, training_inputs
    from tidegate.compiled.attempt import attempt

    scores = learner.scores(given, columns, rows.labels, sides)
    validation: dict[str, Any] = {"metric": training.metric, "scores": scores, "split": training.split}
    if in_order:
        validation["gap_hours"] = gap_seconds / HOUR_SECONDS
    if training.nested_trials:
        validation["nested"] = learner.nested(columns, timeline, sides, gap_seconds)
    encoding, estimator = learner.fit(given, columns, rows.labels)
    document, calibration = calibrated(
        plan.config, learner, given, columns=columns, rows=timeline, gap_seconds=gap_seconds
    )
    tried = attempt(estimator, encoding, rows.task, encoding.matrix(columns), document)
    artefact.write(
        paths.model,
        estimator=estimator,
        compiled=tried.document,
        calibration=document,
        task=rows.task,
        encoding=encoding,
        plan=plan.features,
        types=plan.instance_types,
        code=feature_file,
        run=given.get("run", ""),
        facts={
            "snapshot": given.get("snapshot", ""),
            "code_version": plan.code_version,
            "code_sha256": training_inputs.code(*SOURCES),
            "machine": platform.machine(),
            "inputs": training_inputs.of_job(
                plan, PIPELINE, hyperparameters=given, channel=paths.channel("train")
            ),
            "estimator": training.estimator,
            "parameters": dict(training.parameters) | typed(training, given),
            "seed": training.seed,
            "rows": len(rows.labels),
            "guess": rows.task.guess(rows.labels, 1)[0].tolist(),
            "cross_validation": validation,
            "trusted": trusted,
            **calibration,
            "parity": dict(tried.parity),
            "provenance": provenance.of(plan, paths.channel("train"), sides, gap_seconds),
        },
    )
    tell(scores)  # last, so that a job that fails while packing has no score


def _groups(column: str | None, rows: Rows) -> np.ndarray[Any, np.dtype[np.intp]] | None:
    """The number of each row's group; rows without one are a group together."""
    if column is None:
        return None
    values: Array = rows.columns[column]
    if values.dtype == object:
        values = np.array(["" if value is None else f"={value}" for value in values.tolist()])
    return np.unique(values, return_inverse=True)[1].astype(np.intp)
