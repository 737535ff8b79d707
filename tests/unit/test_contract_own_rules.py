"""What `engine: tidegate` blocks compile to, and what they refuse."""

import pytest
from contract_yaml import compiled, kinds, mistakes, rule_of

from tidegate.contract.plan import AnomalySettings, BadRows, Condition, DriftSettings


def own(implementation, more=""):
    return f"quality: [{{type: custom, engine: tidegate, implementation: {{{implementation}}}{more}}}]"


def table(implementation):
    block = f"{{type: custom, engine: tidegate, implementation: {{{implementation}}}}}"
    return f"    quality:\n      - {block}\n"


@pytest.mark.parametrize(
    ("key", "statistic"),
    [
        ("mean", "mean"),
        ("standardDeviation", "standard_deviation"),
        ("minimum", "minimum"),
        ("maximum", "maximum"),
        ("sum", "sum"),
        ("distinctCount", "distinct_count"),
        ("distinctShare", "distinct_share"),
    ],
)
def test_a_statistic_is_a_rule_with_its_condition(tmp_path, key, statistic):
    column = f"name: a, logicalType: number, {own(f'{key}: {{mustBeBetween: [20, 60.5]}}')}"
    rule = rule_of(compiled(tmp_path, column), "statistic")
    assert (rule.statistic, rule.share, rule.severity) == (statistic, None, "error")
    assert rule.condition == Condition(operator="mustBeBetween", values=(20, 60.5))


def test_a_quantile_carries_its_share_and_a_block_its_severity(tmp_path):
    implementation = "quantile: {share: 0.99, mustBeLessThan: 400}, mean: {mustBeGreaterThan: 0}"
    plan = compiled(tmp_path, f"name: a, logicalType: integer, {own(implementation, ', severity: warning')}")
    quantile, mean = [rule for rule in plan.rules if rule.kind == "statistic"]
    assert (quantile.statistic, quantile.share, mean.statistic) == ("quantile", 0.99, "mean")
    assert quantile.severity == mean.severity == "warning"


def test_lists_and_patterns_are_rules_that_tolerate_none(tmp_path):
    implementation = "mustContain: [a, b], notValues: [x], notPattern: '^tmp'"
    plan = compiled(tmp_path, f"name: a, logicalType: string, {own(implementation)}")
    contain = rule_of(plan, "statistic")
    assert (contain.statistic, contain.values, contain.condition) == (
        "values_missing",
        ("a", "b"),
        Condition(),
    )
    assert rule_of(plan, "not_enum").values == ("x",)
    assert rule_of(plan, "not_pattern").pattern == "^tmp"
    assert not contain.names_bad_rows and rule_of(plan, "not_enum").names_bad_rows


def test_listed_values_are_carried_in_the_columns_type(tmp_path):
    column = "name: a, logicalType: number, physicalType: 'decimal(5,2)', "
    assert rule_of(compiled(tmp_path, column + own("notValues: [0, 9.5]")), "not_enum").values == (
        0,
        9.5,
    )


@pytest.mark.parametrize(
    ("implementation", "drift", "anomaly"),
    [
        ("drift: false", DriftSettings(watched=False), AnomalySettings()),
        (
            "drift: {warning: 0.1, alarm: 0.2}",
            DriftSettings(watched=True, warning=0.1, alarm=0.2),
            AnomalySettings(),
        ),
        ("drift: {alarm: 0.3}, anomaly: false", DriftSettings(alarm=0.3), AnomalySettings(watched=False)),
        (
            "anomaly: {minimumChange: 0.1, figures: [mean]}",
            DriftSettings(),
            AnomalySettings(minimum_change=0.1, figures=("mean",)),
        ),
    ],
)
def test_settings_are_the_columns(tmp_path, implementation, drift, anomaly):
    plan = compiled(tmp_path, f"name: a, logicalType: number, {own(implementation)}")
    assert (plan.column("a").drift, plan.column("a").anomaly) == (drift, anomaly)
    assert kinds(plan, "a") == ["type"]


