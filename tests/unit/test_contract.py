import contextlib
import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from contract_yaml import compiled, kinds, mistakes
from hypothesis import given
from hypothesis import strategies as st

from tidegate.contract import Condition, ContractPlan, compile_contract
from tidegate.errors import ConfigError

FLIGHTS = Path(__file__).parents[2] / "examples" / "flights" / "contract.yaml"


def test_the_example_compiles_to_its_columns_and_rules():
    plan = ContractPlan.from_json(compile_contract(FLIGHTS))
    assert (plan.dataset, len(plan.columns)) == ("flights", 18)
    assert kinds(plan, "flight_id") == ["type", "required", "pattern", "unique"]
    assert kinds(plan, "temp") == ["type", "range", "null_values"]
    assert ContractPlan.from_json(plan.to_json()) == plan


def test_the_hash_tells_rules_apart_and_not_descriptions(tmp_path):
    adult = "name: age, logicalType: integer, logicalTypeOptions: {minimum: 18}"
    one = compiled(tmp_path, adult)
    described = compiled(tmp_path, f"{adult}, description: In years.")
    other = compiled(tmp_path, adult.replace("18", "21"))
    assert one.hash == described.hash != other.hash


def test_two_primary_key_columns_are_unique_together(tmp_path):
    second = "name: b, logicalType: string, primaryKey: true, primaryKeyPosition: 2"
    first = "name: a, logicalType: string, primaryKey: true, primaryKeyPosition: 1"
    plan = compiled(tmp_path, second, first)
    assert [rule.columns for rule in plan.rules if rule.kind == "unique"] == [("a", "b")]
    assert "required" in kinds(plan, "a") and "required" in kinds(plan, "b")


def test_a_rule_without_severity_is_an_error_and_a_warning_has_to_be_asked_for(tmp_path):
    strict = "{metric: nullValues, mustBe: 0}"
    lax = "{metric: nullValues, mustBeLessThan: 5, unit: percent, severity: warning}"
    plan = compiled(tmp_path, f"name: a, logicalType: string, quality: [{strict}, {lax}]")
    rules = [rule for rule in plan.rules if rule.kind == "null_values"]
    assert [rule.severity for rule in rules] == ["error", "warning"]
    assert [str(rule.condition) for rule in rules] == ["exactly 0", "less than 5 percent"]


@pytest.mark.parametrize(
    ("column", "told"),
    [
        pytest.param("requird: true", "unknown key `requird`, did you mean `required`?", id="misspelt key"),
        pytest.param("quality: [{metric: nullValues}]", "exactly one of mustBe", id="no operator"),
        pytest.param(
            "quality: [{metric: nullValues, mustBe: 0, severity: loud}]", "severity is 'loud'", id="severity"
        ),
        pytest.param(
            "quality: [{metric: nullValues, mustBe: 0, unit: per mille}]", "unit is 'per mille'", id="unit"
        ),
        pytest.param("quality: [{metric: invalidValues, mustBe: 0}]", "needs `arguments`", id="no values"),
        pytest.param(
            "quality: [{metric: invalidValues, arguments: {validValues: [NO, SE]}, mustBe: 0}]",
            "False is not of type string; quote it",
            id="Norway",
        ),
        pytest.param("quality: [{type: sql, query: select 1, mustBe: 0}]", "cannot be judged", id="sql"),
        pytest.param("logicalTypeOptions: {pattern: '(?=x)'}", "cannot be used", id="pattern RE2 lacks"),
        pytest.param("name: b", "`name` is given twice", id="key twice"),
    ],
)
def test_a_mistake_in_a_text_column_is_told_with_its_line(tmp_path, column, told):
    found = mistakes(tmp_path, f"name: a, logicalType: string, {column}")
    assert found.startswith("line 9: ") and told in found


@pytest.mark.parametrize(
    ("column", "told"),
    [
        pytest.param("name: a", "has no `logicalType`", id="no type"),
        pytest.param("name: a, logicalType: text", "'text' is not one of", id="unknown type"),
        pytest.param("name: a, logicalType: object", "`properties` must say of what", id="empty object"),
        pytest.param(
            "name: a, logicalType: date, logicalTypeOptions: {minimum: '2013-02-30'}",
            "'2013-02-30' is not of type date",
            id="impossible limit",
        ),
        pytest.param(
            "name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Mars/Base}",
            "time zone Mars/Base is unknown",
            id="time zone",
        ),
    ],
)
def test_a_mistake_in_a_type_is_told_with_its_line(tmp_path, column, told):
    found = mistakes(tmp_path, column)
    assert found.startswith("line 9: ") and told in found


def test_all_mistakes_are_told_at_once(tmp_path):
    column = "name: a, logicalType: string"
    keys = "    quality:\n      - {metric: duplicateValues, arguments: {properties: [c]}, mustBe: 0}\n"
    told = mistakes(tmp_path, column, column, "name: b, logicalType: object", table=keys)
    assert "line 10: column `a` is there twice" in told
    assert "line 11: column `b` is an object: `properties` must say of what" in told
    assert "`c`, which is not a column" in told


def test_a_file_that_is_not_there_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="does not exist"):
        compile_contract(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: [", "is not YAML"),
        ("? [a]\n: b\n", "is not YAML"),
        ("", "is not a data contract"),
        ("- a\n", "is not a data contract"),
        ("a: &a [*a]\n", "is not a data contract"),
    ],
    ids=["cut off", "key that is a list", "empty", "list", "holds itself"],
)
def test_a_file_that_holds_no_contract_is_a_config_error(tmp_path, text, told):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        compile_contract(tmp_path / "bad.yaml")


