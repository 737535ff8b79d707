import pyarrow as pa
import pytest

from tidegate.contract.plan import Column, Condition, ContractPlan, Rule
from tidegate.messages.ingestion import Reason
from tidegate.monitoring.monitor_checks import violations
from tidegate.monitoring.monitor_files import (
    constraints,
    contract_constraints,
    statistics,
    verdict_violations,
)
from tidegate.profile import profile_batches


def profiled(**columns):
    return profile_batches(pa.table(columns).to_batches())


def file(*features, **config):
    settings = {"datatype_check_threshold": 1.0, "domain_content_threshold": 1.0, **config}
    return {"version": 0.0, "features": list(features), "monitoring_config": settings}


def feature(name="x", inferred_type="Unknown", **more):
    return {"name": name, "inferred_type": inferred_type, "completeness": 0.0, **more}


def told(document):
    return [(v["feature_name"], v["constraint_check_type"]) for v in document["violations"]]


THREE_OF_FOUR_WHOLE = profiled(x=[1.0, 2.0, 3.0, 4.5])


@pytest.mark.parametrize("threshold, found", [(1.0, 1), (0.76, 1), (0.75, 0), (0.0, 0)])
def test_the_type_threshold_is_the_share_of_values_that_must_match(threshold, found):
    baseline = file(feature(inferred_type="Integral"), datatype_check_threshold=threshold)
    assert len(violations(baseline, THREE_OF_FOUR_WHOLE)["violations"]) == found


def test_the_description_of_a_type_gives_the_observed_share_as_aws_does():
    [violation] = violations(file(feature(inferred_type="Integral")), THREE_OF_FOUR_WHOLE)["violations"]
    assert violation["description"].endswith(
        "Expected match: 100.0%. Observed: Only 75.0% of data is Integral."
    )


@pytest.mark.parametrize(
    "expected, values, fits",
    [
        ("Fractional", [1, 2], True),
        ("Integral", ["1", "2"], True),
        ("Integral", ["1", "2.5"], False),
        ("Fractional", ["1e3", "-2.5"], True),
        ("Fractional", ["1", "nan"], False),
        ("String", [1, 2], False),
        ("String", ["a", "b"], True),
        ("Unknown", ["a", "b"], True),
    ],
)
def test_a_column_is_of_a_type_when_its_values_can_be_read_so(expected, values, fits):
    assert told(violations(file(feature(inferred_type=expected)), profiled(x=values))) == (
        [] if fits else [("x", "data_type_check")]
    )


def test_completeness_may_be_exactly_what_the_baseline_had():
    three_of_four = profiled(x=[1, 2, 3, None])
    assert told(violations(file(feature() | {"completeness": 0.75}), three_of_four)) == []
    assert told(violations(file(feature() | {"completeness": 0.76}), three_of_four)) == [
        ("x", "completeness_check")
    ]


@pytest.mark.parametrize("threshold, found", [(1.0, 1), (0.8, 1), (0.75, 0)])
def test_the_domain_threshold_is_the_share_of_values_that_must_be_known(threshold, found):
    known = feature(inferred_type="String", string_constraints={"domains": ["a", "b"]})
    baseline = file(known, domain_content_threshold=threshold)
    assert (
        told(violations(baseline, profiled(x=["a", "a", "b", "z"])))
        == [("x", "categorical_values_check")] * found
    )


def test_a_negative_value_breaks_a_column_that_had_none():
    promised = file(feature(inferred_type="Integral", num_constraints={"is_non_negative": True}))
    assert told(violations(promised, profiled(x=[-1, 2]))) == [("x", "is_non_negative_check")]
    assert told(violations(promised, profiled(x=[0, 2]))) == []


def test_missing_and_extra_columns_are_named():
    assert told(violations(file(feature("old")), profiled(new=[1]))) == [
        ("old", "missing_column_check"),
        ("new", "extra_column_check"),
    ]


@pytest.mark.parametrize("spelling", ["monitoringConfigOverrides", "monitoring_config_overrides"])
def test_a_feature_overrides_the_settings_of_the_file(spelling):
    broken = feature(inferred_type="Integral", **{spelling: {"datatype_check_threshold": 0.5}})
    assert told(violations(file(broken), THREE_OF_FOUR_WHOLE)) == []
    off = feature(inferred_type="Integral", **{spelling: {"evaluate_constraints": "Disabled"}})
    assert told(violations(file(off), THREE_OF_FOUR_WHOLE)) == []


def test_a_file_that_is_switched_off_finds_nothing():
    baseline = file(feature("gone", "Integral"), evaluate_constraints="Disabled")
    assert told(violations(baseline, THREE_OF_FOUR_WHOLE)) == []


def distances(method, threshold, **override):
    return {
        "distribution_constraints": {
            "perform_comparison": "Enabled",
            "comparison_threshold": threshold,
            "comparison_method": method,
            **override,
        }
    }


