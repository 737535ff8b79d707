import json

import numpy as np
import pyarrow as pa

from tidegate.checks import Checks, RuleCount
from tidegate.contract.plan import Column, Condition, ContractPlan, Rule
from tidegate.messages import Reason, Verdict
from tidegate.profile import Profile, profile_batches
from tidegate.verdict import judge, shortened

PLAN = ContractPlan(
    id="p",
    version="1",
    dataset="p",
    hash="",
    columns=(Column(name="dest", type="string"), Column(name="temp", type="number")),
    rules=(
        Rule(kind="columns"),
        Rule(kind="row_count", condition=Condition(operator="mustBeGreaterThan", values=(2,))),
        Rule(kind="required", columns=("dest",)),
        Rule(kind="range", columns=("temp",), minimum=5, maximum=115),
        Rule(
            kind="null_values",
            columns=("temp",),
            severity="warning",
            condition=Condition(operator="mustBeLessThan", values=(20,), unit="percent"),
        ),
    ),
)
EMPTY = Profile(rows=0, columns={})


def checks(*counts, rows=100, present=("dest", "temp"), extra=()):
    filled = [*counts, *(RuleCount() for _ in range(len(PLAN.rules) - len(counts)))]
    return Checks(rows=rows, present=present, extra=extra, counts=tuple(filled))


def failing(position, count):
    return [count if index == position else RuleCount() for index in range(len(PLAN.rules))]


def profiled(seed, mean=50.0, rows=600):
    values = np.random.default_rng(seed).normal(mean, 10, rows)
    return profile_batches(pa.table({"temp": values, "dest": ["ORD", "LAX"] * (rows // 2)}).to_batches())


def told(verdict):
    return [(reason.severity, reason.rule, reason.column) for reason in verdict.reasons]


def test_a_drop_that_keeps_every_rule_is_accepted():
    verdict = judge(PLAN, checks(), EMPTY)
    assert (verdict.status, verdict.reasons, verdict.checks, verdict.checks_failed) == ("accept", (), 5, 0)


def test_a_broken_rule_quarantines_with_rows_and_values():
    found = RuleCount(failed=2, first_rows=(7, 9), first_values=("-3.0", "120.0"))
    verdict = judge(PLAN, checks(*failing(3, found)), EMPTY)
    assert verdict.status == "quarantine"
    assert verdict.reasons == (
        Reason(
            rule="range",
            column="temp",
            severity="error",
            message="`temp` is below 5 or above 115 in 2 of 100 rows",
            failed_rows=2,
            first_rows=(7, 9),
            first_values=("-3.0", "120.0"),
        ),
    )


def test_a_broken_rule_of_severity_warning_only_warns():
    verdict = judge(PLAN, checks(*failing(4, RuleCount(failed=20))), EMPTY)
    assert verdict.status == "warn"
    assert verdict.reasons[0].message == (
        "`temp` has no value in 20 of 100 rows (20.00 percent); must be less than 20 percent"
    )
    assert judge(PLAN, checks(*failing(4, RuleCount(failed=19))), EMPTY).status == "accept"


def test_a_missing_column_is_one_reason_and_names_its_likely_new_name():
    verdict = judge(
        PLAN, checks(*failing(2, RuleCount(failed=100)), present=("temp",), extra=("destination",)), EMPTY
    )
    assert told(verdict) == [("error", "columns", "dest")]
    assert verdict.reasons[0].message == (
        "column `dest` is missing; `destination`, which the contract does not know, may be it renamed"
    )


def test_an_extra_column_is_a_warning():
    verdict = judge(PLAN, checks(extra=("shoe size",)), EMPTY)
    assert (verdict.status, told(verdict)) == ("warn", [("warning", "columns", "shoe size")])


def test_too_few_rows_are_counted_by_the_row_rule():
    verdict = judge(PLAN, checks(rows=2), EMPTY)
    assert verdict.reasons[0].message == "the drop has 2 rows; must be more than 2"


def test_the_past_is_no_judge_before_five_drops():
    hot = profiled(9, mean=200)
    assert (
        judge(PLAN, checks(rows=600), hot, history=[profiled(seed) for seed in range(4)]).status == "accept"
    )


def test_an_anomaly_beyond_doubt_quarantines_and_comes_before_the_warnings():
    history = [profiled(seed) for seed in range(10)]
    verdict = judge(PLAN, checks(rows=600), profiled(20, mean=10), history=history)
    assert verdict.status == "quarantine"
    assert told(verdict) == [("error", "anomaly", "temp"), ("warning", "drift", "temp")]


def test_drift_against_the_baseline_is_a_warning_however_large():
    verdict = judge(PLAN, checks(rows=600), profiled(1, mean=500), baseline=profiled(2))
    assert (verdict.status, told(verdict)) == ("warn", [("warning", "drift", "temp")])
    assert "the champion's training rows" in verdict.reasons[0].message


def test_a_verdict_is_shortened_until_it_fits_and_says_what_it_left_out():
    reason = Reason(
        rule="type",
        column="c",
        severity="error",
        message="m" * 200,
        first_rows=tuple(range(20)),
        first_values=("\N{SNOWMAN}" * 80,) * 20,
    )
    verdict = Verdict(
        status="quarantine",
        rows=1,
        reasons=(reason,) * 300,
        profile_key="p",
        report_key="r",
        checks=300,
        checks_failed=300,
    )
    short = shortened(verdict, 50_000)
    assert len(json.dumps(short.to_json())) <= 50_000
    assert short.status == "quarantine" and short.checks_failed == 300
    assert "more reasons in the report" in short.reasons[-1].message
    assert shortened(short, 50_000) == short
