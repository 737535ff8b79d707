"""From an Open Data Contract Standard v3.1 file to the plan that functions read.

Runs where the pipeline is synthesized, never in a function: YAML and the standard's JSON Schema are imported
inside. Drops hold flat tables; `object`, `array`, `map` and `vector` columns are refused, as are contracts of
more than one table.
"""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from tidegate.contract.document import Document
from tidegate.contract.plan import Column, ContractPlan, Rule
from tidegate.contract.rules import column_of, column_rules, table_rules
from tidegate.contract.values import check_rule

_TABLE_NAME = "[a-z][a-z0-9_]{0,99}"  # it names a Glue table, and the folder of its drops


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
    document.raise_problems()

    hashed = {"columns": [c.to_json() for c in columns], "rules": [r.to_json() for r in rules]}
    plan = ContractPlan(
        id=document.data["id"],
        version=document.data["version"],
        dataset=table["name"],
        hash=hashlib.sha256(json.dumps(hashed, sort_keys=True).encode()).hexdigest(),
        columns=tuple(columns),
        rules=tuple(rules),
    )
    return plan.to_json()


def _columns_and_rules(document: Document, table: dict[str, Any]) -> tuple[list[Column], list[Rule]]:
    columns: list[Column] = []
    rules: list[Rule] = []
    for index, entry in enumerate(table.get("properties", ())):
        where = ("schema", 0, "properties", index)
        column = column_of(document, where, entry)
        if column is None:
            continue
        if column.name in {other.name for other in columns}:
            document.problem(where, f"column `{column.name}` is there twice")
        columns.append(column)
        found = column_rules(document, where, entry, column)
        for rule in found:
            check_rule(document, where, rule, column)
        rules += found
    if not table.get("properties"):
        document.problem(("schema", 0), "the table has no columns: list them under `properties`")
    whole = table_rules(document, ("schema", 0), table)
    for rule in whole:
        for name in set(rule.columns) - {column.name for column in columns}:
            document.problem(("schema", 0, "quality"), f"a rule names `{name}`, which is not a column")
    # The drop's own rules first: a missing column explains what follows.
    return columns, whole + rules
