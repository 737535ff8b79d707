"""Request columns as JSON Schema: the contract's rules of single values, as `request_checks` has them."""

from typing import Any

from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.feature_store.feature_plan import FeatureSetPlan
from tidegate.serving.request_checks import NULLS, single_value_rules

Schema = dict[str, Any]
_INT64 = {"minimum": -(2**63), "maximum": 2**63 - 1}
_TYPES: dict[str, Schema] = {
    "string": {"type": "string"},
    "integer": {"type": "integer", **_INT64},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "timestamp": {"type": "string", "format": "date-time"},
    "date": {"type": "string", "format": "date"},
    # without a zone, so JSON Schema's own format is another one
    "time": {"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,6})?)?$"},
}


def row_schema(features: FeatureSetPlan, contract: ContractPlan) -> Schema:
    """Of one request row: every column is there, and no other."""
    columns = {
        name: column_schema(
            contract.column(name),
            single_value_rules(contract, name),
            nullable=name != features.source.event_ts,
        )
        for name in features.request
    }
    return {
        "type": "object",
        "properties": columns,
        "required": list(features.request),
        "additionalProperties": False,
    }


def column_schema(column: Column, rules: tuple[Rule, ...], *, nullable: bool) -> Schema:
    """Of one value; null is allowed unless a rule forbids it or `nullable` is false."""
    value: Schema = dict(_TYPES[column.type])
    also = []
    for rule in rules:
        for key, limit in _keywords(column, rule).items():
            if key in value and key not in _TYPES[column.type]:
                also.append({key: limit})
            else:
                value[key] = limit
    if also:
        value["allOf"] = also
    if not nullable or any(rule.kind in NULLS for rule in rules):
        return value
    return {"anyOf": [value, {"type": "null"}]}


def _keywords(column: Column, rule: Rule) -> Schema:
    """What JSON Schema calls the rule; nothing where it has no word, as for ranges of dates."""
    match rule.kind:
        case "range" if column.type in ("integer", "number"):
            low = "exclusiveMinimum" if rule.exclusive_minimum else "minimum"
            high = "exclusiveMaximum" if rule.exclusive_maximum else "maximum"
            bounds = {low: rule.minimum, high: rule.maximum}
            return {key: bound for key, bound in bounds.items() if bound is not None}
        case "multiple_of" if rule.multiple_of:
            return {"multipleOf": rule.multiple_of}
        case "enum":
            return {"enum": list(rule.values)}
        case "missing_values" if rule.values:
            return {"not": {"enum": list(rule.values)}}
        case "pattern" if rule.pattern:
            return {"pattern": rule.pattern}
        case "length":
            lengths = {"minLength": rule.minimum, "maxLength": rule.maximum}
            return {key: bound for key, bound in lengths.items() if bound is not None}
    return {}
