"""A constraints.json of SageMaker Model Monitor, AWS's or ours, put to a profile.

Pure: JSON documents and profiles in, a constraint_violations.json out. Both thresholds of the file are the
share of rows that must be right: AWS's container writes 1.0 and says "Expected match: 100.0%".

Source:
    AWS, "Schema for Constraints" and "Schema for Violations" of the SageMaker guide. The distance is that of
    awslabs/deequ, Distance.scala: the largest difference of two cumulative shares (of a value's shares, for
    texts), by the robust method less 1.8 sqrt((n + m) / (n m)).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.monitoring.monitor_files import completeness, inferred_type, violation
from tidegate.profile import ColumnProfile, Profile
from tidegate.statistics.drift import ColumnDrift

_NUMERIC = ("Integral", "Fractional")


def violations(
    baseline: Mapping[str, Any],
    current: Profile,
    drifted: Sequence[ColumnDrift] = (),
    *,
    statistics: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """constraint_violations.json: where `current` breaks the constraints of `baseline`, and what has drifted.

    Args:
        baseline: a constraints.json, with overrides of single features under either spelling: the guide's
            `monitoringConfigOverrides` or the SDK's `monitoring_config_overrides`.
        current: the rows in question.
        drifted: columns that `tidegate.statistics.drift` found to have drifted.
        statistics: the statistics.json beside `baseline`; with it the file's own comparison is made too, but
            for ChiSquared, whose scale AWS does not tell.
    """
    config = baseline.get("monitoring_config", {})
    expected = {feature["name"]: feature for feature in baseline["features"]}
    found = [violation(item.column, "baseline_drift_check", _drift_text(item)) for item in drifted]
    if not _enabled(config, "evaluate_constraints"):
        return {"violations": found}
    found = [*_names(list(expected), list(current.columns)), *found]
    known = {feature["name"]: feature for feature in (statistics or {}).get("features", ())}
    for name, feature in expected.items():
        column = current.columns.get(name)
        own = _config(config, feature)
        if column is None or not column.rows or not _enabled(own, "evaluate_constraints"):
            continue
        found += _column_violations(feature, column, own)
        if name in known:
            found += _distance_violations(known[name], column, own.get("distribution_constraints", {}))
    return {"violations": found}


def _names(expected: list[str], actual: list[str]) -> list[dict[str, str]]:
    missing = [name for name in expected if name not in actual]
    extra = [name for name in actual if name not in expected]
    gone, new = (
        "the column is in the baseline, not in the data",
        "the column is in the data, not in the baseline",
    )
    return [
        *(violation(name, "missing_column_check", gone) for name in missing),
        *(violation(name, "extra_column_check", new) for name in extra),
    ]


def _enabled(config: Mapping[str, Any], name: str) -> bool:
    return bool(config.get(name, "Enabled") == "Enabled")


def _config(config: Mapping[str, Any], feature: Mapping[str, Any]) -> dict[str, Any]:
    """The file's settings with those of one feature over them."""
    merged = dict(config)
    for spelling in ("monitoringConfigOverrides", "monitoring_config_overrides"):
        for name, value in (feature.get(spelling) or {}).items():
            merged[name] = {**merged.get(name, {}), **value} if isinstance(value, Mapping) else value
    return merged


def _column_violations(
    feature: Mapping[str, Any], column: ColumnProfile, config: Mapping[str, Any]
) -> list[dict[str, str]]:
    name, found = feature["name"], []
    expected = feature.get("inferred_type", "Unknown")
    required, share = config.get("datatype_check_threshold", 1.0), _matching_share(expected, column)
    if share < required:
        text = (
            f"Data type match requirement is not met. Expected data type: {expected}, Expected match: "
            f"{100 * required}%. Observed: Only {100 * share}% of data is {expected}."
        )
        found.append(violation(name, "data_type_check", text))
    there, least = completeness(column), feature.get("completeness", 0)
    if there < least:
        text = f"{there:.4f} of the values are there, in the baseline {least:.4f}"
        found.append(violation(name, "completeness_check", text))
    domains = (feature.get("string_constraints") or {}).get("domains")
    if domains and column.counts is not None and column.count:
        known = sum(column.counts.get(value, 0) for value in set(domains)) / column.count
        required = config.get("domain_content_threshold", 1.0)
        if known < required:
            text = f"{known:.4f} of the values are known to the baseline, required are {required:.4f}"
            found.append(violation(name, "categorical_values_check", text))
    must = (feature.get("num_constraints") or {}).get("is_non_negative", False)
    if must and column.kind == "number" and column.minimum is not None and column.minimum < 0:
        text = f"the smallest value is {column.minimum}, in the baseline none is negative"
        found.append(violation(name, "is_non_negative_check", text))
    return found