def test_the_simple_distance_is_the_largest_difference_of_the_cumulative_shares():
    before, now = profiled(x=[1.0, 2.0, 3.0, 4.0]), profiled(x=[3.0, 4.0, 5.0, 6.0])
    for threshold, found in ((0.49, [("x", "baseline_drift_check")]), (0.5, [])):
        baseline = file(feature(), **distances("Simple", threshold))
        assert told(violations(baseline, now, statistics=statistics(before))) == found


def test_the_robust_distance_takes_off_what_few_rows_explain():
    # 400 against 400 rows: 1.8 sqrt(800 / 160000) = 0.1273; a quarter of the rows have moved.
    before = profiled(x=[float(i) for i in range(400)])
    now = profiled(x=[float(i + 100) for i in range(400)])
    for threshold, found in ((0.122, [("x", "baseline_drift_check")]), (0.123, [])):
        baseline = file(feature(), **distances("Robust", threshold))
        assert told(violations(baseline, now, statistics=statistics(before))) == found


def test_levels_of_a_sketch_weigh_twice_the_one_below():
    # AWS's sketch of 1 + 2 * 2 rows: {1} once, {2, 3} twice each, so 3/5 of the rows are at most 2.
    known = {"common": {"num_present": 5, "num_missing": 0}}
    known["distribution"] = {"kll": {"buckets": [], "sketch": {"data": [[1.0], [2.0, 3.0]]}}}
    document = {"features": [{"name": "x", "numerical_statistics": known}]}
    now = profiled(x=[3.0, 3.0, 3.0])
    for threshold, found in ((0.59, 1), (0.61, 0)):
        baseline = file(feature(), **distances("Simple", threshold))
        assert len(told(violations(baseline, now, statistics=document))) == found


def test_texts_are_compared_by_the_largest_difference_of_a_share():
    before, now = profiled(x=["a", "a", "b", "b"]), profiled(x=["a", "b", "b", "c"])
    for threshold, found in ((0.24, [("x", "baseline_drift_check")]), (0.25, [])):
        settings = distances("Simple", 0.9, categorical_comparison_threshold=threshold)
        baseline = file(feature(inferred_type="String"), **settings)
        assert told(violations(baseline, now, statistics=statistics(before))) == found


def test_comparison_can_be_switched_off():
    settings = distances("Simple", 0.0, perform_comparison="Disabled")
    before, now = profiled(x=[1.0, 2.0]), profiled(x=[8.0, 9.0])
    assert told(violations(file(feature(), **settings), now, statistics=statistics(before))) == []


def test_constraints_of_a_profile_hold_for_it():
    rows = profiled(x=[1.5, -2.0], s=["a", None], n=pa.array([None, None], pa.float64()))
    assert told(violations(constraints(rows), rows, statistics=statistics(rows))) == []


PLAN = ContractPlan(
    id="p",
    version="1",
    dataset="p",
    hash="",
    columns=(
        Column(name="id", type="string"),
        Column(name="kind", type="string"),
        Column(name="age", type="integer"),
        Column(name="at", type="timestamp"),
    ),
    rules=(
        Rule(kind="required", columns=("id",)),
        Rule(
            kind="null_values",
            columns=("age",),
            condition=Condition(operator="mustBeLessOrEqualTo", values=(20,), unit="percent"),
        ),
        Rule(kind="range", columns=("age",), minimum=0, maximum=120),
        Rule(kind="enum", columns=("kind",), values=("b", "a")),
    ),
)


def test_constraints_of_a_contract_are_what_its_rules_ask_for():
    assert contract_constraints(PLAN)["features"] == [
        {"name": "id", "inferred_type": "String", "completeness": 1.0},
        {
            "name": "kind",
            "inferred_type": "String",
            "completeness": 0.0,
            "string_constraints": {"domains": ["a", "b"]},
        },
        {
            "name": "age",
            "inferred_type": "Integral",
            "completeness": 0.8,
            "num_constraints": {"is_non_negative": True},
        },
        {"name": "at", "inferred_type": "Unknown", "completeness": 0.0},
    ]


def reason(rule, column):
    return Reason(rule=rule, column=column, severity="error", message=f"{rule} of {column}")


def test_reasons_of_a_verdict_are_violations_under_the_names_of_model_monitor():
    reasons = [
        reason("columns", "age"),
        reason("columns", "surplus"),
        reason("type", "age"),
        reason("required", "id"),
        reason("enum", "kind"),
        reason("drift", "age"),
        reason("range", "age"),
        reason("row_count", None),
    ]
    document = verdict_violations(PLAN, reasons)
    assert told(document) == [
        ("age", "missing_column_check"),
        ("surplus", "extra_column_check"),
        ("age", "data_type_check"),
        ("id", "completeness_check"),
        ("kind", "categorical_values_check"),
        ("age", "baseline_drift_check"),
        ("age", "range_check"),
        ("dataset", "row_count_check"),
    ]
    assert document["violations"][0]["description"] == "columns of age"
