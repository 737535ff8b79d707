"""The guide is run as it is written; the reference lists what the code takes, and nothing else."""

import json
import re
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest
import yaml
from contract_yaml import HEAD, compiled

from tidegate.columns.arrow_types import arrow_type, duckdb_type, glue_type
from tidegate.contract import ContractPlan, compile_contract
from tidegate.contract.conditions import OPERATORS
from tidegate.contract.own_rules import COLUMN_KEYS, TABLE_KEYS
from tidegate.contract.plan import Column, ColumnType, Comparison, RuleKind
from tidegate.contract.rules import METRICS
from tidegate.contract.service_levels import PROPERTIES, SECONDS
from tidegate.contract.text_formats import TEXT_FORMATS, UNJUDGED_FORMATS
from tidegate_cli.main import main

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "guides" / "contract.md").read_text()
REFERENCE = (DOCS / "reference" / "contract.md").read_text()


def section(title):
    text = REFERENCE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    return re.sub(r"```.*?```", "", text, flags=re.DOTALL)


def words(cell):
    return re.findall(r"`([^`]+)`", cell)


def rows(title):
    """The cells of the section's table."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def first_words(title):
    return [word for row in rows(title) for word in words(row[0])]


def blocks(text, language):
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_guide_does_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = re.findall(r"^`(\w+\.csv)`$", GUIDE, re.MULTILINE)
    for name, content in zip(names, blocks(GUIDE, "csv"), strict=True):
        (tmp_path / name).write_text(content)
    ran = 0
    for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ |```).*\n)*)", GUIDE, re.MULTILINE):
        if command.startswith("tidegate "):
            with pytest.raises(SystemExit):
                main.main(shlex.split(command)[1:])
            assert capsys.readouterr().out == expected
            ran += 1
        else:
            subprocess.run(command, shell=True, check=True)  # noqa: S602  # a line of our own guide
    assert ran == 4
    (snippet,) = blocks(GUIDE, "yaml")
    assert snippet in (tmp_path / "contract.yaml").read_text()


def test_the_reference_names_every_rule_and_key():
    assert first_words("Rules of the plan") == kinds()
    assert first_words("Our own rules") == [*COLUMN_KEYS, *TABLE_KEYS]
    assert set(first_words("Library metrics")) == {*METRICS, "invalidValues"}
    assert set(OPERATORS) <= set(words(section("Library metrics")))
    assert set(get_args(Comparison)) <= set(words(section("Our own rules")))
    assert set(first_words("Types")) == {*get_args(ColumnType), "vector"}


def kinds():
    return [kind for member in get_args(RuleKind) for kind in (get_args(member) or (member,))]


def test_the_reference_names_every_option_of_the_standard():
    spec = find_spec("open_data_contract_standard")
    schema = json.loads((Path(spec.origin).parent / "schema.json").read_text())
    options = set()
    for branch in schema["$defs"]["SchemaBaseProperty"]["allOf"]:
        found = branch.get("then", {}).get("properties", {}).get("logicalTypeOptions", {})
        options |= set(found.get("properties", ()))
    assert options <= set(words(section("Keys of a column")))


def test_formats_and_service_levels_are_those_of_the_code():
    (of_text,) = [row for row in rows("Keys of a column") if row[:2] == ["`format`", "string"]]
    assert words(of_text[2]) == [*TEXT_FORMATS, *UNJUDGED_FORMATS]
    text = section("Service levels")
    assert set(PROPERTIES) <= set(words(text))
    assert {word for word in SECONDS if len(word) == 1} <= set(words(text))


@pytest.mark.parametrize("name", ["string", "number", "boolean", "date", "timestamp", "time"])
def test_the_table_of_types_is_the_map(name):
    (row,) = [row for row in rows("Types") if words(row[0]) == [name]]
    column = Column(name="a", type=name)
    assert str(arrow_type(column)).replace("tz=", "").split(";")[0].split("[")[0] in row[1]
    assert words(row[2])[0] == glue_type(arrow_type(column))
    assert words(row[3])[0] == duckdb_type(column)


def test_the_reference_quotes_blocks_that_compile(tmp_path):
    own, level = blocks(REFERENCE, "yaml")
    quality = yaml.safe_dump(yaml.safe_load(own)["quality"], default_flow_style=True, width=10_000).strip()
    plan = compiled(tmp_path, f"name: a, logicalType: number, quality: {quality}")
    assert [rule.statistic for rule in plan.rules if rule.kind == "statistic"] == ["mean", "quantile"]
    assert plan.column("a").drift.warning == 0.1
    text = (
        HEAD.replace("name: people", "name: flights") + "      - {name: landed_at, logicalType: timestamp}\n"
    )
    (tmp_path / "level.yaml").write_text(text + level)
    plan = ContractPlan.from_json(compile_contract(tmp_path / "level.yaml"))
    assert [rule.condition.values for rule in plan.rules if rule.kind == "freshness"] == [(14_400,)]