def _matching_share(expected: str, column: ColumnProfile) -> float:
    """The share of the values that are of the expected type; all of them when nothing is expected."""
    actual = inferred_type(column)
    if (
        expected in (actual, "Unknown")
        or (expected, actual) == ("Fractional", "Integral")
        or not column.count
    ):
        return 1.0
    if (expected, actual) == ("Integral", "Fractional"):
        values, weights = column.ranks.values, column.ranks.weights
        if column.counts:
            values = np.array([float(value) for value in column.counts])
            weights = np.array(list(column.counts.values()), np.float64)
        return float(weights[values == np.floor(values)].sum() / weights.sum())
    if actual == "String" and expected in _NUMERIC and column.counts:
        read = int if expected == "Integral" else float
        return sum(n for value, n in column.counts.items() if _reads(read, value)) / column.count
    return 0.0


def _reads(read: type[int] | type[float], value: object) -> bool:
    try:
        return math.isfinite(read(str(value)))
    except ValueError:
        return False


def _distance_violations(
    known: Mapping[str, Any], column: ColumnProfile, config: Mapping[str, Any]
) -> list[dict[str, str]]:
    if not _enabled(config, "perform_comparison") or not column.count:
        return []
    limit = config.get("comparison_threshold", 0.1)
    if (texts := known.get("string_statistics")) is not None:
        limit = config.get("categorical_comparison_threshold", limit)
        if config.get("categorical_drift_method", "LInfinity") != "LInfinity" or column.counts is None:
            return []
        distance, n = _text_distance(texts, column)
    elif "distribution" in (numbers := known.get("numerical_statistics", {})) and column.kind == "number":
        distance, n = _number_distance(numbers, column)
    else:
        return []
    if str(config.get("comparison_method", "Robust")).lower().endswith("robust") and n:
        distance = max(0.0, distance - 1.8 * math.sqrt((n + column.count) / (n * column.count)))
    if distance <= limit:
        return []
    text = f"Baseline drift distance: {distance} exceeds threshold: {limit}"
    return [violation(column.name, "baseline_drift_check", text)]


def _number_distance(known: Mapping[str, Any], column: ColumnProfile) -> tuple[float, int]:
    """Largest difference of the cumulative shares, and the rows of the baseline."""
    levels = known["distribution"]["kll"]["sketch"]["data"]
    values = np.concatenate([np.asarray(level, np.float64) for level in levels])
    weights = np.concatenate([np.full(len(level), 2.0**height) for height, level in enumerate(levels)])
    n = int(known["common"]["num_present"])
    if not len(values):
        return 0.0, n
    order = np.argsort(values, kind="stable")
    values, cumulative = values[order], np.append(0.0, np.cumsum(weights[order]))
    support = [float(value) for value in column.counts] if column.counts else column.ranks.values
    points = np.concatenate([values, support])
    before = cumulative[np.searchsorted(values, points, side="right")] / cumulative[-1]
    return float(np.max(np.abs(before - column.share_at_or_below(points)))), n


def _text_distance(known: Mapping[str, Any], column: ColumnProfile) -> tuple[float, int]:
    """Largest difference of a value's share, and the rows of the baseline."""
    before = {item["value"]: item["count"] for item in known["distribution"]["categorical"]["buckets"]}
    now = column.counts or {}
    n = int(sum(before.values()))
    if not n:
        return 0.0, 0
    differences = (before.get(v, 0) / n - now.get(v, 0) / column.count for v in before.keys() | now.keys())
    return max(map(abs, differences)), n


def _drift_text(item: ColumnDrift) -> str:
    return f"PSI {item.effect:.4f} beyond sampling noise, adjusted p {item.adjusted_p:.2g}"
