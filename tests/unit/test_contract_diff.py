"""Minor or major: what a change of contract means for drops and readers."""

from dataclasses import replace

import pytest
from contract_yaml import compiled
from hypothesis import assume, given
from hypothesis import strategies as st

from tidegate.contract.diff import diff
from tidegate.contract.plan import Condition, Operator, Rule
from tidegate.contract.rule_changes import allows_all, changed_rule

A = "name: a, logicalType: string"


def quality(check):
    return f"quality: [{check}]"


def own(implementation):
    return quality(f"{{type: custom, engine: tidegate, implementation: {{{implementation}}}}}")


def number(options):
    return f"name: a, logicalType: number, logicalTypeOptions: {{{options}}}"


def valid(values, more="mustBe: 0"):
    return f"{A}, {quality(f'{{metric: invalidValues, arguments: {{validValues: {values}}}, {more}}}')}"


def nulls(condition):
    return f"{A}, {quality(f'{{metric: nullValues, {condition}}}')}"


def levels(tmp_path, old, new):
    before, after = (compiled(tmp_path, *columns) for columns in (old, new))
    return diff(before, after)


SAME = "name: z, logicalType: string"
PAIRS = [
    # (old, new, change there, change back)
    pytest.param(A, f"{A}, description: Words.", "none", "none", id="description"),
    pytest.param(A, f"{A}, required: true", "major", "minor", id="required"),
    pytest.param(f"{A}, required: true", nulls("mustBe: 0"), "none", "none", id="required in other words"),
    pytest.param(A, nulls("mustBe: 0, severity: warning"), "minor", "minor", id="a warning"),
    pytest.param(nulls("mustBe: 0"), nulls("mustBe: 0, severity: warning"), "minor", "major", id="severity"),
    pytest.param(nulls("mustBe: 0"), nulls("mustBeLessThan: 5, unit: percent"), "major", "major", id="unit"),
    pytest.param(
        nulls("mustBeLessThan: 5"), nulls("mustBeLessOrEqualTo: 5"), "minor", "major", id="condition"
    ),
    pytest.param(
        nulls("mustBe: 0"), nulls("mustBeLessThan: 1"), "minor", "minor", id="the same of whole rows"
    ),
    pytest.param(number("minimum: 0"), number("minimum: -1"), "minor", "major", id="lower minimum"),
    pytest.param(number("minimum: 0"), number("exclusiveMinimum: 0"), "major", "minor", id="exclusive"),
    pytest.param(number("maximum: 9"), number("maximum: 10"), "minor", "major", id="higher maximum"),
    pytest.param(number("minimum: 0"), number("maximum: 9"), "major", "major", id="another bound"),
    pytest.param(number("multipleOf: 0.1"), number("multipleOf: 0.05"), "minor", "major", id="finer step"),
    pytest.param(valid("[x]"), valid("[x, y]"), "minor", "major", id="more values"),
    pytest.param(valid("[x, y]"), valid("[y, x]"), "none", "none", id="another order"),
    pytest.param(valid("[x]"), valid("[y]"), "major", "major", id="other values"),
    pytest.param(
        valid("[x]", "mustBeGreaterThan: 5"),
        valid("[x, y]", "mustBeGreaterThan: 5"),
        "major",
        "major",
        id="more values where many must fail",
    ),
    pytest.param(
        f"{A}, logicalTypeOptions: {{pattern: '^x'}}",
        f"{A}, logicalTypeOptions: {{pattern: '^y'}}",
        "major",
        "major",
        id="pattern",
    ),
    pytest.param(
        f"{A}, logicalTypeOptions: {{maxLength: 3}}",
        f"{A}, logicalTypeOptions: {{maxLength: 4}}",
        "minor",
        "major",
        id="length",
    ),
    pytest.param(A, f"{A}, unique: true", "major", "minor", id="unique"),
    pytest.param(
        f"{A}, {own('notValues: [x, y]')}", f"{A}, {own('notValues: [x]')}", "minor", "major", id="not"
    ),
    pytest.param(
        f"{A}, {own('mustContain: [x, y]')}",
        f"{A}, {own('mustContain: [x]')}",
        "minor",
        "major",
        id="contain",
    ),
    pytest.param(
        f"name: a, logicalType: number, {own('mean: {mustBeBetween: [1, 2]}')}",
        f"name: a, logicalType: number, {own('mean: {mustBeBetween: [0.5, 2]}')}",
        "minor",
        "major",
        id="statistic",
    ),
    pytest.param(f"{A}", f"{A}, {own('drift: false')}", "minor", "minor", id="drift"),
    pytest.param(f"{A}", f"{A}, {own('anomaly: false')}", "minor", "major", id="anomaly"),
    pytest.param(
        "name: a, logicalType: integer, logicalTypeOptions: {format: i32}",
        "name: a, logicalType: integer",
        "minor",
        "major",
        id="i32 to i64",
    ),
    pytest.param(
        "name: a, logicalType: integer, logicalTypeOptions: {format: u8}",
        "name: a, logicalType: integer, logicalTypeOptions: {format: i32}",
        "minor",
        "major",
        id="u8 to i32",
    ),
    pytest.param(
        "name: a, logicalType: number, logicalTypeOptions: {format: f32}",
        "name: a, logicalType: number",
        "minor",
        "major",
        id="f32 to f64",
    ),
    pytest.param(
        "name: a, logicalType: number, physicalType: 'decimal(9,2)'",
        "name: a, logicalType: number, physicalType: 'decimal(12,2)'",
        "minor",
        "major",
        id="more digits",
    ),
    pytest.param(
        "name: a, logicalType: number, physicalType: 'decimal(9,2)'",
        "name: a, logicalType: number, physicalType: 'decimal(12,4)'",
        "major",
        "major",
        id="more places",
    ),
    pytest.param(
        "name: a, logicalType: integer", "name: a, logicalType: number", "major", "major", id="type"
    ),
    pytest.param(
        "name: a, logicalType: integer, logicalTypeOptions: {minimum: 5}",
        "name: a, logicalType: date, logicalTypeOptions: {minimum: 2024-01-01}",
        "major",
        "major",
        id="type with bounds",
    ),
    pytest.param(
        "name: a, logicalType: timestamp",
        "name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Europe/Oslo}",
        "major",
        "major",
        id="time zone",
    ),
    pytest.param(
        "name: a, logicalType: object, properties: [{name: b, logicalType: string}]",
        "name: a, logicalType: object, properties: [{name: b, logicalType: string}, "
        "{name: c, logicalType: string}]",
        "minor",
        "major",
        id="member",
    ),
    pytest.param(
        "name: a, logicalType: array, items: {logicalType: integer, logicalTypeOptions: {format: i32}}",
        "name: a, logicalType: array, items: {logicalType: integer}",
        "minor",
        "major",
        id="items widen",
    ),
    pytest.param(
        "name: a, logicalType: array, items: {logicalType: integer}",
        "name: a, logicalType: integer",
        "major",
        "major",
        id="nested to plain",
    ),
]


