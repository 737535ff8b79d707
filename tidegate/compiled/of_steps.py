"""Fitted preprocessing of scikit-learn as the steps of `tidegate.compiled.steps`."""

from collections.abc import Callable
from typing import Any

import numpy as np

from tidegate.compiled.of_linear import FLOAT64_MAX, check
from tidegate.compiled.steps import REFUSE
from tidegate.errors import NotCompilableError

Steps = list[dict[str, Any]]
CHECK = check(nan=True, limit=FLOAT64_MAX)  # they take NaN, not infinity


def steps_of(transformer: Any, width: int) -> tuple[Steps, int]:
    """Steps of one transformer, and how many columns come out of `width`.

    Raises:
        NotCompilableError: naming its type.
    """
    if isinstance(transformer, str):
        if transformer == "passthrough":
            return [], width
    elif (kind := f"{type(transformer).__module__}.{type(transformer).__name__}") in _KINDS:
        found = _KINDS[kind](transformer)
        return found, _width_after(transformer, width)
    raise NotCompilableError(
        f"the step `{type(transformer).__name__}` is not compiled", cause=str(transformer)[:200]
    )


def _width_after(transformer: Any, width: int) -> int:
    try:
        return len(transformer.get_feature_names_out([f"x{i}" for i in range(width)]))
    except (AttributeError, ValueError) as cause:
        raise NotCompilableError("a step does not say its columns", cause=str(cause)) from cause


def _pipeline(pipeline: Any) -> Steps:
    steps: Steps = []
    width = int(pipeline.n_features_in_)
    for _, transformer in pipeline.steps:
        if transformer is not None:
            found, width = steps_of(transformer, width)
            steps += found
    return steps


def _column_transformer(transformer: Any) -> Steps:
    if transformer.transformer_weights:
        raise NotCompilableError("a ColumnTransformer with weights is not compiled")
    branches = []
    for _, each, columns in transformer.transformers_:
        if isinstance(each, str) and each == "drop":
            continue
        picked = np.arange(transformer.n_features_in_)[_positions(columns)].tolist()
        branches.append([{"kind": "select", "columns": picked}, *steps_of(each, len(picked))[0]])
    return [CHECK, {"kind": "branches", "branches": branches}]


def _positions(columns: Any) -> Any:
    if isinstance(columns, str) or (isinstance(columns, list) and any(isinstance(c, str) for c in columns)):
        raise NotCompilableError("columns by name are not compiled", hint="name them by position")
    return [columns] if isinstance(columns, int) else columns


def _standard(scaler: Any) -> Steps:
    count = scaler.n_features_in_
    center = np.zeros(count) if scaler.mean_ is None or not scaler.with_mean else scaler.mean_
    return [CHECK, _center(center, np.ones(count) if scaler.scale_ is None else scaler.scale_)]


def _robust(scaler: Any) -> Steps:
    count = scaler.n_features_in_
    center = np.zeros(count) if scaler.center_ is None else scaler.center_
    return [CHECK, _center(center, np.ones(count) if scaler.scale_ is None else scaler.scale_)]


def _largest(scaler: Any) -> Steps:
    return [CHECK, _center(np.zeros(scaler.n_features_in_), scaler.scale_)]


def _center(center: Any, scale: Any) -> dict[str, Any]:
    return {"kind": "center", "center": center.tolist(), "scale": scale.tolist()}


def _range(scaler: Any) -> Steps:
    low, high = scaler.feature_range if scaler.clip else (None, None)
    scale, offset = scaler.scale_.tolist(), scaler.min_.tolist()
    return [CHECK, {"kind": "rescale", "scale": scale, "offset": offset, "low": low, "high": high}]


