"""From an import path and parameters to an estimator, tuned values typed by their search space."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.errors import ConfigError
from tidegate.settings.config import TrainingSection

EXTRAS = ("lightgbm", "xgboost")  # packages that are installed where `training.estimator` names them


def build(training: TrainingSection, tuned: Mapping[str, str], categorical: Sequence[int]) -> Any:
    """An unfitted estimator that takes the matrix of `tidegate.training.encoding`, missing values and all.

    One that takes missing values sees the matrix as it is, categories as codes. Before any other, numbers are
    imputed by their median and scaled, and categories become one column each.

    Args:
        tuned: hyperparameter name -> value as text, as SageMaker hands it; names outside the search space
            belong to the job, not to the estimator, and are ignored.
        categorical: positions of encoded text columns; given to estimators that take `categorical_features`.

    Raises:
        ConfigError: there is no such class, it does not do the task, or it refuses a parameter.
    """
    kind = _kind(training)
    accepted = _accepted(kind)
    parameters = dict(training.parameters) | typed(training, tuned)
    if unknown := sorted(set(parameters) - set(accepted)):
        raise ConfigError(f"`{training.estimator}` has no parameter {', '.join(unknown)}")
    if "random_state" in accepted:
        parameters.setdefault("random_state", training.seed)
    if "categorical_features" in accepted and categorical:
        parameters.setdefault("categorical_features", list(categorical))
    try:
        estimator = kind(**parameters)
    except TypeError as cause:
        raise ConfigError(f"`{training.estimator}` cannot be made", cause=str(cause)) from cause
    return estimator if _takes_missing(estimator) else _prepared(estimator, categorical)


def typed(training: TrainingSection, tuned: Mapping[str, str]) -> dict[str, Any]:
    """The values of searched parameters, and of the one that Hyperband grew, in their own types."""
    search = training.tuning
    found: dict[str, Any] = {
        name: bounds.value(tuned[name]) for name, bounds in search.space.items() if name in tuned
    }
    if search.hyperband and search.hyperband.resource in tuned:
        found[search.hyperband.resource] = int(tuned[search.hyperband.resource])
    return found


def _kind(training: TrainingSection) -> type:
    module, _, name = training.estimator.rpartition(".")
    try:
        kind: type = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as cause:
        package = module.partition(".")[0]
        raise ConfigError(
            f"`training.estimator` {training.estimator} cannot be imported",
            cause=str(cause),
            hint=f"uv sync --group {package} installs it" if package in EXTRAS else "",
        ) from cause
    if training.task == "regression":
        if hasattr(kind, "predict_proba") or not hasattr(kind, "predict"):
            raise ConfigError(f"`{training.estimator}` is no regressor", hint="training.task is regression")
    elif not hasattr(kind, "predict_proba"):
        raise ConfigError(f"`{training.estimator}` predicts no probabilities", hint="use a classifier")
    return kind


def _accepted(kind: type) -> set[str]:
    """Names of its parameters; where it passes others on, those of the class it inherits from too."""
    found: set[str] = set()
    for cls in kind.__mro__:
        if "__init__" not in vars(cls):
            continue
        parameters = inspect.signature(vars(cls)["__init__"]).parameters.values()
        found |= {p.name for p in parameters if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
        if all(p.kind != p.VAR_KEYWORD for p in parameters):
            break
    return found - {"self"}


def _takes_missing(estimator: Any) -> bool:
    from sklearn.utils import get_tags

    return bool(get_tags(estimator).input_tags.allow_nan)


def _prepared(estimator: Any, categorical: Sequence[int]) -> Any:
    """A column of which no value is known in training stays, as zeros, so that positions do not move."""
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = Pipeline(
        [
            ("impute", SimpleImputer(strategy="median", keep_empty_features=True)),
            ("scale", StandardScaler()),
        ]
    )
    categories = Pipeline(
        [
            ("impute", SimpleImputer(strategy="constant", fill_value=-1.0)),
            ("encode", OneHotEncoder(handle_unknown="ignore", sparse_output=False)),
        ]
    )
    columns = ColumnTransformer(
        [("categories", categories, list(categorical))] if categorical else [],
        remainder=numbers,
    )
    return Pipeline([("columns", columns), ("model", estimator)])
