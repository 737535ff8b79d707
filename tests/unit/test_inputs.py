"""What callers sent against the contract: rows that break it, by rule; what is missing; what is unknown."""

import pytest
from contract_yaml import compiled

from tidegate.monitoring.inputs import Inputs
from tidegate.profile import profile_batches
from tidegate.statistics.drift import drift

REQUEST = ["origin", "hour", "humid", "ready"]
COLUMNS = (
    'name: id, logicalType: string, required: true, unique: true, logicalTypeOptions: {pattern: "^x"}',
    (
        "name: origin, logicalType: string, required: true, quality: [{metric: invalidValues, "
        "arguments: {validValues: [EWR, JFK]}, mustBe: 0, severity: error}]"
    ),
    "name: hour, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0, maximum: 23}",
    (
        "name: humid, logicalType: number, logicalTypeOptions: {maximum: 100}, quality: "
        "[{metric: nullValues, unit: percent, mustBeLessThan: 20, severity: warning}]"
    ),
    "name: ready, logicalType: boolean",
)


@pytest.fixture
def plan(tmp_path):
    return compiled(tmp_path, *COLUMNS)


def instance(**changes):
    return {"origin": "JFK", "hour": 8, "humid": 50.5, "ready": True, "views": {}} | changes


def told(plan, instances, *, chunks=1, trained=None):
    found = Inputs(plan, REQUEST)
    size = -(-len(instances) // chunks) or 1
    parts = [instances[at : at + size] for at in range(0, len(instances), size)] or [[]]
    current = profile_batches([found.add(part) for part in parts])
    baseline = profile_batches([Inputs(plan, REQUEST).add(trained or [instance()] * 600)])
    return found.told(current, baseline, drift(baseline, current, minimum_rows=1))


def by_rule(document):
    return {(rule["rule"], *rule["columns"]): rule for rule in document["out_of_contract"]["rules"]}


def test_requests_as_the_contract_says_break_no_rule(plan):
    document = told(plan, [instance(), instance(hour=0), instance(humid=None), instance(hour=8.0)])
    assert document["rows"] == 4
    assert (document["out_of_contract"]["rows"], document["out_of_contract"]["share"]) == (0, 0.0)
    assert by_rule(document).keys() <= {("null_values", "humid")}  # which only warns


def test_a_row_that_breaks_several_rules_counts_once_and_in_each(plan):
    wrong = [instance(hour=24, origin="LGA"), instance(hour=-1), instance(origin=None)]
    document = told(plan, [*wrong, *[instance()] * 7])
    assert (document["out_of_contract"]["rows"], document["out_of_contract"]["share"]) == (3, 0.3)
    rules = by_rule(document)
    hour, origin, missing = (
        rules["range", "hour"],
        rules["enum", "origin"],
        rules["required", "origin"],
    )
    assert [each["rows"] for each in (hour, origin, missing)] == [2, 1, 1]
    assert (hour["share"], hour["is_bad"], hour["holds"]) == (0.2, True, False)
    assert sorted(hour["first_values"]) == ["-1", "24"]
    assert origin["first_values"] == ["LGA"]


def test_values_of_another_type_break_the_type_and_count_as_missing(plan):
    odd = [instance(hour="eight"), instance(humid="wet"), instance(ready=1), instance(origin=7)]
    document = told(plan, odd)
    assert document["out_of_contract"]["rows"] == 4
    assert {rule for rule in by_rule(document) if rule[0] == "type"} == {("type", name) for name in REQUEST}
    shares = {each["column"]: each["missing_share"] for each in document["columns"]}
    assert shares == dict.fromkeys(REQUEST, 0.25)


def test_a_rule_that_only_warns_is_told_and_makes_no_row_bad(plan):
    document = told(plan, [instance(humid=None)] * 5 + [instance()] * 5)
    assert document["out_of_contract"]["rows"] == 0
    rule = by_rule(document)["null_values", "humid"]
    assert (rule["rows"], rule["is_bad"], rule["holds"], rule["severity"]) == (5, False, False, "warning")


def test_rules_of_columns_that_no_request_has_and_of_whole_drops_do_not_concern_requests(plan):
    assert told(plan, [instance(), instance()])["out_of_contract"]["rules"] == []


def test_missing_shares_stand_beside_those_of_training(plan):
    trained = [instance(humid=None)] * 60 + [instance()] * 540
    document = told(plan, [{"origin": "JFK", "hour": 8}] * 4, trained=trained)
    [humid] = [each for each in document["columns"] if each["column"] == "humid"]
    assert (humid["missing_share"], humid["baseline_missing_share"]) == (1.0, 0.1)


def test_values_that_training_never_had_are_named_the_most_frequent_first(plan):
    sent = ["SFO"] * 3 + ["LAX"] * 2 + ["ORD"] + ["JFK"] * 4
    document = told(plan, [instance(origin=name) for name in sent])
    [origin] = [each for each in document["columns"] if each["column"] == "origin"]
    assert origin["unknown_share"] == 0.6
    assert origin["unknown_values"] == ["SFO", "LAX", "ORD"]


def test_chunks_say_what_all_rows_at_once_say(plan):
    sent = [instance(hour=number % 26, humid=float(number)) for number in range(200)]
    assert told(plan, sent, chunks=7) == told(plan, sent)


def test_without_a_request_nothing_is_shared_out(plan):
    document = told(plan, [])
    assert (document["rows"], document["out_of_contract"]["share"]) == (0, None)