def test_two_columns_are_compared(tmp_path):
    columns = "name: a, logicalType: integer", "name: b, logicalType: number"
    plan = compiled(tmp_path, *columns, table=table('compare: {columns: [a, b], operator: "<="}'))
    (rule,) = [rule for rule in plan.rules if rule.kind == "compare"]
    assert (rule.columns, rule.comparison, rule.condition) == (("a", "b"), "<=", Condition())


COLUMNS = "name: a, logicalType: integer", "name: b, logicalType: number, physicalType: 'decimal(9,2)'"


@pytest.mark.parametrize(
    ("compared", "columns", "total"),
    [("value: 10", ("a", "b"), 10), ("value: 0.10", ("a", "b"), 0.1), ("column: b", ("a", "b", "b"), None)],
)
def test_a_sum_of_columns_stands_to_a_number_or_a_column(tmp_path, compared, columns, total):
    block = table(f'sum: {{columns: [a, b], operator: "<=", {compared}}}')
    (rule,) = [r for r in compiled(tmp_path, *COLUMNS, table=block).rules if r.kind == "sum"]
    assert (rule.columns, rule.comparison, rule.total) == (columns, "<=", total)
    assert rule.names_bad_rows


def test_listed_pairs_are_carried_in_the_types_of_their_columns(tmp_path):
    block = table("pairs: {columns: [a, b], values: [[1, 2.50], [3, 4]]}")
    (rule,) = [r for r in compiled(tmp_path, *COLUMNS, table=block).rules if r.kind == "pairs"]
    assert (rule.columns, rule.pairs) == (("a", "b"), ((1, 2.5), (3, 4)))
    assert rule.names_bad_rows


def test_the_most_common_value_must_be_listed(tmp_path):
    rule = rule_of(
        compiled(tmp_path, f"name: a, logicalType: string, {own('mostCommon: [x, y]')}"), "statistic"
    )
    asked = rule.statistic, rule.values, rule.condition
    assert asked == ("most_common_unlisted", ("x", "y"), Condition())


@pytest.mark.parametrize(
    ("implementation", "bad_rows"),
    [
        ("badRows: {action: setAside, maximumPercent: 2}", BadRows(action="set-aside", maximum_percent=2.0)),
        ("badRows: {action: setAside}", BadRows(action="set-aside", maximum_percent=5.0)),
        ("badRows: {action: quarantineDrop}", BadRows()),
    ],
)
def test_bad_rows_are_the_plans_policy_and_part_of_its_hash(tmp_path, implementation, bad_rows):
    column = "name: a, logicalType: integer"
    plan = compiled(tmp_path, column, table=table(implementation))
    assert plan.bad_rows == bad_rows
    assert (plan.hash == compiled(tmp_path, column).hash) == (bad_rows == BadRows())


