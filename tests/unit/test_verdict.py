import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from tidegate.checks import Checks, RuleCount
from tidegate.contract.plan import BadRows, Column, Condition, ContractPlan, DriftSettings, Rule
from tidegate.ingestion.figures import PastDrop, figures_of
from tidegate.ingestion.verdict import judge, shortened
from tidegate.messages.ingestion import Acceptance, Drop, Reason, Verdict
from tidegate.profile import Profile, merge, profile_batches
from tidegate.statistics.drift import Reference

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
SETTING_ASIDE = replace(PLAN, bad_rows=BadRows(action="set-aside", maximum_percent=5))
DROP = Drop(
    bucket="b",
    key="k",
    version_id="v",
    etag="e",
    size_bytes=0,
    drop_id="d",
    dataset="p",
    arrived_at="2026-11-27T06:00:00Z",
)
ACCEPTED = replace(DROP, acceptance=Acceptance(reason="a new sensor", by="Ada", at="2026-11-27T07:00:00Z"))
EMPTY = Profile(rows=0, columns={})
BROKEN_RANGE = RuleCount(failed=2, first_rows=(7, 9), first_values=("-3.0", "120.0"))


def checks(*counts, rows=100, present=("dest", "temp"), extra=(), bad_rows=0):
    filled = [*counts, *(RuleCount() for _ in range(len(PLAN.rules) - len(counts)))]
    return Checks(rows=rows, present=present, extra=extra, counts=tuple(filled), bad_rows=bad_rows)


def failing(position, count):
    return [count if index == position else RuleCount() for index in range(len(PLAN.rules))]