def test_loading_the_compiler_costs_no_yaml_no_schema_and_no_arrow():
    script = "import sys, tidegate.contract; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not {"yaml", "jsonschema", "pydantic", "pyarrow", "numpy"} & set(done.stdout.split())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
        max_leaves=5,
    ),
    st.sampled_from(
        [
            ("schema", 0, "properties", 0, "logicalType"),
            ("schema", 0, "properties", 0, "logicalTypeOptions"),
            ("schema", 0, "properties", 0, "physicalType"),
            ("schema", 0, "properties", 0, "quality"),
            ("schema", 0, "properties", 0, "quality", 0, "implementation"),
            ("schema", 0, "properties", 0, "quality", 0, "implementation", "quantile"),
            ("schema", 0, "properties", 0, "quality", 0, "implementation", "drift"),
            ("schema", 0, "properties", 0, "quality", 0, "implementation", "mean"),
            ("schema", 0, "properties", 0, "quality", 1, "arguments"),
            ("schema", 0, "properties", 0, "quality", 1, "arguments", "validValues"),
            ("schema", 0, "properties", 0, "quality", 1, "mustBe"),
            ("schema", 0, "properties", 0, "enum"),
            ("schema", 0, "quality"),
            ("schema", 0, "quality", 0, "implementation", "compare"),
            ("schema", 0, "quality", 0, "implementation", "sum"),
            ("schema", 0, "quality", 0, "implementation", "sum", "value"),
            ("schema", 0, "quality", 0, "implementation", "pairs"),
            ("schema", 0, "quality", 0, "implementation", "pairs", "values"),
            ("schema", 0, "quality", 0, "implementation", "badRows"),
            ("slaProperties",),
            ("slaProperties", 0, "value"),
            ("slaProperties", 0, "element"),
        ]
    ),
)
def test_whatever_stands_where_the_contract_has_a_rule_is_taken_or_refused_in_words(
    tmp_path_factory, value, where
):
    own = {"quantile": {"share": 0.5, "mustBe": 1}, "drift": {"warning": 0.1}, "mean": {"mustBe": 1}}
    quality = [
        {"type": "custom", "engine": "tidegate", "implementation": own},
        {"metric": "invalidValues", "arguments": {"validValues": [1]}, "mustBe": 0},
    ]
    column = {
        "name": "a",
        "logicalType": "integer",
        "logicalTypeOptions": {"minimum": 0},
        "quality": quality,
        "enum": [{"value": 1}],
    }
    table_own = {
        "compare": {"columns": ["a", "a"], "operator": "<="},
        "sum": {"columns": ["a", "a"], "operator": "<=", "value": 1},
        "pairs": {"columns": ["a", "a"], "values": [[1, 1]]},
        "badRows": {"action": "setAside"},
    }
    table = {
        "name": "people",
        "properties": [column],
        "quality": [{"type": "custom", "engine": "tidegate", "implementation": table_own}],
    }
    contract = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "people",
        "version": "1",
        "status": "active",
        "schema": [table],
        "slaProperties": [{"property": "latency", "value": 1, "unit": "h", "element": "people.a"}],
    }
    holder = contract
    for step in where[:-1]:
        holder = holder[step]
    holder[where[-1]] = value
    file = tmp_path_factory.mktemp("contract") / "contract.yaml"
    file.write_text(json.dumps(contract))
    with contextlib.suppress(ConfigError):
        compile_contract(file)


@pytest.mark.parametrize(
    ("operator", "values", "allowed"),
    [
        ("mustBe", (2,), {2}),
        ("mustNotBe", (2,), {0, 1, 3, 4}),
        ("mustBeGreaterThan", (2,), {3, 4}),
        ("mustBeGreaterOrEqualTo", (2,), {2, 3, 4}),
        ("mustBeLessThan", (2,), {0, 1}),
        ("mustBeLessOrEqualTo", (2,), {0, 1, 2}),
        ("mustBeBetween", (1, 3), {1, 2, 3}),
        ("mustNotBeBetween", (1, 3), {0, 4}),
    ],
)
def test_conditions_allow_what_odcs_says(operator, values, allowed):
    condition = Condition(operator=operator, values=values)
    assert {count for count in range(5) if condition.holds(count, 100)} == allowed


def test_a_percentage_is_of_the_rows_and_of_no_rows_it_is_zero():
    condition = Condition(operator="mustBeLessThan", values=(5,), unit="percent")
    assert condition.holds(4, 100) and not condition.holds(5, 100) and condition.holds(0, 0)


@pytest.mark.parametrize(
    "pattern",
    [
        "^[A-Z]{3}$",
        "(?=x)",
        "(?<!x)a",
        r"(a)\1",
        "a++",
        "(?P<n>a)(?P=n)",
        r"\\1",
        r"a\++",
        "a{2000}",
        r"a\Z",
        "(?i)a",
        "(?:a|b)+",
        "(?>a)",
    ],
)
def test_a_pattern_is_taken_exactly_when_the_engine_takes_it(tmp_path, pattern):
    try:
        pc.match_substring_regex(pa.array([""]), pattern)
        takes = True
    except pa.ArrowInvalid:
        takes = False
    column = f"name: a, logicalType: string, logicalTypeOptions: {{pattern: {json.dumps(pattern)}}}"
    if takes:
        compiled(tmp_path, column)
    else:
        assert "cannot be used" in mistakes(tmp_path, column)
