"""The test of each kind of rule that looks at one row at a time."""

from tidegate.checks.comparison import comparison_test
from tidegate.checks.limits import length_judge, range_judge
from tidegate.checks.masks import Judge, Test, of_values
from tidegate.checks.missing import missing_test, type_test
from tidegate.checks.pairs import pairs_test
from tidegate.checks.patterns import pattern_judge
from tidegate.checks.sums import sum_test
from tidegate.checks.values import among_judge, multiple_judge
from tidegate.contract.plan import NESTED, Column, ContractPlan, Rule
from tidegate.errors import ConfigError


def test_of(plan: ContractPlan, rule: Rule) -> Test | None:
    """The test of a rule; None for kinds that no single row decides.

    Raises:
        ConfigError: the rule cannot look at columns of this type.
    """
    indices = [plan.names.index(name) for name in rule.columns]
    columns = [plan.columns[index] for index in indices]
    if rule.kind == "type":
        return type_test(plan, columns[0])
    if rule.kind in ("required", "null_values", "missing_values"):
        return missing_test(indices[0], columns[0], rule)
    if rule.kind == "compare":
        return comparison_test((indices[0], columns[0]), (indices[1], columns[1]), rule)
    if rule.kind == "sum":
        return sum_test(indices, columns, rule)
    if rule.kind == "pairs":
        return pairs_test(indices, columns, rule)
    judge = _judge(columns[0], rule) if columns else None
    return of_values(indices[0], judge) if judge else None


def _judge(column: Column, rule: Rule) -> Judge | None:
    judges = {
        "range": lambda: range_judge(column, rule),
        "length": lambda: length_judge(column, rule),
        "pattern": lambda: pattern_judge(rule, wanted=True),
        "not_pattern": lambda: pattern_judge(rule, wanted=False),
        "enum": lambda: among_judge(column, rule, wanted=True),
        "not_enum": lambda: among_judge(column, rule, wanted=False),
        "multiple_of": lambda: multiple_judge(column, rule),
    }
    if rule.kind not in judges:
        return None
    of_text = rule.kind in ("length", "pattern", "not_pattern")
    has_length = rule.kind == "length" and column.type == "array"
    if not has_length and (column.type in NESTED or (of_text and column.type != "string")):
        raise ConfigError(f"column `{column.name}` is of type {column.type}: it has no {rule.kind}")
    return judges[rule.kind]()