def profiled(seed, mean=50.0, rows=600):
    values = np.random.default_rng(seed).normal(mean, 10, rows)
    return profile_batches(pa.table({"temp": values, "dest": ["ORD", "LAX"] * (rows // 2)}).to_batches())


def past(profiles):
    return [PastDrop(drop_id=str(n), arrived_at="", figures=figures_of(p)) for n, p in enumerate(profiles)]


def baseline(profile, kind="baseline", against="the champion's training rows"):
    return Reference(against=against, profile=profile, kind=kind, id="m1")


def judged(checks_, profile=EMPTY, *, plan=PLAN, drop=DROP, **kwargs):
    return judge(plan, checks_, profile, drop=drop, **kwargs)


def told(judgement):
    return [(reason.severity, reason.rule, reason.column) for reason in judgement.verdict.reasons]


def test_a_drop_that_keeps_every_rule_is_accepted():
    judgement = judged(checks())
    verdict = judgement.verdict
    assert (verdict.status, verdict.reasons, verdict.checks, verdict.checks_failed) == ("accept", (), 5, 0)
    assert [result.holds for result in judgement.rules] == [True] * 5


def test_a_broken_rule_quarantines_with_rows_and_values():
    judgement = judged(checks(*failing(3, BROKEN_RANGE)))
    assert judgement.verdict.status == "quarantine"
    assert judgement.verdict.reasons == (
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
    result = judgement.rules[3]
    assert (result.measured, result.holds, result.failed_rows, result.first_rows) == (2, False, 2, (7, 9))


def test_a_broken_rule_of_severity_warning_only_warns():
    judgement = judged(checks(*failing(4, RuleCount(failed=20))))
    assert judgement.verdict.status == "warn"
    assert judgement.verdict.reasons[0].message == (
        "`temp` has no value in 20 of 100 rows (20.00 percent); must be less than 20 percent"
    )
    assert judgement.rules[4].measured == 20.0
    assert judged(checks(*failing(4, RuleCount(failed=19)))).verdict.status == "accept"


def test_a_drop_with_none_of_the_columns_is_one_reason_that_asks_for_its_header():
    judgement = judged(checks(*failing(2, RuleCount(failed=100)), present=(), extra=("LAX", "71", "x", "y")))
    [reason] = judgement.verdict.reasons
    assert (reason.severity, reason.rule, reason.column) == ("error", "columns", None)
    assert reason.message.endswith(
        "columns is there, but `LAX`, `71`, `x` and 1 more: its header is missing, or it is another file"
    )
    assert judgement.verdict.status == "quarantine"


def test_the_bytes_of_an_accepted_drop_delivered_again_are_told():
    past = PastDrop(
        drop_id="0123456789", arrived_at="2026-11-26T06:00:00Z", figures={}, etag="e", size_bytes=0
    )
    judgement = judged(checks(), history=[past])
    [reason] = judgement.verdict.reasons
    assert (judgement.verdict.status, reason.rule, reason.severity) == ("warn", "twin", "warning")
    assert reason.message == "it has the bytes of drop `01234567` of 2026-11-26T06:00: its rows come twice"


@pytest.mark.parametrize("changed", [{"etag": ""}, {"etag": "f"}, {"size_bytes": 1}], ids=str)
def test_other_bytes_are_no_twin(changed):
    members = {"etag": "e", "size_bytes": 0, **changed}
    past = PastDrop(drop_id="0", arrived_at="2026-11-26T06:00:00Z", figures={}, **members)
    assert judged(checks(), history=[past]).verdict.status == "accept"


def test_a_missing_column_is_one_reason_and_names_its_likely_new_name():
    judgement = judged(checks(*failing(2, RuleCount(failed=100)), present=("temp",), extra=("destination",)))
    assert told(judgement) == [("error", "columns", "dest")]
    assert judgement.verdict.reasons[0].message == (
        "column `dest` is missing; `destination`, which the contract does not know, may be it renamed"
    )
    assert judgement.verdict.checks_failed == 1
    assert (judgement.rules[2].is_judged, judgement.rules[2].message) == (False, "column `dest` is missing")


def test_an_extra_column_is_a_warning():
    judgement = judged(checks(extra=("shoe size",)))
    assert (judgement.verdict.status, told(judgement)) == ("warn", [("warning", "columns", "shoe size")])
    assert judgement.verdict.checks_failed == 0


def test_too_few_rows_are_counted_by_the_row_rule():
    assert judged(checks(rows=2)).verdict.reasons[0].message == "the drop has 2 rows; must be more than 2"


def test_a_drop_without_rows_warns_where_no_rule_speaks_of_rows():
    plan = replace(PLAN, rules=())
    judgement = judge(plan, Checks(rows=0, present=(), extra=(), counts=()), EMPTY, drop=DROP)
    assert [reason.message for reason in judgement.verdict.reasons][-1] == "the drop has no rows"


def test_few_bad_rows_are_set_aside_and_only_warn():
    counts = failing(3, BROKEN_RANGE)
    judgement = judged(checks(*counts, bad_rows=2), plan=SETTING_ASIDE)
    assert judgement.verdict.status == "warn"
    assert [reason.message for reason in judgement.verdict.reasons] == [
        "2 of 100 rows set aside (2.00 percent; at most 5 percent may be)",
        "`temp` is below 5 or above 115 in 2 of 100 rows",
    ]
    assert judgement.verdict.reasons[1].first_rows == (7, 9)
    assert judgement.verdict.checks_failed == 1


@pytest.mark.parametrize("rows, bad", [(100, 6), (4, 4)], ids=["more than 5 percent", "no good row left"])
def test_many_bad_rows_quarantine_the_drop(rows, bad):
    counts = failing(3, RuleCount(failed=bad))
    judgement = judged(checks(*counts, rows=rows, bad_rows=bad), plan=SETTING_ASIDE)
    assert judgement.verdict.status == "quarantine"
    assert f"{bad} of {rows} rows are bad" in judgement.verdict.reasons[0].message
    assert told(judgement) == [("error", "bad_rows", None), ("error", "range", "temp")]


def test_setting_rows_aside_excuses_no_other_rule():
    other = [RuleCount(), RuleCount(), RuleCount(failed=1), RuleCount(), RuleCount(failed=30)]
    judgement = judged(checks(*other, rows=100, bad_rows=1), plan=SETTING_ASIDE)
    assert told(judgement) == [
        ("warning", "bad_rows", None),
        ("warning", "required", "dest"),
        ("warning", "null_values", "temp"),
    ]
    plan = replace(
        SETTING_ASIDE, rules=(*SETTING_ASIDE.rules[:4], replace(SETTING_ASIDE.rules[4], severity="error"))
    )
    assert judged(checks(*other, rows=100, bad_rows=1), plan=plan).verdict.status == "quarantine"


def test_the_past_is_no_judge_before_five_drops():
    hot = profiled(9, mean=200)
    history = past([profiled(seed) for seed in range(4)])
    assert judged(checks(rows=600), hot, history=history).verdict.status == "accept"


def test_an_anomaly_beyond_doubt_quarantines_and_comes_before_the_warnings():
    profiles = [profiled(seed) for seed in range(10)]
    recent = baseline(merge(profiles[:8]), "recent", "the last 8 accepted drops")
    judgement = judged(checks(rows=600), profiled(20, mean=10), history=past(profiles), references=[recent])
    assert judgement.verdict.status == "quarantine"
    assert told(judgement)[0] == ("error", "anomaly", "temp")
    assert told(judgement)[-1] == ("warning", "drift", "temp")
    mean = next(reason for reason in judgement.verdict.reasons if "the mean of" in reason.message)
    assert "usually about 49.8" in mean.message and "the last 10 accepted drops" in mean.message
    assert {("temp", "mean"), ("temp", "psi recent")} <= judgement.out_of_line
    assert not {key for key in judgement.out_of_line if key[0] != "temp"}


def test_drift_against_the_baseline_is_a_warning_however_large():
    judgement = judged(checks(rows=600), profiled(1, mean=500), references=[baseline(profiled(2))])
    assert (judgement.verdict.status, told(judgement)) == ("warn", [("warning", "drift", "temp")])
    assert "the champion's training rows" in judgement.verdict.reasons[0].message
    [found] = judgement.drifts
    assert {item.column: item.status for item in found.columns} == {"temp": "alarm", "dest": "stable"}
    assert judgement.figures["temp", "psi m1"].value == found.columns[1].psi


def test_a_contract_sets_the_level_of_a_columns_drift_or_leaves_it_out():
    moved, reference = profiled(1, mean=53, rows=5000), baseline(profiled(2, rows=5000))  # 0.3 sd: PSI 0.09
    assert judged(checks(rows=5000), moved, references=[reference]).verdict.status == "accept"

    def with_drift(settings):
        temp = replace(PLAN.columns[1], drift=settings)
        plan = replace(PLAN, columns=(PLAN.columns[0], temp))
        return judged(checks(rows=5000), moved, plan=plan, references=[reference])

    assert with_drift(DriftSettings(warning=0.05)).drifts[0].columns[1].status == "warning"
    assert with_drift(DriftSettings(alarm=0.05)).drifts[0].columns[1].status == "alarm"
    assert [item.column for item in with_drift(DriftSettings(watched=False)).drifts[0].columns] == ["dest"]


def test_drift_that_earlier_drops_had_too_is_no_news():
    reference = baseline(profiled(0, rows=5000))
    wobbly = [profiled(seed, mean=50 + 6 * (-1) ** seed, rows=600) for seed in range(30, 40)]
    history = []
    for age, profile in enumerate(wobbly):
        figures = judged(checks(rows=600), profile, references=[reference]).figures
        history.append(PastDrop(drop_id=str(age), arrived_at="", figures=figures))
    like_them = profiled(50, mean=56)
    assert judged(checks(rows=600), like_them, references=[reference]).verdict.status == "warn"
    usual = judged(checks(rows=600), like_them, references=[reference], history=history)
    assert usual.drifts[0].columns[1].status == "stable"
    assert usual.drifts[0].columns[1].usual_psi == pytest.approx(0.35, abs=0.1)
    far = judged(checks(rows=600), profiled(51, mean=90), references=[reference], history=history)
    assert far.drifts[0].columns[1].status == "alarm"
    other = replace(reference, id="m2")  # a new champion: what its predecessor's rows were like says nothing
    anew = judged(checks(rows=600), like_them, references=[other], history=history)
    assert anew.drifts[0].columns[1].status == "alarm"


def test_a_person_accepts_a_drop_whatever_is_wrong_with_it_and_is_named():
    profiles = [profiled(seed) for seed in range(10)]
    judgement = judged(
        checks(*failing(3, BROKEN_RANGE), rows=600),
        profiled(20, mean=10),
        history=past(profiles),
        drop=ACCEPTED,
    )
    assert judgement.verdict.status == "warn"
    assert judgement.verdict.reasons[0].message == "accepted by Ada: a new sensor"
    assert ("error", "range", "temp") in told(judgement)  # the reasons stay
    assert ("temp", "mean") in judgement.out_of_line


def test_duplicates_lag_and_values_never_seen_are_figures_of_the_drop():
    plan = replace(
        PLAN,
        columns=(*PLAN.columns, Column(name="at", type="timestamp")),
        rules=(
            Rule(kind="unique", columns=("dest",)),
            Rule(kind="unique", columns=("dest", "temp")),
            Rule(
                kind="freshness",
                columns=("at",),
                condition=Condition(operator="mustBeLessOrEqualTo", values=(7200,)),
            ),
        ),
    )
    # 2026-11-27T05:00:00Z is 1795755600 seconds after the epoch.
    rows = {
        "dest": ["a", "b", "c", "c"],
        "temp": [1.0, 2, 3, 4],
        "at": pa.array([1795755600] * 4, pa.timestamp("s", "UTC")),
    }
    seen = {**rows, "dest": ["a", "a", "b", "b"]}
    profile, reference = (profile_batches(pa.table(table).to_batches()) for table in (rows, seen))
    counts = (RuleCount(failed=1), RuleCount(failed=2), RuleCount())
    found = judge(
        plan,
        Checks(rows=4, present=("dest", "temp", "at"), extra=(), counts=counts),
        profile,
        drop=replace(DROP, size_bytes=99),
        references=[baseline(reference, "recent")],
    ).figures
    assert found["dest", "duplicate share"].value == 0.25
    assert found[None, "duplicate share"].value == 0.5
    assert found[None, "lag"].value == 3600
    assert found[None, "bytes"].value == 99
    assert found["dest", "unseen share"].value == 0.5


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
