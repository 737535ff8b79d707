"""From an Open Data Contract Standard v3.1 file to the plan that functions read.

Runs where the pipeline is synthesized, never in a function: YAML and the standard's JSON Schema are imported
inside. What cannot be judged is refused, as are contracts of more than one table; prose is left alone.
"""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from tidegate.contract.columns import column_of
from tidegate.contract.document import Document, Where, meant
from tidegate.contract.own_rules import bad_rows_of, settings_of
from tidegate.contract.plan import NESTED, Column, ContractPlan, Rule
from tidegate.contract.rules import column_rules, table_rules
from tidegate.contract.service_levels import freshness_rules
from tidegate.contract.values import SUM_DIGITS, PlanValue, is_float, sum_places, value_of

_TABLE_NAME = "[a-z][a-z0-9_]{0,99}"  # it names a Glue table, and the folder of its drops

_FAMILIES = {
    "integer": "number",
    "date": "timestamp",
}  # compared with each other, a date as its first instant


def compile_contract(path: Path) -> dict[str, Any]:
    """The plan of the contract at `path`, as JSON.

    Raises:
        ConfigError: the file is missing, not YAML, not ODCS, or asks for what cannot be checked; one line of
            the file for each mistake.
    """
    document = Document.read(path)
    document.check_standard()
    document.raise_problems()

    tables = document.data["schema"]
    if len(tables) != 1:
        document.problem(("schema",), f"`schema` has {len(tables)} tables; a pipeline reads drops of one")
        document.raise_problems()
    table = tables[0]
    if not re.fullmatch(_TABLE_NAME, table["name"]):
        document.problem(("schema", 0, "name"), f"table name {table['name']!r} must match {_TABLE_NAME}")
    columns, rules = _columns_and_rules(document, table)
    bad_rows = bad_rows_of(document, ("schema", 0), table)
    document.raise_problems()

    hashed = {
        "columns": [column.to_json() for column in columns],
        "rules": [rule.to_json() for rule in rules],
        "bad_rows": bad_rows.to_json(),
    }
    plan = ContractPlan(
        id=document.data["id"],
        version=document.data["version"],
        dataset=table["name"],
        hash=hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest(),
        columns=tuple(columns),
        rules=tuple(rules),
        bad_rows=bad_rows,
    )
    return plan.to_json()


def _columns_and_rules(document: Document, table: dict[str, Any]) -> tuple[list[Column], list[Rule]]:
    columns: list[Column] = []
    rules: list[Rule] = []
    for index, entry in enumerate(table.get("properties", ())):
        where = ("schema", 0, "properties", index)
        if not entry.get("name"):
            document.problem(where, "the column has no `name`")
        column = column_of(document, where, entry)
        if column is None:
            continue
        if column.name in {other.name for other in columns}:
            document.problem(where, f"column `{column.name}` is there twice")
        columns.append(settings_of(document, where, entry, column))
        rules += column_rules(document, where, entry, column)
    if not table.get("properties"):
        document.problem(("schema", 0), "the table has no columns: list them under `properties`")
    whole = table_rules(document, ("schema", 0), table)
    whole = [_checked(document, ("schema", 0, "quality"), rule, columns) for rule in whole]
    # The drop's own rules first: a missing column explains what follows.
    return columns, whole + rules + freshness_rules(document, table["name"], columns)


def _checked(document: Document, where: Where, rule: Rule, columns: list[Column]) -> Rule:
    """A rule of the table names columns of it, compares what can be compared and lists what they hold."""
    types = {column.name: column.type for column in columns}
    unknown = [name for name in dict.fromkeys(rule.columns) if name not in types]
    for name in unknown:
        document.problem(where, f"a rule names `{name}`, which is not a column{meant(name, types)}")
    if rule.kind == "compare" and not unknown:
        families = {_FAMILIES.get(types[name], types[name]) for name in rule.columns}
        if len(families) > 1 or families & set(NESTED):
            told = " with ".join(f"`{name}` of type {types[name]}" for name in rule.columns)
            document.problem(where, f"a rule compares {told}")
    if rule.kind == "unique" and not unknown and len(rule.columns) > 1:
        for name in rule.columns:
            if types[name] in NESTED:
                document.problem(where, f"a key holds `{name}`, which is nested")
    named = [column for name in rule.columns for column in columns if column.name == name]
    if rule.kind == "sum" and not unknown:
        _check_sum(document, where, rule, named)
    if rule.kind == "pairs" and not unknown:
        return replace(rule, pairs=_pairs(document, where, rule, named))
    return rule


def _check_sum(document: Document, where: Where, rule: Rule, columns: list[Column]) -> None:
    others = [column for column in columns if column.type not in ("integer", "number")]
    for column in others:
        document.problem(where, f"a rule sums `{column.name}` of type {column.type}, must be numbers")
    if others or any(is_float(column) for column in columns):
        return
    digits, _ = sum_places(columns, rule.total)
    if digits > SUM_DIGITS:
        names = ", ".join(rule.columns)
        document.problem(where, f"an exact sum of {names} has {digits} digits, may have {SUM_DIGITS}")


def _pairs(
    document: Document, where: Where, rule: Rule, columns: list[Column]
) -> tuple[tuple[PlanValue, ...], ...]:
    """The listed values as those of their columns."""
    pairs = []
    for listed in rule.pairs:
        try:
            pairs.append(tuple(value_of(column, v) for column, v in zip(columns, listed, strict=True)))
        except ValueError as cause:
            document.problem(where, f"a rule lists {listed!r} of {', '.join(rule.columns)}: {cause}")
    return tuple(pairs)
