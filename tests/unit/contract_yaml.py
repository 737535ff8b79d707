"""Contracts of one table, each column written as YAML between braces."""

import pytest

from tidegate.contract import ContractPlan, compile_contract
from tidegate.errors import ConfigError

HEAD = """\
apiVersion: v3.1.0
kind: DataContract
id: people
version: 1.0.0
status: active
schema:
  - name: people
    properties:
"""


def compiled(tmp_path, *columns, table="", tail=""):
    """The plan of a contract with these columns; `table` goes on with the table, `tail` with the contract."""
    file = tmp_path / "contract.yaml"
    file.write_text(HEAD + "".join(f"      - {{{column}}}\n" for column in columns) + table + tail)
    return ContractPlan.from_json(compile_contract(file))


def mistakes(tmp_path, *columns, table="", tail=""):
    with pytest.raises(ConfigError) as refused:
        compiled(tmp_path, *columns, table=table, tail=tail)
    return refused.value.cause


def kinds(plan, column):
    return [rule.kind for rule in plan.rules if rule.columns == (column,)]


def rule_of(plan, kind, column="a"):
    """The one rule of this kind."""
    (rule,) = [rule for rule in plan.rules if rule.kind == kind and rule.columns == (column,)]
    return rule
