"""What the standard's own words compile to: types, options, library metrics, service levels."""

import ipaddress
import uuid

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from contract_yaml import compiled, kinds, mistakes, rule_of
from hypothesis import given
from hypothesis import strategies as st

from tidegate.contract.plan import Column, Condition
from tidegate.contract.text_formats import TEXT_FORMATS

OPERATORS = [
    ("mustBe", 2, (2,)),
    ("mustNotBe", 2, (2,)),
    ("mustBeGreaterThan", 2, (2,)),
    ("mustBeGreaterOrEqualTo", 2, (2,)),
    ("mustBeLessThan", 2, (2,)),
    ("mustBeLessOrEqualTo", 2, (2,)),
    ("mustBeBetween", [1, 2.5], (1, 2.5)),
    ("mustNotBeBetween", [1, 2.5], (1, 2.5)),
]


@pytest.mark.parametrize(
    ("column", "kind", "form"),
    [
        ("logicalType: integer", "integer", None),
        ("logicalType: integer, logicalTypeOptions: {format: u64}", "integer", "u64"),
        ("logicalType: integer, physicalType: 'NUMERIC(20)'", "integer", "decimal(20,0)"),
        ("logicalType: number, physicalType: 'Decimal( 10 , 2 )'", "number", "decimal(10,2)"),
        ("logicalType: number, physicalType: double", "number", None),
        ("logicalType: string, physicalType: 'decimal(10,2)'", "string", None),
        ("logicalType: date, logicalTypeOptions: {format: yyyy-MM-dd}", "date", None),
        ("logicalType: time, logicalTypeOptions: {format: 'HH:mm:ss'}", "time", None),
        (
            "logicalType: timestamp, logicalTypeOptions: {format: \"yyyy-MM-dd'T'HH:mm:ss.SSSX\"}",
            "timestamp",
            None,
        ),
    ],
)
def test_a_plain_type_is_read_with_its_format(tmp_path, column, kind, form):
    plan = compiled(tmp_path, f"name: a, {column}")
    assert plan.columns == (Column(name="a", type=kind, format=form),)


