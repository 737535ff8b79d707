"""Requests against a small contract with one column of every type."""

import math
import re

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tidegate.contract.plan import Column, Condition, ContractPlan, Rule
from tidegate.feature_store.feature_plan import FeatureSetPlan, LabelPlan, SourcePlan
from tidegate.serving.request_checks import Problem, problems

GOOD = {
    "asked_at": "2013-03-01T13:30:00Z",
    "code": "SFO",
    "seats": 100,
    "fare": 99.5,
    "is_night": False,
    "day": "2013-03-01",
    "clock": "13:30:00",
    "note": None,
}
COLUMNS = (
    Column(name="asked_at", type="timestamp"),
    Column(name="code", type="string"),
    Column(name="seats", type="integer"),
    Column(name="fare", type="number"),
    Column(name="is_night", type="boolean"),
    Column(name="day", type="date"),
    Column(name="clock", type="time"),
    Column(name="note", type="string"),
    Column(name="outcome", type="integer"),  # known later: no request column
)
RULES = (
    Rule(kind="row_count", condition=Condition(operator="mustBeGreaterThan", values=(100,))),
    Rule(kind="required", columns=("code",)),
    Rule(kind="required", columns=("outcome",)),
    Rule(kind="unique", columns=("code",)),
    Rule(kind="pattern", columns=("code",), pattern="^[A-Z]{3}$"),
    Rule(kind="range", columns=("seats",), minimum=1, maximum=853),
    Rule(kind="multiple_of", columns=("seats",), multiple_of=2),
    Rule(
        kind="range",
        columns=("fare",),
        minimum=0,
        maximum=1e4,
        exclusive_minimum=True,
        exclusive_maximum=True,
    ),
    Rule(kind="range", columns=("day",), minimum="2013-01-01", maximum="2013-12-31"),
    Rule(kind="range", columns=("asked_at",), minimum="2013-01-01T00:00:00Z"),
    Rule(kind="range", columns=("clock",), maximum="22:00:00"),
    Rule(kind="length", columns=("note",), minimum=2, maximum=5),
    Rule(kind="enum", columns=("note",), values=("day", "night")),
)


def plan(*rules, columns=COLUMNS):
    return ContractPlan(id="c", version="1", dataset="d", hash="h", columns=columns, rules=tuple(rules))


FEATURES = FeatureSetPlan(
    name="f",
    attribute="f",
    hash="0" * 64,
    source=SourcePlan(dataset="d", event_ts="asked_at", known_ts="known_at"),
    label=LabelPlan(name="l", sql="1"),
    request=tuple(GOOD),
    views=(),
    transforms=(),
    features=("fare",),
)


def mistakes(contract=plan(*RULES), where="", **changes):  # noqa: B008  a frozen value
    return problems(FEATURES, contract, GOOD | changes, where)


def test_a_row_that_keeps_the_contract_has_no_mistake():
    assert mistakes() == []


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        # the type
        ("asked_at", 1362144600, "must be a timestamp, is 1362144600"),
        ("asked_at", "yesterday", "must be a timestamp in ISO 8601, is 'yesterday'"),
        ("code", 7, "must be a string, is 7"),
        ("code", ["SFO"], "must be a string, is ['SFO']"),
        ("seats", "100", "must be an integer, is '100'"),
        ("seats", 100.5, "must be an integer, is 100.5"),
        ("seats", True, "must be an integer, is True"),
        ("seats", 2**63, "must be a number of at most 64 bits"),
        ("fare", "1", "must be a number, is '1'"),
        ("fare", False, "must be a number, is False"),
        ("fare", {"value": 1}, "must be a number, is {'value': 1}"),
        ("fare", math.nan, "must be a finite number"),
        ("fare", math.inf, "must be a finite number"),
        ("fare", -math.inf, "must be a finite number"),
        ("fare", 10**400, "must be a number of at most 64 bits"),
        ("is_night", 1, "must be a boolean, is 1"),
        ("is_night", "true", "must be a boolean, is 'true'"),
        ("day", "2013-02-29", "must be a date in ISO 8601, is '2013-02-29'"),
        ("day", 20130301, "must be a date, is 20130301"),
        ("clock", "25:00:00", "must be a time in ISO 8601, is '25:00:00'"),
        ("clock", "13:30:00Z", "must be a time in ISO 8601, is '13:30:00Z'"),
        ("code", "\ud800OX", "must be Unicode text, holds half of a character"),
        # the rules
        ("code", None, "must not be null"),
        ("code", "sfo", "must match ^[A-Z]{3}$, is 'sfo'"),
        ("code", "SFO\n", r"must match ^[A-Z]{3}$, is 'SFO\n'"),
        ("seats", 0, "must be at least 1, is 0"),
        ("seats", 854, "must be at most 853, is 854"),
        ("seats", 3, "must be a multiple of 2, is 3"),
        ("fare", 0, "must be more than 0, is 0"),
        ("fare", 1e4, "must be less than 10000.0, is 10000.0"),
        ("day", "2012-12-31", "must be at least 2013-01-01, is 2012-12-31"),
        ("day", "2014-01-01", "must be at most 2013-12-31, is 2014-01-01"),
        ("clock", "22:00:01", "must be at most 22:00:00, is 22:00:01"),
        ("note", "x", "has 1 characters, must have at least 2"),
        ("note", "nights", "has 6 characters, may have at most 5"),
        ("note", "noon", "must be one of day, night, is 'noon'"),
    ],
)
def test_a_mistake_is_named_by_field_and_by_what_would_be_right(column, value, message):
    assert mistakes(**{column: value}) == [Problem(column, message)]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("asked_at", "2013-03-01T08:30:00-05:00"),
        (
            "asked_at",
            "2013-01-01T00:00:00",
        ),  # without an offset it is UTC, and the bound belongs to the range
        ("seats", 852),
        ("fare", 1),
        ("fare", None),
        ("is_night", None),
        ("day", "2013-12-31"),
        ("clock", "22:00:00"),
        ("note", "night"),
    ],
)
def test_what_the_contract_allows_is_no_mistake(column, value):
    assert mistakes(**{column: value}) == []


