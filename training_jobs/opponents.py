"""What the candidate is held against besides the champion: baselines, shuffled features, no aggregates."""

from collections.abc import Mapping

import numpy as np

from tidegate.evaluation import baselines, feature_value
from tidegate.evaluation.baselines import Codes
from tidegate.evaluation.feature_value import FeatureValue
from tidegate.evaluation.resampled import Scorer
from tidegate.evaluation.resampling import Floats
from tidegate.feature_store.transforms import feature_columns
from tidegate.features import Array
from tidegate.serving import prediction
from tidegate.settings.config import PipelineConfig
from tidegate.training.artefact import Artefact
from training_jobs.rows import Rows


def baseline_answers(
    config: PipelineConfig, candidate: Artefact, train: Rows, test: Rows
) -> dict[str, Floats]:
    """Name -> predictions of the test rows; one that has nothing to learn from is left out."""
    task = candidate.task
    found = {"majority": task.guess(train.labels, test.labels.size)}
    learnt, asked = encoded(candidate, train), encoded(candidate, test)
    linear = baselines.linear(task, learnt, train.labels, asked, categorical=candidate.encoding.categorical)
    if linear is not None:
        found["linear"] = linear
    before = baselines.last_known(
        _entities(config.gate.previous_value_by, candidate, train, test),
        np.r_[train.moments, test.moments],
        np.r_[train.known, test.known],
    )
    labels = np.r_[train.labels, test.labels]
    found["previous_value"] = baselines.previous_value(task, labels, train=train.labels.size, before=before)
    return found


def encoded(model: Artefact, rows: Rows) -> Floats:
    """The matrix that the model takes, shape (n, features)."""
    return model.encoding.matrix(feature_columns(model.feature_set, rows.columns))


def feature_values(
    config: PipelineConfig, candidate: Artefact, train: Rows, test: Rows, scorer: Scorer
) -> tuple[FeatureValue, ...]:
    """Of a sample of the test rows; empty where `gate.feature_rows` is 0."""
    if not config.gate.feature_rows:
        return ()
    seed = config.training.seed
    step = -(-test.labels.size // config.gate.feature_rows)
    matrix, labels = encoded(candidate, test)[::step], test.labels[::step]

    def score(predictions: Floats) -> float:
        return scorer.value(labels, predictions)

    own = feature_value.losses(matrix, lambda m: prediction.of_matrix(candidate, m), score, seed)
    names, categorical = candidate.encoding.features, candidate.encoding.categorical
    shadowed = feature_value.refitted(
        candidate.estimator, encoded(candidate, train), train.labels, categorical, seed
    )
    beside = feature_value.losses(
        feature_value.with_shadows(matrix, seed + 1),
        lambda m: candidate.task.predict(shadowed, m),
        score,
        seed,
    )
    return feature_value.values(names, own, beside)


def without_aggregates(model: Artefact, columns: Mapping[str, Array]) -> Floats | None:
    """The model's answers while the online store is down; None for a model without aggregates."""
    if not model.plan.views:
        return None
    lacking = dict(columns)
    for view in model.plan.views:
        for name in view.outputs:
            lacking[name] = np.full(len(columns[name]), view.defaults.get(name, np.nan), dtype=np.float64)
    return prediction.predictions(model, lacking)


def _entities(column: str | None, model: Artefact, train: Rows, test: Rows) -> Codes:
    """The number of each row's entity: by the named column, else the keys of the first aggregate."""
    keys = [column] if column else _keys(model)
    codes = np.zeros(train.labels.size + test.labels.size, dtype=np.intp)
    for key in keys:
        values = [*train.columns[key].tolist(), *test.columns[key].tolist()]
        _, own = np.unique([repr(value) for value in values], return_inverse=True)
        codes = np.unique(codes * (own.max() + 1) + own, return_inverse=True)[1].astype(np.intp)
    return codes


def _keys(model: Artefact) -> list[str]:
    views = (view.keys for view in model.plan.views if set(view.keys) <= set(model.plan.request))
    return list(next(views, ()))
