"""From an import path and parameters to an estimator, tuned values typed by their search space."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.config import TrainingSection
from tidegate.errors import ConfigError


def build(training: TrainingSection, tuned: Mapping[str, str], categorical: Sequence[int]) -> Any:
    """An unfitted scikit-learn classifier.

    Args:
        tuned: hyperparameter name -> value as text, as SageMaker hands it; names outside the search space
            belong to the job, not to the estimator, and are ignored.
        categorical: positions of encoded text columns; given to estimators that take `categorical_features`.

    Raises:
        ConfigError: there is no such class, it predicts no probabilities, or it refuses a parameter.
    """
    module, _, name = training.estimator.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as cause:
        raise ConfigError(
            f"`training.estimator` {training.estimator} cannot be imported", cause=str(cause)
        ) from cause
    if not hasattr(kind, "predict_proba"):
        raise ConfigError(f"`{training.estimator}` predicts no probabilities", hint="use a classifier")
    accepted = inspect.signature(kind).parameters
    parameters = dict(training.parameters) | typed(training, tuned)
    if unknown := sorted(set(parameters) - set(accepted)):
        raise ConfigError(f"`{training.estimator}` has no parameter {', '.join(unknown)}")
    if "random_state" in accepted:
        parameters.setdefault("random_state", training.seed)
    if "categorical_features" in accepted and categorical:
        parameters.setdefault("categorical_features", list(categorical))
    return kind(**parameters)


def typed(training: TrainingSection, tuned: Mapping[str, str]) -> dict[str, Any]:
    """The values of searched parameters, and of the one that Hyperband grew, in their own types."""
    search = training.tuning
    found: dict[str, Any] = {
        name: bounds.value(tuned[name]) for name, bounds in search.space.items() if name in tuned
    }
    if search.hyperband and search.hyperband.resource in tuned:
        found[search.hyperband.resource] = int(tuned[search.hyperband.resource])
    return found
