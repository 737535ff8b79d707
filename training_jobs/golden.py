"""Golden rows: instances with the model's answers, asked again before it gets any traffic."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tidegate.feature_store import looked_up
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.feature_store.looked_up import MISSING, VIEWS, flat
from tidegate.feature_store.transforms import feature_columns
from tidegate.features import Array, FeatureSet
from tidegate.serving.instances import from_json
from tidegate.serving.prediction import of_instances
from tidegate.training.artefact import Artefact
from tidegate.training.metrics import Predictions
from training_jobs.rows import Rows

GOLDEN_ROWS = 20


def golden(model: Artefact, rows: Rows) -> list[dict[str, Any]]:
    """The instances with the answers of an artefact."""
    found = instances(model.plan, model.types, rows)
    answers = model.task.answers(of_instances(model, found).predictions)
    return [{"instance": instance, "answer": answer} for instance, answer in zip(found, answers, strict=True)]


def of_estimator(
    plan: FeatureSetPlan,
    feature_set: FeatureSet,
    types: Mapping[str, str],
    rows: Rows,
    predict: Callable[[Mapping[str, Array]], Predictions],
) -> list[dict[str, Any]]:
    """The instances with what the fitted estimator says: `predict` of features, shape (1,) each.

    An instance that the estimator cannot take, such as one with missing values, is left out.
    """
    found = []
    for instance in instances(plan, types, rows):
        features = feature_columns(feature_set, from_json([flat(plan, instance)], types))
        try:
            predictions = predict(features)
        except ValueError:
            continue
        if np.isfinite(predictions).all():
            [answer] = rows.task.answers(predictions)
            found.append({"instance": instance, "answer": answer})
    return found


def instances(plan: FeatureSetPlan, types: Mapping[str, str], rows: Rows) -> list[dict[str, Any]]:
    """Spread over the rows, and one of them without its aggregates."""
    step = max(1, rows.table.num_rows // GOLDEN_ROWS)
    positions = list(range(0, rows.table.num_rows, step))[:GOLDEN_ROWS]
    picked = rows.table.select(list(types)).take(positions).to_pylist()
    found: list[dict[str, Any]] = [
        {
            **{name: _json(row[name]) for name in plan.request},
            VIEWS: looked_up.fresh(plan, row, int(rows.moments[position])),
        }
        for row, position in zip(picked, positions, strict=True)
    ]
    if found:
        found.append(found[0] | {VIEWS: {view.version: MISSING for view in plan.views}})
    return found


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