@pytest.mark.parametrize(
    ("implementation", "told"),
    [
        ("men: {mustBe: 1}", "unknown key `men` of engine tidegate, did you mean `mean`?"),
        ("mean: {mustbe: 1}", "unknown key `mustbe` of `mean`, did you mean `mustBe`?"),
        ("mean: {mustBe: 1, mustNotBe: 2}", "needs exactly one of mustBe"),
        ("mean: 5", "`mean` is 5, must hold mustBe"),
        ("mean: {mustBe: x}", "must be a number"),
        ("mean: {mustBe: 1, unit: percent}", "unknown key `unit` of `mean`"),
        ("quantile: {mustBe: 1}", "`quantile` needs a `share` from 0 to 1, not None"),
        ("quantile: {share: 99, mustBe: 1}", "not 99"),
        ("mustContain: a", "must be a list of values"),
        ("mustContain: []", "must be a list of values"),
        ("mostCommon: x", "must be a list of values"),
        ("mostCommon: [x]", "'x' is not of type integer"),
        ("pairs: {columns: [a, b]}", "`pairs` belongs to the table"),
        ("notValues: [x]", "'x' is not of type integer"),
        ("notPattern: x", "is no text"),
        ("drift: {warn: 0.1}", "unknown key `warn` of `drift`, did you mean `warning`?"),
        ("drift: {warning: 0.3, alarm: 0.2}", "alarms below it"),
        ("drift: {warning: -1}", "must be a number above 0"),
        ("drift: low", "must hold warning, alarm"),
        ("anomaly: {minimum_change: 0.1}", "did you mean `minimumChange`?"),
        ("anomaly: {figures: mean}", "must be a list of names"),
        ("compare: {columns: [a, b]}", "`compare` belongs to the table"),
        ("drift: false, drfit: true", "did you mean `drift`?"),
    ],
)
def test_a_key_that_is_not_ours_is_refused_with_its_line(tmp_path, implementation, told):
    found = mistakes(tmp_path, f"name: a, logicalType: integer, {own(implementation)}")
    assert found.startswith("line 9: ") and told in found


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (f"logicalType: string, {own('mean: {mustBe: 1}')}", "is of type string: it has no `mean`"),
        (f"logicalType: date, {own('minimum: {mustBe: 1}')}", "bound its values by `minimum` and `maximum`"),
        (
            f"logicalType: array, items: {{logicalType: string}}, {own('distinctCount: {mustBe: 1}')}",
            "is nested: `distinctCount` cannot be judged",
        ),
        (f"logicalType: integer, {own('drift: false', ', severity: error')}", "drift have no severity"),
        (
            "logicalType: integer, quality: [{type: custom, engine: tidegate, implementation: mean > 5}]",
            "must hold keys",
        ),
        (
            (
                "logicalType: integer, quality: ["
                "{type: custom, engine: tidegate, implementation: {drift: false}}, "
                "{type: custom, engine: tidegate, implementation: {drift: true}}]"
            ),
            "`drift` of column `a` is given twice",
        ),
    ],
)
def test_a_rule_that_does_not_fit_its_column_is_refused(tmp_path, column, told):
    found = mistakes(tmp_path, f"name: a, {column}")
    assert found.startswith("line 9: ") and told in found


@pytest.mark.parametrize(
    ("implementation", "told"),
    [
        ('compare: {columns: [a], operator: "<"}', "must be the names of two columns"),
        ('compare: {columns: [a, b], operator: "=<"}', "must be one of <, <=, =, !=, >=, >"),
        ('compare: {columns: [a, c], operator: "<"}', "`c`, which is not a column"),
        ('compare: {columns: [a, name], operator: "<"}', "compares `a` of type integer with `name` of type"),
        ('sum: {columns: [a], operator: "=", value: 1}', "must be the names of two or more columns"),
        ('sum: {columns: [a, b], operator: "==", value: 1}', "must be one of <, <=, =, !=, >=, >"),
        ('sum: {columns: [a, b], operator: "="}', "needs a `value` or a `column`"),
        ('sum: {columns: [a, b], operator: "=", value: 1, column: a}', "and only one"),
        ('sum: {columns: [a, b], operator: "=", value: x}', "'x' is not a finite number"),
        ('sum: {columns: [a, b], operator: "=", value: 1.0e-70}', "digits, may have 75"),
        ('sum: {columns: [a, b], operator: "=", value: 1.0e+99}', "more than 75 digits"),
        ('sum: {columns: [a, name], operator: "=", value: 1}', "sums `name` of type string, must be numbers"),
        ('sum: {columns: [a, c], operator: "=", value: 1}', "`c`, which is not a column"),
        ("pairs: {columns: [a, b]}", "must be a list of lists of values"),
        ("pairs: {columns: a, values: [[1, 2]]}", "must be the names of two or more columns"),
        ("pairs: {columns: [a, b], values: [[1, 2], [1]]}", "[1] must hold a value for each of a, b"),
        ("pairs: {columns: [a, b], values: [[1, x]]}", "'x' is not of type integer"),
        ("badRows: {action: setaside}", "did you mean `setAside`?"),
        ("badRows: {action: setAside, maximumPercent: 101}", "must be 0 to 100"),
        ("badRows: {action: quarantineDrop, maximumPercent: 1}", "is of `action: setAside`"),
        ("mean: {mustBe: 1}", "`mean` belongs to a column"),
        ("badrows: {action: setAside}", "did you mean `badRows`?"),
    ],
)
def test_a_block_of_the_table_is_checked_too(tmp_path, implementation, told):
    columns = [f"name: {name}, logicalType: {kind}" for name, kind in (("a", "integer"), ("b", "integer"))]
    found = mistakes(tmp_path, *columns, "name: name, logicalType: string", table=table(implementation))
    assert told in found