def test_nested_types_are_read_to_their_leaves(tmp_path):
    plan = compiled(
        tmp_path,
        "name: address, logicalType: object, properties: ["
        "{name: city, logicalType: string}, "
        "{name: geo, logicalType: array, items: {logicalType: number, logicalTypeOptions: {format: f32}}}]",
        "name: prices, logicalType: map, map: {key: {logicalType: string, required: true}, "
        "value: {logicalType: number, physicalType: 'decimal(9,3)'}}",
        "name: embedding, logicalType: vector, logicalTypeOptions: {dimensions: 3, distanceMetric: cosine}",
        "name: tags, logicalType: array, logicalTypeOptions: {minItems: 1}, items: {logicalType: string}",
    )
    f32 = Column(name="item", type="number", format="f32")
    city = Column(name="city", type="string")
    geo = Column(name="geo", type="array", members=(f32,))
    price = Column(name="value", type="number", format="decimal(9,3)")
    assert plan.columns == (
        Column(name="address", type="object", members=(city, geo)),
        Column(name="prices", type="map", members=(Column(name="key", type="string"), price)),
        Column(name="embedding", type="array", members=(f32,)),
        Column(name="tags", type="array", members=(Column(name="item", type="string"),)),
    )
    dimensions = rule_of(plan, "length", "embedding")
    assert (dimensions.minimum, dimensions.maximum) == (3, 3)
    items = rule_of(plan, "length", "tags")
    assert (items.minimum, items.maximum) == (1, None)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ("logicalType: array", "`items` must say of what"),
        ("logicalType: array, items: {name: x}", "items` has no `logicalType`"),
        ("logicalType: map", "'map' is a required property"),
        (
            (
                "logicalType: map, map: {key: {logicalType: array, items: {logicalType: string}}, "
                "value: {logicalType: string}}"
            ),
            "the key of a map cannot be nested",
        ),
        ("logicalType: vector", "`dimensions` must say of how many"),
        ("logicalType: vector, logicalTypeOptions: {dimensions: 8, elementType: binary}", "vector of binary"),
        (
            "logicalType: object, properties: [{name: b, logicalType: string, required: true}]",
            "`a.b` asks for `required`; values inside a nested column are typed and not judged",
        ),
        (
            "logicalType: array, items: {logicalType: integer, logicalTypeOptions: {minimum: 0}}",
            "`a.item` asks for `minimum`",
        ),
        ("logicalType: object, properties: [{name: 'b:c', logicalType: string}]", "Glue reads <>:,"),
        (
            "logicalType: object, properties: [{name: b, logicalType: string}, {name: b, logicalType: date}]",
            "`a.b` is there twice",
        ),
        (
            "logicalType: array, items: {logicalType: string}, logicalTypeOptions: {uniqueItems: true}",
            "`uniqueItems` looks inside a value and cannot be judged",
        ),
        ("logicalType: array, items: {logicalType: string}, unique: true", "is nested: `unique`"),
        (
            (
                "logicalType: array, items: {logicalType: string}, "
                "logicalTypeOptions: {minItems: 3, maxItems: 2}"
            ),
            "no length is at least 3 and at most 2",
        ),
        (
            (
                "logicalType: array, items: {logicalType: string}, "
                "quality: [{metric: invalidValues, arguments: {validValues: [x]}, mustBe: 0}]"
            ),
            "is nested: invalidValues cannot be judged",
        ),
        (
            "logicalType: integer, logicalTypeOptions: {format: i128}",
            "`physicalType: decimal(38,0)` holds 38",
        ),
        ("logicalType: number, physicalType: 'decimal(39,2)'", "at most 38 digits"),
        ("logicalType: number, physicalType: 'decimal(3,4)'", "at most 38 digits"),
        ("logicalType: integer, physicalType: 'decimal(9,2)'", "an integer has no decimal places"),
        ("logicalType: date, logicalTypeOptions: {format: dd/MM/yyyy}", "are read as ISO 8601"),
        ("logicalType: time, logicalTypeOptions: {timezone: true}", "read without a zone"),
        ("logicalType: string, logicalTypeOptions: {format: emial}", "did you mean `email`?"),
        ("logicalType: string, logicalTypeOptions: {format: E.164}", "write it as a `pattern`"),
    ],
)
def test_a_type_or_option_that_cannot_be_judged_is_refused_with_its_line(tmp_path, column, told):
    found = mistakes(tmp_path, f"name: a, {column}")
    assert found.startswith("line 9: ") and told in found


