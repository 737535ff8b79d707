"""A profile in the file formats of SageMaker Model Monitor: statistics, constraints and their violations.

Pure: profiles in, JSON documents out. Two things differ from AWS's own container: the sketch holds the
profile's ranks in ascending order, not the rows in theirs, and times are of type Unknown.

Source:
    AWS, "Schema for Statistics", "Schema for Constraints" and "Schema for Violations" of the SageMaker guide;
    its arithmetic as in the files of aws/sagemaker-python-sdk, tests/data/pipeline/model_step.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.drift import ColumnDrift
from tidegate.profile import ColumnProfile, Profile

STATISTICS = "statistics.json"
CONSTRAINTS = "constraints.json"
VIOLATIONS = "constraint_violations.json"

_BUCKETS = 10
_DOMAIN_VALUES = 100  # a text of more different values gets no list of allowed ones
_DRIFT_THRESHOLD = 0.2


def statistics(profile: Profile) -> dict[str, Any]:
    """statistics.json: population standard deviation, ten buckets of equal width, values of texts."""
    return {
        "version": 0,
        "dataset": {"item_count": profile.rows},
        "features": [_statistics(column) for column in profile.columns.values()],
    }


def constraints(profile: Profile) -> dict[str, Any]:
    """constraints.json: what later rows should keep to, were they like these.

    The two thresholds are the share of rows that must be of the type, or have a known value.
    """
    return {
        "version": 0,
        "features": [_constraint(column) for column in profile.columns.values()],
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": 0.9,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": _DRIFT_THRESHOLD,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": _DRIFT_THRESHOLD,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


def violations(
    baseline: Mapping[str, Any], current: Profile, drifted: Sequence[ColumnDrift] = ()
) -> dict[str, Any]:
    """constraint_violations.json: where `current` breaks the constraints of `baseline`, and what has drifted.

    Args:
        baseline: a constraints.json, ours or AWS's.
        current: the rows in question.
        drifted: columns to report as drifted; drift is measured by `tidegate.drift`, not here.
    """
    config = baseline.get("monitoring_config", {})
    expected = {feature["name"]: feature for feature in baseline["features"]}
    found = [
        _violation(name, "missing_column_check", "the column is in the baseline and not in the data")
        for name in expected
        if name not in current.columns
    ]
    found += [
        _violation(name, "extra_column_check", "the column is in the data and not in the baseline")
        for name in current.columns
        if name not in expected
    ]
    for name, feature in expected.items():
        if (column := current.columns.get(name)) is not None and column.rows:
            found += _column_violations(feature, column, config)
    found += [
        _violation(
            item.column,
            "baseline_drift_check",
            f"PSI {item.effect:.4f} beyond sampling noise, adjusted p {item.adjusted_p:.2g}",
        )
        for item in drifted
    ]
    return {"violations": found}


def inferred_type(column: ColumnProfile) -> str:
    """Integral, Fractional, String or Unknown."""
    if column.kind == "text":
        return "String"
    if column.kind == "other" or column.type.startswith(("timestamp", "date", "time", "duration")):
        return "Unknown"
    return "Integral" if column.type == "bool" or "int" in column.type else "Fractional"


def _statistics(column: ColumnProfile) -> dict[str, Any]:
    common = {"num_present": column.rows - column.missing, "num_missing": column.missing}
    type_ = inferred_type(column)
    feature: dict[str, Any] = {"name": column.name, "inferred_type": type_}
    if type_ == "String":
        values = column.counts or {}
        buckets = [{"value": value, "count": count} for value, count in sorted(values.items())]
        feature["string_statistics"] = {
            "common": common,
            "distinct_count": float(column.distinct),
            "distribution": {"categorical": {"buckets": buckets}},
        }
    elif type_ != "Unknown" and column.count:
        feature["numerical_statistics"] = {
            "common": common,
            "mean": column.mean,
            "sum": column.mean * column.count,
            "std_dev": column.standard_deviation,
            "min": float(column.minimum or 0),
            "max": float(column.maximum or 0),
            "distribution": {
                "kll": {
                    "buckets": _buckets(column),
                    "sketch": {
                        "parameters": {"c": 0.64, "k": 2048.0},
                        "data": [column.ranks.values.tolist()],
                    },
                }
            },
        }
    else:
        feature["numerical_statistics"] = {"common": common}
    return feature


def _buckets(column: ColumnProfile) -> list[dict[str, float]]:
    """As numpy.histogram: half-open but for the last, which holds the maximum."""
    edges = np.linspace(float(column.minimum or 0), float(column.maximum or 0), _BUCKETS + 1)
    below = column.share_at_or_below(np.nextafter(edges[1:-1], -np.inf))
    counts = np.diff(below, prepend=0, append=1) * column.count
    return [
        {"lower_bound": low, "upper_bound": high, "count": round(count, 6)}
        for low, high, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]


def _constraint(column: ColumnProfile) -> dict[str, Any]:
    type_ = inferred_type(column)
    feature: dict[str, Any] = {
        "name": column.name,
        "inferred_type": type_,
        "completeness": _completeness(column),
    }
    if type_ == "String":
        if column.counts is not None and len(column.counts) <= _DOMAIN_VALUES:
            feature["string_constraints"] = {"domains": sorted(map(str, column.counts))}
    elif type_ != "Unknown" and column.minimum is not None:
        feature["num_constraints"] = {"is_non_negative": column.minimum >= 0}
    return feature


def _completeness(column: ColumnProfile) -> float:
    return 1 - column.missing / column.rows if column.rows else 1.0


def _column_violations(
    feature: Mapping[str, Any], column: ColumnProfile, config: Mapping[str, Any]
) -> list[dict[str, str]]:
    name, found = feature["name"], []
    expected, actual = feature.get("inferred_type", "Unknown"), inferred_type(column)
    fits = expected in (actual, "Unknown") or (expected, actual) == ("Fractional", "Integral")
    if not fits and config.get("datatype_check_threshold", 1.0) > 0:
        found.append(_violation(name, "data_type_check", f"the type is {actual}, in the baseline {expected}"))
    completeness = _completeness(column)
    if completeness < feature.get("completeness", 0):
        text = f"{completeness:.4f} of the values are there, in the baseline {feature['completeness']:.4f}"
        found.append(_violation(name, "completeness_check", text))
    domains = feature.get("string_constraints", {}).get("domains")
    if domains and column.counts is not None and column.count:
        known = sum(column.counts.get(value, 0) for value in domains) / column.count
        required = config.get("domain_content_threshold", 1.0)
        if known < required:
            text = f"{known:.4f} of the values are known to the baseline, required are {required:.4f}"
            found.append(_violation(name, "categorical_values_check", text))
    return found


def _violation(name: str, check: str, description: str) -> dict[str, str]:
    return {"feature_name": name, "constraint_check_type": check, "description": description}