def test_a_timestamp_is_compared_as_an_instant_and_not_as_text():
    [found] = mistakes(asked_at="2013-01-01T00:30:00+01:00")  # 2012 in UTC
    assert found.message.startswith("must be at least 2013-01-01T00:00:00Z")


def test_where_drops_are_read_in_another_zone_a_time_without_offset_is_refused():
    columns = (Column(name="asked_at", type="timestamp", timezone="America/New_York"), *COLUMNS[1:])
    contract = plan(columns=columns)
    assert [p.field for p in mistakes(contract, asked_at="2013-03-01T08:30:00")] == ["asked_at"]
    assert mistakes(contract, asked_at="2013-03-01T08:30:00-05:00") == []


def test_the_moment_of_the_prediction_must_be_there_though_the_contract_does_not_ask_for_it():
    assert mistakes(asked_at=None) == [Problem("asked_at", "must say when the prediction is asked for")]


def test_members_that_are_unknown_or_missing_are_named():
    row = {name: value for name, value in GOOD.items() if name != "fare"} | {"fair": 1, "outcome": 1}
    assert problems(FEATURES, plan(*RULES), row) == [
        Problem("fair", "is not a request column"),
        Problem("outcome", "is not a request column"),
        Problem("fare", "is missing"),
    ]


def test_every_mistake_of_a_row_of_a_batch_is_told_with_its_path():
    found = mistakes(where="instances[3].", code=None, seats=0)
    assert [problem.field for problem in found] == ["instances[3].code", "instances[3].seats"]


@pytest.mark.parametrize(("where", "field"), [("", "body"), ("instances[1].", "instances[1]")])
@pytest.mark.parametrize("row", [None, [], "text", 3, True])
def test_a_row_that_is_no_object_is_refused_as_a_whole(row, where, field):
    assert problems(FEATURES, plan(*RULES), row, where) == [Problem(field, "must be an object")]


def test_a_warning_of_the_contract_does_not_refuse_a_request():
    contract = plan(Rule(kind="range", columns=("fare",), maximum=1, severity="warning"))
    assert mistakes(contract) == []


def test_a_rule_that_tolerates_some_values_in_a_drop_refuses_none():
    tolerant = Condition(operator="mustBeLessThan", values=(5,), unit="percent")
    contract = plan(
        Rule(kind="enum", columns=("code",), values=("EWR",), condition=tolerant),
        Rule(kind="null_values", columns=("fare",), condition=tolerant),
    )
    assert mistakes(contract, fare=None) == []


def test_a_rule_that_tolerates_no_null_refuses_one():
    strict = Condition(operator="mustBeLessOrEqualTo", values=(0,), unit="percent")
    contract = plan(Rule(kind="null_values", columns=("fare",), condition=strict))
    assert mistakes(contract, fare=None) == [Problem("fare", "must not be null")]


def test_a_stand_in_for_a_missing_value_is_refused():
    contract = plan(Rule(kind="missing_values", columns=("code",), values=("N/A",)))
    [found] = mistakes(contract, code="N/A")
    assert found.message == "is 'N/A', which stands for a missing value: send null"


@pytest.mark.parametrize("pattern", ["^[A-Z]{3}$", r"^a\$$", "[$]", r"\d", r"^\w+$", "a|b$", "[^]$]"])
@pytest.mark.parametrize("value", ["SFO", "SFO\n", "a$", "$", "٣", "é", "b", "b\n", "a$\n", "]"])
def test_a_pattern_finds_in_a_request_what_it_finds_in_a_drop(pattern, value):
    contract = plan(Rule(kind="pattern", columns=("code",), pattern=pattern))
    in_drop = pc.match_substring_regex(pa.array([value]), pattern)[0].as_py()
    assert (mistakes(contract, code=value) == []) == in_drop, re.escape(pattern)


def test_checking_a_row_again_hashes_no_rule_of_the_contract(monkeypatch):
    checked = plan(*RULES)
    assert problems(FEATURES, checked, GOOD) == []

    def hashed(rule):
        raise AssertionError(f"{rule} was hashed")

    monkeypatch.setattr(Rule, "__hash__", hashed)
    assert problems(FEATURES, checked, GOOD) == []


def test_contracts_of_one_hash_that_differ_all_the_same_are_not_taken_for_one_another():
    strict, lenient = plan(*RULES), plan()
    bad = GOOD | {"code": "sfo"}
    assert [each.field for each in problems(FEATURES, strict, bad)] == ["code"]
    assert problems(FEATURES, lenient, bad) == []
    assert hash(strict) == hash(lenient) and strict != lenient
