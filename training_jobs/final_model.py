"""The chosen configuration: scored again, fitted on all rows, calibrated, compiled, packed and signed."""

import contextlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tidegate
import training_jobs
from tidegate.compiled.attempt import attempt
from tidegate.feature_store.feature_file import load
from tidegate.plan import Plan
from tidegate.training import artefact, provenance, training_inputs
from tidegate.training.calibration import apply
from tidegate.training.estimators import typed
from tidegate.training.signing import MANIFEST
from tidegate.training.splits import ORDERED
from training_jobs import golden
from training_jobs.calibrate import calibrated
from training_jobs.cross_validation import Given, Learner
from training_jobs.paths import PIPELINE, Paths
from training_jobs.training_data import FEATURE_FILE, HOUR_SECONDS, TrainingData

SOURCES = tuple(Path(package.__path__[0]) for package in (tidegate, training_jobs))


def train(plan: Plan, learner: Learner, given: Given, data: TrainingData, paths: Paths) -> list[float]:
    """Leave the artefact in the model folder; the score of each fold."""
    training, rows = plan.config.training, data.rows
    scores = learner.scores(given, data.columns, rows.labels, data.sides)
    validation: dict[str, Any] = {"metric": training.metric, "scores": scores, "split": training.split}
    if training.split in ORDERED:
        validation["gap_hours"] = data.gap_seconds / HOUR_SECONDS
    if training.nested_trials:
        validation["nested"] = learner.nested(data.columns, data.timeline, data.sides, data.gap_seconds)
    encoding, estimator = learner.fit(given, data.columns, rows.labels)
    calibration, facts = calibrated(
        plan.config,
        learner,
        given,
        columns=data.columns,
        rows=data.timeline,
        gap_seconds=data.gap_seconds,
    )
    tried = attempt(estimator, encoding, rows.task, encoding.matrix(data.columns), calibration)
    channel = paths.channel("train")
    answered = golden.of_estimator(
        plan.features,
        load(FEATURE_FILE, plan.features.attribute),
        plan.instance_types,
        rows,
        lambda features: apply(calibration, rows.task.predict(estimator, encoding.matrix(features))),
    )
    with _whole(paths) as folder:
        artefact.write(
            folder,
            estimator=estimator,
            compiled=tried.document,
            calibration=calibration,
            golden=answered,
            task=rows.task,
            encoding=encoding,
            plan=plan.features,
            types=plan.instance_types,
            code=FEATURE_FILE,
            run=given.get("run", ""),
            facts={
                "snapshot": given.get("snapshot", ""),
                "code_version": plan.code_version,
                "code_sha256": training_inputs.code(*SOURCES),
                "machine": platform.machine(),
                "inputs": training_inputs.of_job(plan, PIPELINE, hyperparameters=given, channel=channel),
                "estimator": training.estimator,
                "parameters": dict(training.parameters) | typed(training, given),
                "seed": training.seed,
                "rows": len(rows.labels),
                "guess": rows.task.guess(rows.labels, 1)[0].tolist(),
                "cross_validation": validation,
                "trusted": data.trusted,
                **facts,
                "parity": dict(tried.parity),
                "provenance": provenance.of(plan, channel, data.sides, data.gap_seconds),
            },
        )
        _sign(folder)
    return scores


@contextlib.contextmanager
def _whole(paths: Paths) -> Iterator[Path]:
    """A folder whose files are moved to the model's at the end: a job that is stopped leaves all or nothing.

    SageMaker uploads what a stopped job has in its model folder.
    """
    paths.root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="packing-", dir=paths.root) as name:
        yield Path(name)
        paths.model.mkdir(parents=True, exist_ok=True)
        # the manifest last: without it the rest is refused everywhere
        for file in sorted(Path(name).iterdir(), key=lambda file: file.name == MANIFEST):
            shutil.move(file, paths.model / file.name)


def _sign(folder: Path) -> None:
    if key := os.environ.get("SIGNING_KEY_ARN"):
        from tidegate.aws import signatures

        signatures.sign(signatures.client(key), key, folder)
