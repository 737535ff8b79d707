"""A drop or a window of traffic in the file formats of SageMaker Model Monitor.

Pure: profiles, contracts and verdicts in, JSON documents out. A column of up to 1,024 rows gets what AWS's
own container would write, to the last bit: its sketch then holds the rows in their order. Beyond, it holds
the ranks of the profile, where AWS's has its own compactions. Times are of type Unknown, and rules that Model
Monitor does not know are violations under their own names.

Source:
    AWS, "Schema for Statistics", "Schema for Constraints" and "Schema for Violations" of the SageMaker guide;
    its arithmetic as in the files of aws/sagemaker-python-sdk, tests/data/pipeline/model_step.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.messages.ingestion import Reason
from tidegate.profile import ColumnProfile, Profile

STATISTICS = "statistics.json"
CONSTRAINTS = "constraints.json"
VIOLATIONS = "constraint_violations.json"

_BUCKETS = 10
_DOMAIN_VALUES = 100  # a text of more different values gets no list of allowed ones
_DRIFT_THRESHOLD = 0.2
_DOMAIN_THRESHOLD = 0.9  # share of rows whose value must be known to the baseline
_TYPES = {"string": "String", "integer": "Integral", "boolean": "Integral", "number": "Fractional"}
_CHECKS = {  # what Model Monitor calls a rule of ours
    "type": "data_type_check",
    "required": "completeness_check",
    "null_values": "completeness_check",
    "missing_values": "completeness_check",
    "enum": "categorical_values_check",
    "not_enum": "categorical_values_check",
    "drift": "baseline_drift_check",
}


def statistics(profile: Profile) -> dict[str, Any]:
    """statistics.json: population standard deviation, ten buckets of equal width, values of texts."""
    return {
        "version": 0.0,
        "dataset": {"item_count": profile.rows},
        "features": [_statistics(column) for column in profile.columns.values()],
    }


def constraints(profile: Profile) -> dict[str, Any]:
    """constraints.json: what later rows should keep to, were they like these."""
    return _constraints([_constraint(column) for column in profile.columns.values()], _DOMAIN_THRESHOLD)


def contract_constraints(plan: ContractPlan) -> dict[str, Any]:
    """constraints.json: what the contract asks of a drop, as far as Model Monitor can say it."""
    return _constraints([_promised(column, plan.rules) for column in plan.columns], 1.0)


def verdict_violations(plan: ContractPlan, reasons: Sequence[Reason]) -> dict[str, Any]:
    """constraint_violations.json: the reasons of a verdict.

    A rule that Model Monitor lacks keeps its name, as in `range_check`; reasons about the drop as a whole are
    of the feature `dataset`.
    """
    found = []
    for reason in reasons:
        check = _CHECKS.get(reason.rule, f"{reason.rule}_check")
        if reason.rule == "columns" and reason.column is not None:
            check = "missing_column_check" if reason.column in plan.names else "extra_column_check"
        found.append(violation(reason.column or "dataset", check, reason.message))
    return {"violations": found}


def violation(name: str, check: str, description: str) -> dict[str, str]:
    return {"feature_name": name, "constraint_check_type": check, "description": description}


def inferred_type(column: ColumnProfile) -> str:
    """Integral, Fractional, String or Unknown."""
    if column.kind == "text":
        return "String"
    if column.kind == "other" or column.type.startswith(("timestamp", "date", "time", "duration")):
        return "Unknown"
    return "Integral" if column.type == "bool" or "int" in column.type else "Fractional"


def completeness(column: ColumnProfile) -> float:
    """The share of rows that have a value."""
    return 1 - column.missing / column.rows if column.rows else 1.0


def _constraints(features: list[dict[str, Any]], domain_threshold: float) -> dict[str, Any]:
    """The two thresholds are the share of rows that must be of the type, or have a known value."""
    return {
        "version": 0.0,
        "features": features,
        "monitoring_config": {
            "evaluate_constraints": "Enabled",
            "emit_metrics": "Enabled",
            "datatype_check_threshold": 1.0,
            "domain_content_threshold": domain_threshold,
            "distribution_constraints": {
                "perform_comparison": "Enabled",
                "comparison_threshold": _DRIFT_THRESHOLD,
                "comparison_method": "Robust",
                "categorical_comparison_threshold": _DRIFT_THRESHOLD,
                "categorical_drift_method": "LInfinity",
            },
        },
    }


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
            "std_dev": _standard_deviation(column),
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


def _standard_deviation(column: ColumnProfile) -> float:
    """Row by row as Spark does while the rows are there, which tells in the last digit."""
    if not column.ranks.are_all(column.count):
        return column.standard_deviation
    mean = m2 = 0.0
    for count, value in enumerate(column.ranks.values.tolist(), 1):
        delta = value - mean
        mean += delta / count
        m2 += delta * (delta - delta / count)
    return math.sqrt(m2 / column.count)


def _buckets(column: ColumnProfile) -> list[dict[str, float]]:
    """As numpy.histogram: half-open but for the last, which holds the maximum."""
    low, high = float(column.minimum or 0), float(column.maximum or 0)
    edges = low + (high - low) * np.arange(_BUCKETS + 1) / _BUCKETS
    below = column.share_at_or_below(np.nextafter(edges[1:-1], -np.inf))
    counts = np.diff(below, prepend=0, append=1) * column.count
    return [
        {"lower_bound": lower, "upper_bound": upper, "count": round(count, 6)}
        for lower, upper, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    ]


def _constraint(column: ColumnProfile) -> dict[str, Any]:
    type_ = inferred_type(column)
    feature: dict[str, Any] = {
        "name": column.name,
        "inferred_type": type_,
        "completeness": completeness(column),
    }
    if type_ == "String":
        if column.counts is not None and len(column.counts) <= _DOMAIN_VALUES:
            feature["string_constraints"] = {"domains": sorted(map(str, column.counts))}
    elif type_ != "Unknown" and column.minimum is not None:
        feature["num_constraints"] = {"is_non_negative": column.minimum >= 0}
    return feature


def _promised(column: Column, rules: Sequence[Rule]) -> dict[str, Any]:
    own = [rule for rule in rules if rule.columns == (column.name,) and rule.severity == "error"]
    type_ = _TYPES.get(column.type, "Unknown")
    feature: dict[str, Any] = {
        "name": column.name,
        "inferred_type": type_,
        "completeness": max(map(_promised_share, own), default=0.0),
    }
    domains = [rule.values for rule in own if rule.kind == "enum" and rule.names_bad_rows]
    if type_ == "String" and domains:
        feature["string_constraints"] = {"domains": sorted(map(str, domains[0]))}
    if type_ in ("Integral", "Fractional"):
        bounds = [rule.minimum for rule in own if rule.kind == "range" and rule.names_bad_rows]
        known = [bound for bound in bounds if isinstance(bound, int | float)]
        feature["num_constraints"] = {"is_non_negative": max(known, default=-1) >= 0}
    return feature


def _promised_share(rule: Rule) -> float:
    """The least share of rows with a value that the rule lets pass."""
    condition = rule.condition
    if rule.kind not in ("required", "null_values", "missing_values"):
        return 0.0
    if rule.names_bad_rows:
        return 1.0
    if condition.unit == "percent" and condition.operator in ("mustBeLessThan", "mustBeLessOrEqualTo"):
        return 1 - condition.values[0] / 100
    return 0.0