@pytest.mark.parametrize(
    ("column", "minimum", "maximum", "exclusive"),
    [
        ("logicalType: integer, logicalTypeOptions: {minimum: 9007199254740993}", 2**53 + 1, None, (0, 0)),
        ("logicalType: integer, logicalTypeOptions: {minimum: 1.0}", 1, None, (0, 0)),
        ("logicalType: number, logicalTypeOptions: {format: f32, maximum: 20000000}", None, 2.0e7, (0, 0)),
        ("logicalType: number, logicalTypeOptions: {format: f32, maximum: 20000}", None, 20000, (0, 0)),
        ("logicalType: integer, logicalTypeOptions: {minimum: 0.5, maximum: 9.5}", 1, 9, (0, 0)),
        (
            "logicalType: integer, logicalTypeOptions: {exclusiveMinimum: -0.5, exclusiveMaximum: 9.5}",
            -1,
            10,
            (1, 1),
        ),
        ("logicalType: integer, logicalTypeOptions: {minimum: 3, exclusiveMinimum: 3}", 3, None, (1, 0)),
        ("logicalType: integer, logicalTypeOptions: {maximum: 3, exclusiveMaximum: 5}", None, 3, (0, 0)),
        ("logicalType: integer, logicalTypeOptions: {format: u8, minimum: 10}", 10, 255, (0, 0)),
        ("logicalType: integer, logicalTypeOptions: {format: i16}", -32768, 32767, (0, 0)),
        ("logicalType: integer, logicalTypeOptions: {format: u64}", 0, "18446744073709551615", (0, 0)),
        ("logicalType: number, logicalTypeOptions: {minimum: 9007199254740993}", 2**53, None, (0, 0)),
        (
            (
                "logicalType: number, physicalType: 'decimal(38,20)', "
                "logicalTypeOptions: {minimum: -0.12345678901234567891, maximum: 99999999999999999.5}"
            ),
            "-0.12345678901234567891",
            "99999999999999999.50000000000000000000",
            (0, 0),
        ),
        (
            (
                "logicalType: number, physicalType: 'decimal(5,2)', "
                "logicalTypeOptions: {minimum: 0.005, exclusiveMaximum: 1}"
            ),
            0.01,
            1,
            (0, 1),
        ),
        ("logicalType: date, logicalTypeOptions: {minimum: 2013-01-01}", "2013-01-01", None, (0, 0)),
        (
            (
                "logicalType: timestamp, "
                "logicalTypeOptions: {minimum: '2013-07-01 12:00', defaultTimezone: Europe/Oslo}"
            ),
            "2013-07-01T10:00:00Z",
            None,
            (0, 0),
        ),
        ("logicalType: time, logicalTypeOptions: {maximum: '23:30'}", None, "23:30:00", (0, 0)),
    ],
)
def test_bounds_survive_exactly(tmp_path, column, minimum, maximum, exclusive):
    rule = rule_of(compiled(tmp_path, f"name: a, {column}"), "range")
    assert (rule.minimum, rule.maximum) == (minimum, maximum)
    assert (rule.exclusive_minimum, rule.exclusive_maximum) == exclusive
    assert type(rule.minimum) is type(minimum) and type(rule.maximum) is type(maximum)


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (
            "logicalType: integer, logicalTypeOptions: {minimum: 3, maximum: 2}",
            "no value lies between 3 and 2",
        ),
        (
            "logicalType: integer, logicalTypeOptions: {minimum: 3, exclusiveMaximum: 3}",
            "no value lies between",
        ),
        ("logicalType: integer, logicalTypeOptions: {format: u8, maximum: 256}", "256 does not fit u8"),
        ("logicalType: integer, logicalTypeOptions: {maximum: 9223372036854775808}", "does not fit i64"),
        (
            "logicalType: number, physicalType: 'decimal(5,2)', logicalTypeOptions: {maximum: 1000}",
            "1000 does not fit decimal(5,2)",
        ),
        ("logicalType: number, logicalTypeOptions: {maximum: .inf}", "not a finite number"),
        ("logicalType: number, logicalTypeOptions: {multipleOf: .nan}", "multipleOf is nan"),
        ("logicalType: time, logicalTypeOptions: {minimum: '10:00+02:00'}", "is not of type time"),
        (
            (
                "logicalType: integer, "
                "quality: [{metric: invalidValues, arguments: {validValues: [1.5]}, mustBe: 0}]"
            ),
            "1.5 is not of type integer: it has more decimal places",
        ),
        ("logicalType: boolean, enum: [{value: 1}]", "1 is not of type boolean"),
        ("logicalType: string, logicalTypeOptions: {minLength: 3, maxLength: 2}", "no length is at least 3"),
    ],
)
def test_a_limit_no_value_can_keep_is_refused(tmp_path, column, told):
    found = mistakes(tmp_path, f"name: a, {column}")
    assert found.startswith("line 9: ") and told in found


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("logicalType: integer", ("[1, 2.0]", (1, 2))),
        ("logicalType: number", ("[1.0, 2.5, 1.0e+17]", (1, 2.5, 1e17))),
        ("logicalType: number, physicalType: 'decimal(4,1)'", ("[1, 2.5]", (1, 2.5))),
        ("logicalType: boolean", ("[true]", (True,))),
        ("logicalType: date", ("[2013-01-31]", ("2013-01-31",))),
        ("logicalType: timestamp", ("[2013-01-31T10:00:00+01:00]", ("2013-01-31T09:00:00Z",))),
    ],
)
def test_values_are_carried_in_the_columns_type(tmp_path, column, values):
    check = f"{{metric: invalidValues, arguments: {{validValues: {values[0]}}}, mustBe: 0}}"
    rule = rule_of(compiled(tmp_path, f"name: a, {column}, quality: [{check}]"), "enum")
    assert rule.values == values[1]
    assert [type(value) for value in rule.values] == [type(value) for value in values[1]]