@pytest.mark.parametrize(("old", "new", "there", "back"), PAIRS)
def test_a_change_of_a_column_is_minor_or_major_each_way(tmp_path, old, new, there, back):
    assert levels(tmp_path, [SAME, old], [SAME, new]).level == there
    assert levels(tmp_path, [SAME, new], [SAME, old]).level == back


@pytest.mark.parametrize(
    ("column", "added"),
    [
        (A, "minor"),
        (number("minimum: 0"), "minor"),
        (f"{A}, required: true", "major"),
        (nulls("mustBe: 0"), "major"),
        (nulls("mustBe: 0, severity: warning"), "minor"),
    ],
)
def test_a_new_column_is_minor_unless_it_is_required_and_dropping_it_is_major(tmp_path, column, added):
    found = levels(tmp_path, [SAME], [SAME, column])
    assert (found.level, [change.column for change in found.changes]) == (added, ["a"])
    assert levels(tmp_path, [SAME, column], [SAME]).level == "major"


def test_the_order_of_columns_says_nothing(tmp_path):
    assert levels(tmp_path, [A, SAME], [SAME, A]).changes == ()


@pytest.mark.parametrize(
    ("old", "new", "level"),
    [
        ("quarantineDrop", "setAside, maximumPercent: 5", "minor"),
        ("setAside, maximumPercent: 5", "quarantineDrop", "major"),
        ("setAside, maximumPercent: 5", "setAside, maximumPercent: 6", "minor"),
        ("setAside, maximumPercent: 5", "setAside, maximumPercent: 4", "major"),
    ],
)
def test_tolerating_fewer_bad_rows_is_major(tmp_path, old, new, level):
    def plan(action):
        block = f"{{type: custom, engine: tidegate, implementation: {{badRows: {{action: {action}}}}}}}"
        return compiled(tmp_path, A, table=f"    quality:\n      - {block}\n")

    assert diff(plan(old), plan(new)).level == level