def _impute(imputer: Any) -> Steps:
    if not _is_nan(imputer.missing_values):
        raise NotCompilableError("an imputer of values other than NaN is not compiled")
    statistics = np.asarray(imputer.statistics_, dtype=np.float64)
    steps: Steps = []
    kept = np.arange(statistics.size)
    if not imputer.keep_empty_features:
        kept = np.flatnonzero(~np.isnan(statistics))
    if kept.size < statistics.size:
        steps.append({"kind": "select", "columns": kept.tolist()})
    steps.append({"kind": "fill", "values": np.nan_to_num(statistics[kept]).tolist()})
    if imputer.indicator_ is None:
        return [CHECK, *steps]
    flags: Steps = [
        {"kind": "select", "columns": [int(i) for i in imputer.indicator_.features_]},
        {"kind": "missing"},
    ]
    return [CHECK, {"kind": "branches", "branches": [steps, flags]}]


def _one_hot(encoder: Any) -> Steps:
    starts = np.cumsum([0, *encoder._n_features_outs]).tolist()

    def position(column: int, row: Any) -> int:
        found = encoder.transform(row)
        dense = (found.toarray() if hasattr(found, "toarray") else np.asarray(found))[0]
        ones = np.flatnonzero(dense[starts[column] : starts[column + 1]])
        return int(starts[column] + ones[0]) if ones.size else -1

    return [CHECK, {"kind": "one_hot", "columns": _tables(encoder, position), "width": int(starts[-1])}]


def _ordinal(encoder: Any) -> Steps:
    def code(column: int, row: Any) -> float | None:
        found = float(encoder.transform(row)[0, column])
        return None if np.isnan(found) else found

    return [CHECK, {"kind": "lookup", "columns": _tables(encoder, code)}]


def _tables(encoder: Any, of_row: Callable[[int, Any], Any]) -> list[dict[str, Any]]:
    """What the encoder makes of every category, of NaN and of a category it has not seen, asked of itself."""
    for categories in encoder.categories_:
        if categories.dtype.kind not in "fiub":
            raise NotCompilableError("an encoder of texts is not compiled", hint="features are numbers here")
    first = np.array([[float(categories[0]) for categories in encoder.categories_]])

    def ask(column: int, value: float) -> Any:
        row = first.copy()
        row[0, column] = value
        try:
            return of_row(column, row)
        except ValueError:
            return REFUSE

    tables = []
    for column, categories in enumerate(encoder.categories_):
        values = [float(v) for v in categories if not np.isnan(v)]
        tables.append(
            {
                "values": values,
                "codes": [ask(column, v) for v in values],
                "missing": ask(column, float("nan")),
                "unknown": ask(column, max(values, default=0.0) * 2 + 1.5),
            }
        )
    return tables


def _selected(selector: Any) -> Steps:
    takes_all = selector.__sklearn_tags__().input_tags.allow_nan
    picked = {"kind": "select", "columns": np.flatnonzero(selector.get_support()).tolist()}
    return [picked] if takes_all else [check(nan=False, limit=FLOAT64_MAX), picked]


def _nothing(transformer: Any) -> Steps:
    if transformer.func is not None:
        raise NotCompilableError("a FunctionTransformer of a function is not compiled")
    return []


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and np.isnan(value)


_KINDS: dict[str, Callable[[Any], Steps]] = {
    "sklearn.pipeline.Pipeline": _pipeline,
    "sklearn.compose._column_transformer.ColumnTransformer": _column_transformer,
    "sklearn.feature_selection._univariate_selection.SelectKBest": _selected,
    "sklearn.feature_selection._univariate_selection.SelectPercentile": _selected,
    "sklearn.feature_selection._variance_threshold.VarianceThreshold": _selected,
    "sklearn.impute._base.SimpleImputer": _impute,
    "sklearn.preprocessing._data.StandardScaler": _standard,
    "sklearn.preprocessing._data.RobustScaler": _robust,
    "sklearn.preprocessing._data.MaxAbsScaler": _largest,
    "sklearn.preprocessing._data.MinMaxScaler": _range,
    "sklearn.preprocessing._encoders.OneHotEncoder": _one_hot,
    "sklearn.preprocessing._encoders.OrdinalEncoder": _ordinal,
    "sklearn.preprocessing._function_transformer.FunctionTransformer": _nothing,
}