@pytest.mark.parametrize("condition", OPERATORS, ids=lambda condition: condition[0])
@pytest.mark.parametrize("unit", ["rows", "percent"])
@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("metric: nullValues", "null_values"),
        ("metric: missingValues, arguments: {missingValues: ['-', null]}", "missing_values"),
        ("metric: invalidValues, arguments: {validValues: [x]}", "enum"),
        ("metric: invalidValues, arguments: {pattern: '^x'}", "pattern"),
        ("metric: duplicateValues", "unique"),
    ],
)
def test_every_metric_takes_every_operator_and_unit(tmp_path, metric, kind, condition, unit):
    operator, given_, values = condition
    check = f"{{{metric}, {operator}: {given_}, unit: {unit}, severity: warning}}"
    rule = rule_of(compiled(tmp_path, f"name: a, logicalType: string, quality: [{check}]"), kind)
    assert rule.condition == Condition(operator=operator, values=values, unit=unit)
    assert rule.severity == "warning"


def test_metrics_of_the_table_are_rows_and_keys_of_several_columns(tmp_path):
    table = """\
    quality:
      - {metric: rowCount, mustBeBetween: [1, 10]}
      - {metric: duplicateValues, arguments: {properties: [a, b]}, mustBeLessThan: 1, unit: percent}
      - {type: text, description: Told by the owner.}
      - {type: custom, engine: soda, implementation: "checks for people"}
"""
    plan = compiled(tmp_path, "name: a, logicalType: string", "name: b, logicalType: string", table=table)
    columns, rows, keys = plan.rules[:3]
    assert (columns.kind, rows.kind, keys.kind) == ("columns", "row_count", "unique")
    assert rows.condition == Condition(operator="mustBeBetween", values=(1, 10))
    assert keys.columns == ("a", "b") and keys.condition.unit == "percent"
    assert [rule.kind for rule in plan.rules[3:]] == ["type", "type"]


@pytest.mark.parametrize(
    ("check", "told"),
    [
        ("{metric: nullValues, mustBe: 0, severity: eror}", "did you mean `error`?"),
        ("{metric: nullValues, mustBe: 0, unit: percents}", "did you mean `percent`?"),
        ("{metric: nullValues, mustBe: five}", "mustBe is 'five', must be a number"),
        ("{metric: nullValues, mustBe: .nan}", "must be a number"),
        ("{metric: nullValues, mustBeBetween: [5, 1]}", "needs two numbers, the lower one first"),
        ("{metric: rowCount, mustBeGreaterThan: 1}", "rowCount belongs to the table"),
        (
            "{metric: invalidValues, arguments: {validValue: [x]}, mustBe: 0}",
            "invalidValues has no argument `validValue`, did you mean `validValues`?",
        ),
        ("{metric: invalidValues, arguments: {validValues: x}, mustBe: 0}", "must be a list"),
        ("{metric: invalidValues, arguments: {validValues: []}, mustBe: 0}", "nothing would be valid"),
        ("{metric: invalidValues, arguments: {pattern: '('}, mustBe: 0}", "cannot be used: missing )"),
        ("{description: Must be fine.}", "needs a `metric`, or `type: text`"),
        ("{type: custom, engine: Tidegate, implementation: {mean: {mustBe: 1}}}", "did you mean `tidegate`?"),
    ],
)
def test_a_misspelt_rule_is_refused_with_its_line(tmp_path, check, told):
    found = mistakes(tmp_path, f"name: a, logicalType: string, quality: [{check}]")
    assert found.startswith("line 9: ") and told in found


def test_a_rule_of_a_column_on_the_table_is_refused(tmp_path):
    table = """\
    quality:
      - {metric: nullValues, mustBe: 0}
      - {metric: rowCount, mustBe: 5, unit: percent}
      - {metric: duplicateValues, mustBe: 0}
"""
    told = mistakes(tmp_path, "name: a, logicalType: string", table=table)
    assert "line 11: nullValues belongs to a column" in told
    assert "line 12: the number of rows is no percentage" in told
    assert "line 13: duplicateValues of the table needs `arguments` with properties" in told


