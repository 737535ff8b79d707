"""Calibration and threshold, learnt from the newest training rows before the model that serves sees them.

A twin is fitted on the rows before that slice, as a fold is, and answers the slice; what is learnt from those
answers is laid over the model of all rows. The twin itself is not kept: what lies in the newest rows is what
a model needs most, and scores of a model of a few more rows mean the same (scikit-learn's
CalibratedClassifierCV(ensemble=False) does likewise). Whether it holds, the gate sees in the test rows.
"""

from typing import Any

import numpy as np

from tidegate.evaluation import costs
from tidegate.settings.config import PipelineConfig
from tidegate.training import calibration
from tidegate.training.metrics import Labels
from tidegate.training.splits import Fold, Timeline
from training_jobs.cross_validation import Columns, Given, Learner, of

Facts = dict[str, Any]


def calibrated(
    config: PipelineConfig,
    learner: Learner,
    given: Given,
    *,
    columns: Columns,
    rows: Timeline,
    gap_seconds: float,
) -> tuple[Facts | None, Facts]:
    """The calibration document, and what the manifest records: `calibration` and `threshold`.

    Nothing is fitted where the pipeline asks for neither.
    """
    training, section = config.training, config.gate.costs
    if training.calibration == "none" and section is None:
        return None, {}
    fold = newest(rows, training.calibration_share, gap_seconds)
    if fold is None or np.unique(rows.labels[fold.learn]).size == 1:
        return None, {"calibration": {"kind": "none", "rows": 0}}
    labels: Labels = rows.labels[fold.validate]
    encoding, twin = learner.fit(given, of(columns, fold.learn), rows.labels[fold.learn])
    answers = learner.task.predict(twin, encoding.matrix(of(columns, fold.validate)))
    document = calibration.fitted(training.calibration, labels, answers)
    facts: Facts = {
        "calibration": {
            "kind": "none" if document is None else document["kind"],
            "rows": int(labels.size),
            "positives": int(labels.sum()),
            "from": float(rows.moments[fold.validate].min()),
        }
    }
    if section is not None:
        # on the same slice as the map: one number more is chosen there, and never on the test rows
        facts["threshold"] = costs.threshold(section, labels, calibration.apply(document, answers)).to_json()
    return document, facts


def newest(rows: Timeline, share: float, gap_seconds: float) -> Fold | None:
    """The newest `share` of the rows to validate on; to learn, those before the gap, labels known by then.

    None where a side would be empty.
    """
    order = np.argsort(rows.moments, kind="stable")
    validate = order[-max(1, round(share * order.size)) :]
    start = rows.moments[validate].min()
    learn = np.flatnonzero((rows.moments <= start - gap_seconds) & (rows.known <= start))
    learn = np.setdiff1d(learn, validate)  # a gap of 0 and equal moments
    return Fold(learn, validate) if learn.size and validate.size else None
