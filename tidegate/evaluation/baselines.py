"""What a candidate must beat besides a guess: a line through the same features, and the last known outcome.

Both are learnt from the candidate's training rows and answer the test rows in the candidate's own form:
P(1) of shape (n,), class probabilities of shape (n, k), or values of shape (n,).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.evaluation.resampling import Floats
from tidegate.training.task import Task

Labels = NDArray[Any]
Codes = NDArray[np.intp]
MAXIMUM_ROWS = 50_000  # that a linear model learns from: the newest
_CATEGORIES = 20  # of a text column that get a column of their own
_ITERATIONS = 200


def linear(
    task: Task, train: Floats, labels: Labels, test: Floats, *, categorical: Sequence[int]
) -> Floats | None:
    """Logistic or ridge regression with the simplest care: medians for what is missing, unit variance.

    Args:
        train: shape (n, features) in order of time, as `Encoding.matrix` makes them; NaN for missing.
        categorical: positions of encoded texts, which become indicators of their 20 most frequent values.

    Returns:
        None where there is nothing to learn: no features, or a single class.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    train, labels = train[-MAXIMUM_ROWS:], labels[-MAXIMUM_ROWS:]
    if train.shape[1] == 0 or (task.name != "regression" and np.unique(labels).size == 1):
        return None
    numbers = [i for i in range(train.shape[1]) if i not in categorical]
    indicators = OneHotEncoder(max_categories=_CATEGORIES, handle_unknown="infrequent_if_exist")
    columns = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()), numbers),
            ("texts", indicators, list(categorical)),
        ],
        sparse_threshold=0,
    )
    model = Ridge() if task.name == "regression" else LogisticRegression(max_iter=_ITERATIONS)
    fitted = make_pipeline(columns, model).fit(train, labels)
    return task.predict(fitted, test)


def last_known(entities: Codes, moments: Floats, known: Floats) -> Codes:
    """For each row the position of the label of its entity that became known last, by its moment.

    Where nothing is known of the entity yet, the last of all entities; -1 where nothing at all.

    Args:
        entities: shape (n,), the number of each row's entity.
        moments: shape (n,), when the row is predicted.
        known: shape (n,), when its label became known; NaN for never.
    """
    known = np.maximum(known, moments)  # no row tells of itself, whatever its times say
    usable = np.flatnonzero(np.isfinite(known))
    order = usable[np.lexsort((moments[usable], known[usable]))]
    found = _newest(known, order, moments)
    by_entity = order[np.argsort(entities[order], kind="stable")]
    rows = np.argsort(entities, kind="stable")
    bounds = np.arange(entities.max() + 2)
    starts = np.searchsorted(entities[by_entity], bounds)
    firsts = np.searchsorted(entities[rows], bounds)
    for entity in range(bounds.size - 1):
        mine = by_entity[starts[entity] : starts[entity + 1]]
        at = rows[firsts[entity] : firsts[entity + 1]]
        own = _newest(known, mine, moments[at])
        found[at] = np.where(own >= 0, own, found[at])
    return found


def _newest(known: Floats, positions: Codes, moments: Floats) -> Codes:
    """The last of `positions`, by rising `known`, whose label was known before each moment, or -1."""
    if not positions.size:
        return np.full(moments.size, -1, dtype=np.intp)
    at = np.searchsorted(known[positions], moments, side="left") - 1
    return np.where(at >= 0, positions[np.maximum(at, 0)], -1)


def previous_value(task: Task, labels: Labels, *, train: int, before: Codes) -> Floats:
    """What followed in training upon the last known outcome; of numbers, that outcome itself.

    Args:
        labels: shape (n,), of the training rows and after them of the test rows.
        train: how many are training rows.
        before: shape (n,), the position of each row's last known label, as `last_known` gives it.
    """
    learnt, asked = before[:train], before[train:]
    fallback = task.guess(labels[:train], asked.size)
    seen = asked >= 0
    if task.name == "regression":
        return np.where(seen, labels[asked], fallback)
    codes, classes = labels.astype(np.intp), max(2, len(task.classes))
    counts = np.zeros((classes, classes))
    np.add.at(counts, (codes[learnt[learnt >= 0]], codes[:train][learnt >= 0]), 1.0)
    share = np.bincount(codes[:train], minlength=classes) / train
    # a row of the shares themselves on top: what followed once is no certainty
    answers = ((counts + share) / (counts.sum(axis=1, keepdims=True) + 1))[codes[asked]]
    if task.name == "binary":
        return np.where(seen, answers[:, 1], fallback)
    return np.where(seen[:, None], answers, fallback)