def test_a_service_level_is_a_rule_in_seconds(tmp_path):
    tail = """\
slaProperties:
  - {property: latency, value: 4, unit: h, element: people.at}
  - {property: freshness, value: 1.5, unit: d, element: at,
     customProperties: [{property: severity, value: warning}]}
  - {property: retention, value: 3, unit: y, element: people.at}
"""
    plan = compiled(tmp_path, "name: at, logicalType: timestamp", tail=tail)
    latency, freshness = [rule for rule in plan.rules if rule.kind == "freshness"]
    assert latency.columns == freshness.columns == ("at",)
    assert latency.condition == Condition(operator="mustBeLessOrEqualTo", values=(14_400,))
    assert freshness.condition.values == (129_600,)
    assert (latency.severity, freshness.severity) == ("error", "warning")


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("property: freshnes, value: 4, unit: h, element: people.at", "did you mean `freshness`?"),
        ("property: latency, value: 4, unit: weeks, element: people.at", "must be s, m, h or d"),
        ("property: latency, value: soon, unit: h, element: people.at", "must be a number above 0"),
        ("property: latency, value: -1, unit: h, element: people.at", "must be a number above 0"),
        ("property: latency, value: 4, unit: h", "needs `element: people.COLUMN`"),
        ("property: latency, value: 4, unit: h, element: people.att", "did you mean `people.at`?"),
        ("property: latency, value: 4, unit: h, element: people.name", "is no timestamp of `people`"),
    ],
)
def test_a_misspelt_service_level_is_refused_with_its_line(tmp_path, level, told):
    columns = "name: at, logicalType: timestamp", "name: name, logicalType: string"
    found = mistakes(tmp_path, *columns, tail=f"slaProperties:\n  - {{{level}}}\n")
    assert found.startswith("line 12: ") and told in found


def test_a_format_of_text_is_a_pattern_and_one_that_says_how_to_show_it_is_none(tmp_path):
    plan = compiled(
        tmp_path,
        "name: a, logicalType: string, logicalTypeOptions: {format: uuid}",
        "name: b, logicalType: string, logicalTypeOptions: {format: password}",
    )
    assert rule_of(plan, "pattern").pattern == TEXT_FORMATS["uuid"]
    assert kinds(plan, "b") == ["type"]


def matches(form, text):
    return pc.match_substring_regex(pa.array([text]), TEXT_FORMATS[form])[0].as_py()


def is_address(text, version):
    try:
        return ipaddress.ip_address(text).version == version and "%" not in text
    except ValueError:
        return False


ADDRESS_LIKE = st.lists(
    st.sampled_from(["::", ":", ".", "0", "ffff", "1.2.3.4", "255", "256", "a1", "12345"]), max_size=12
).map("".join)


@given(ADDRESS_LIKE | st.ip_addresses().map(str) | st.ip_addresses(v=6).map(lambda a: a.exploded))
def test_addresses_match_as_the_standard_library_parses_them(text):
    assert matches("ipv6", text) == is_address(text, 6)
    assert matches("ipv4", text) == is_address(text, 4)


@given(st.uuids().map(str))
def test_every_uuid_matches_and_one_cut_short_does_not(text):
    assert matches("uuid", text) and matches("uuid", text.upper())
    assert not matches("uuid", text[:-1]) and uuid.UUID(text)


@pytest.mark.parametrize(
    ("form", "good", "bad"),
    [
        (
            "email",
            ["a@b.co", "first.last+tag@mail.example.org"],
            ["a", "a@b", "a b@c.de", "@b.co", "a@-b.co"],
        ),
        ("hostname", ["localhost", "a-1.example.org"], ["-a", "a..b", "a_b", "", "a" * 64]),
        ("uri", ["https://a.b/c?d#e", "urn:isbn:1", "mailto:a@b.co"], ["a/b", "://a", "http:", "http://a b"]),
        ("byte", ["", "aGk=", "YWI=", "YWJj"], ["a", "a===", "aGk", "a-b="]),
    ],
)
def test_a_format_of_text_tells_good_from_bad(form, good, bad):
    assert [text for text in good if not matches(form, text)] == []
    assert [text for text in bad if matches(form, text)] == []