@pytest.mark.parametrize(
    ("old", "new", "level"), [("<", "<=", "minor"), ("<=", "<", "major"), ("<", "=", "major")]
)
def test_a_comparison_is_looser_when_it_takes_more_relations(tmp_path, old, new, level):
    def plan(operator):
        implementation = f'{{compare: {{columns: [a, z], operator: "{operator}"}}}}'
        block = f"{{type: custom, engine: tidegate, implementation: {implementation}}}"
        return compiled(tmp_path, A, SAME, table=f"    quality:\n      - {block}\n")

    assert diff(plan(old), plan(new)).level == level


@pytest.mark.parametrize(
    ("versions", "columns", "due", "enough"),
    [
        (("1.2.3", "1.2.3"), [A], "1.2.3", True),
        (("1.2.3", "1.2.4"), [A, SAME], "1.3.0", False),
        (("1.2.3", "1.3.0"), [A, SAME], "1.3.0", True),
        (("1.2.3", "1.9.0"), [SAME], "2.0.0", False),
        (("1.2.3", "2.0.0"), [SAME], "2.0.0", True),
        (("january", "february"), [SAME], None, True),
        (("january", "january"), [SAME], None, False),
    ],
)
def test_a_version_has_to_say_as_much_as_the_change(tmp_path, versions, columns, due, enough):
    plans = compiled(tmp_path, A), compiled(tmp_path, *columns)
    found = diff(*(replace(plan, version=version) for plan, version in zip(plans, versions, strict=True)))
    assert (found.due_version, found.says_enough) == (due, enough)


NUMBERS = st.integers(0, 6) | st.sampled_from([0.5, 1.5, 2.25])
CONDITIONS = st.sampled_from(Operator.__args__).flatmap(
    lambda operator: st.tuples(NUMBERS, NUMBERS).map(
        lambda pair: Condition(
            operator=operator, values=tuple(sorted(pair)) if operator.endswith("Between") else pair[:1]
        )
    )
)


@given(CONDITIONS, CONDITIONS)
def test_a_condition_allows_all_of_another_exactly_when_no_count_says_otherwise(old, new):
    counts = range(10)
    assert allows_all(old, new, counts=True) == all(new.allows(n) for n in counts if old.allows(n))


@given(CONDITIONS, CONDITIONS)
def test_a_condition_on_a_statistic_is_compared_between_whole_numbers_too(old, new):
    grid = [n / 16 for n in range(-32, 160)]  # finer than half of any distance between the limits above
    assert allows_all(old, new, counts=False) == all(new.allows(x) for x in grid if old.allows(x))


@given(st.integers(0, 9), st.integers(0, 9), st.booleans(), st.integers(0, 9), st.booleans())
def test_a_rule_is_looser_exactly_when_it_refuses_no_value_that_the_other_took(
    low, old, old_open, new, new_open
):
    def rule(maximum, is_open):
        return Rule(kind="range", columns=("a",), minimum=low, maximum=maximum, exclusive_maximum=is_open)

    def accepted(maximum, is_open):
        grid = [n / 2 for n in range(30)]
        return {x for x in grid if low <= x and (x < maximum or (x == maximum and not is_open))}

    is_looser, what = changed_rule(rule(old, old_open), rule(new, new_open), None)
    assume(old > low)  # else the old rule took nothing, and any other is looser
    assert is_looser == (accepted(old, old_open) <= accepted(new, new_open))
    assert str(new) in what


def summed(comparison, total):
    return Rule(kind="sum", columns=("a", "b"), comparison=comparison, total=total)


def paired(*pairs):
    return Rule(kind="pairs", columns=("a", "b"), pairs=pairs)


def common(*values):
    return Rule(kind="statistic", columns=("a",), statistic="most_common_unlisted", values=values)


@pytest.mark.parametrize(
    ("old", "new", "there", "back", "what"),
    [
        (summed("=", 5), summed("<=", 5), True, False, "a + b = 5 becomes a + b <= 5"),
        (summed("<", 5), summed("<", 6), True, False, "a + b < 5 becomes a + b < 6"),
        (summed("=", 5), summed("!=", 6), True, False, "a + b = 5 becomes a + b != 6"),
        (summed(">", 5), summed("<", 6), False, False, "a + b > 5 becomes a + b < 6"),
        (paired((1, 2)), paired((1, 2), (3, 4)), True, False,
         "a, b among (1, 2) becomes a, b among (1, 2), (3, 4)"),
        (common("x"), common("x", "y"), True, False,
         "most common value among x becomes most common value among x, y"),
    ],
)  # fmt: skip
def test_rules_between_columns_loosen_where_they_accept_all_they_did(old, new, there, back, what):
    assert changed_rule(old, new, None) == (there, what)
    assert changed_rule(new, old, None)[0] == back
