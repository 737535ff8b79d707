"""A model of how far off a regression's answers are, for estimates of its quality before labels come.

Fitted in the evaluation, as calibration is in training: a twin learns from the rows before the newest slice
and answers that slice, so the errors to learn from are of rows that the answering model had not seen. Whether
the estimate is right is checked on the test rows, which neither has seen.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.compiled.compiler import compile_model
from tidegate.monitoring.expected_errors import PREDICTION, ErrorModel, power, scatter
from tidegate.settings.config import PipelineConfig
from tidegate.training.artefact import Artefact
from tidegate.training.encoding import Encoding, learnable
from tidegate.training.metrics import Predictions
from tidegate.training.splits import Timeline
from training_jobs import opponents
from training_jobs.calibrate import newest
from training_jobs.rows import Rows

FOLDS = 3  # of the slice, whose rows are in order of time
FEWEST_ROWS = 150
LEAST_SHARE = 0.05  # of the mean error is expected of every row: trees may say zero or less
_SECONDS = 3600

Floats = NDArray[np.float64]


def fitted(
    config: PipelineConfig, model: Artefact, train: Rows, test: Rows, answers: Predictions
) -> dict[str, Any] | None:
    """The document that `ErrorModel` reads; None where the metric has none, or there are too few rows.

    Args:
        answers: of `model` to the test rows.
    """
    section = config.training
    exponent = power(section.metric)
    timeline = Timeline(train.moments, train.known, train.labels)
    fold = newest(timeline, section.calibration_share, section.gap_hours * _SECONDS)
    if exponent is None or fold is None or fold.validate.size < FEWEST_ROWS:
        return None
    from sklearn.base import clone

    matrix = opponents.encoded(model, train)
    known = learnable(matrix[fold.learn], model.encoding.categorical)
    twin = clone(model.estimator).fit(known, train.labels[fold.learn])
    told = np.asarray(twin.predict(matrix[fold.validate]), dtype=np.float64)
    rows = np.column_stack([matrix[fold.validate], told])
    real = np.abs(train.labels[fold.validate] - told) ** exponent
    if not real.any():
        return None
    floor = float(real.mean()) * LEAST_SHARE
    expected = np.maximum(_held_out(model, rows, real, section.seed), floor)
    encoding = Encoding((*model.encoding.features, PREDICTION), model.encoding.categories)
    learnt = _learnt(model, rows, real, section.seed)
    document = {
        "metric": section.metric,
        "rows": int(real.size),
        "model": compile_model(learnt, encoding, task="regression"),
        "ratios": scatter(real, expected),
        "floor": floor,
        "check": None,
    }
    asked = np.column_stack([opponents.encoded(model, test), answers])
    return {**document, "check": _check(ErrorModel.from_json(document), asked, test, answers, section.seed)}


def _check(model: ErrorModel, asked: Floats, test: Rows, answers: Predictions, seed: int) -> dict[str, Any]:
    value, low, high = model.range_of(model.of_matrix(asked), seed)
    real = np.abs(test.labels - answers) ** (power(model.metric) or 1)
    return {
        "rows": int(real.size),
        "estimate": value,
        "low": low,
        "high": high,
        "realised": model.metric_of(real),
    }


def _held_out(model: Artefact, rows: Floats, real: Floats, seed: int) -> Floats:
    """What is expected of each part of the slice by what was learnt from the other parts."""
    expected = np.empty(real.size)
    for part in np.array_split(np.arange(real.size), FOLDS):
        others = np.setdiff1d(np.arange(real.size), part)
        expected[part] = _learnt(model, rows[others], real[others], seed).predict(rows[part])
    return expected


def _learnt(model: Artefact, rows: Floats, real: Floats, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    learner = HistGradientBoostingRegressor(
        max_iter=60,
        max_depth=4,
        min_samples_leaf=20,
        learning_rate=0.1,
        early_stopping=False,
        categorical_features=model.encoding.categorical or None,
        random_state=seed,
    )
    return learner.fit(learnable(rows, model.encoding.categorical), real)
