"""A small drop judged by hand, for tests of its page."""

from typing import Any

import pyarrow as pa

from tidegate.contract.plan import Column, Condition, ContractPlan, DriftSettings, Rule
from tidegate.ingestion.anomaly import Anomaly
from tidegate.ingestion.figures import Figure, PastDrop
from tidegate.ingestion.rule_results import RuleResult
from tidegate.ingestion.verdict import Judgement
from tidegate.messages.ingestion import Drop, Reason, Verdict
from tidegate.profile import Profile, profile_batches
from tidegate.report.drop import render
from tidegate.statistics.drift import ColumnDrift, ReferenceDrift

ROWS = (Figure(value=1000.0, tested=6.907755278982137, scale=1000.0),) * 6
MEANS = (10.0, 11.0, 9.0, 10.5, 9.5, 10.0)  # newest first
PAST = tuple(
    PastDrop(
        drop_id=f"drop-{age}",
        arrived_at=f"2026-11-{20 - age}T06:00:00Z",
        figures={(None, "rows"): rows, ("temp", "mean"): Figure(value=mean, tested=mean, scale=10.0)},
    )
    for age, (rows, mean) in enumerate(zip(ROWS, MEANS, strict=True))
)
PLAN = ContractPlan(
    id="urn:tidegate:weather",
    version="2.1.0",
    dataset="weather",
    hash="0123abcd",
    columns=(
        Column(name="temp", type="number", drift=DriftSettings(warning=0.3)),
        Column(name="sky", type="string"),
        Column(name="at", type="timestamp"),
    ),
    rules=(
        Rule(kind="required", columns=("temp",)),
        Rule(kind="range", columns=("temp",), minimum=-40, maximum=60),
        Rule(
            kind="null_values",
            columns=("sky",),
            severity="warning",
            condition=Condition(operator="mustBeLessThan", values=(20,), unit="percent"),
        ),
    ),
)
DROP = Drop(
    bucket="drops",
    key="drops/weather/day.csv",
    version_id="v7",
    etag="e",
    size_bytes=1_572_864,
    drop_id="4f2a",
    dataset="weather",
    arrived_at="2026-11-27T04:18:11+02:00",
)


def profiled(temps: list[float | None], skies: list[str | None]) -> Profile:
    at = pa.array([1_764_201_600_000_000 + 60_000_000 * i for i in range(len(temps))], pa.timestamp("us"))
    table = pa.table({"temp": pa.array(temps, pa.float64()), "sky": pa.array(skies), "at": at})
    return profile_batches(table.to_batches())


PROFILE = profiled([1.5, 2.5, None, 99.0], ["blue", "blue", "grey", None])


def judgement(**changes: Any) -> Judgement:
    rules = (
        RuleResult(
            rule=PLAN.rules[0], measured=1, holds=False, failed_rows=1, first_rows=(3,), first_values=("",)
        ),
        RuleResult(rule=PLAN.rules[1], measured=0, holds=True),
        RuleResult(rule=PLAN.rules[2], measured=25.0, holds=False, failed_rows=1),
    )
    settings: dict[str, Any] = {
        "verdict": Verdict(
            status="quarantine",
            rows=4,
            reasons=(
                Reason(
                    rule="required",
                    column="temp",
                    severity="error",
                    message="`temp` has no value in 1 of 4 rows",
                ),
                Reason(rule="null_values", column="sky", severity="warning", message="`sky` has no value"),
            ),
            profile_key="",
            report_key="",
            checks=3,
            checks_failed=2,
        ),
        "rules": rules,
        "anomalies": (
            Anomaly(column="temp", figure="mean", value=34.33, usual=10.0, drops=6, adjusted_p=2e-6),
        ),
        "drifts": (
            ReferenceDrift(
                against="the champion's training rows",
                reference=profiled([1.0, 2.0, 3.0, 4.0], ["blue", "grey", "grey", "red"]),
                columns=(
                    ColumnDrift(column="sky", status="insufficient"),
                    ColumnDrift(
                        column="temp",
                        status="warning",
                        psi=0.4321,
                        effect=0.4123,
                        p_value=1e-12,
                        adjusted_p=1e-12,
                        ks=0.25,
                        wasserstein=0.111,
                        jensen_shannon=0.2,
                    ),
                    ColumnDrift(column="at", status="not comparable"),
                ),
            ),
        ),
        "figures": {
            (None, "rows"): Figure(value=4.0, tested=1.3862943611198906, scale=4.0),
            ("temp", "mean"): Figure(value=34.33, tested=34.33, scale=34.0),
        },
    }
    return Judgement(**{**settings, **changes})


def rendered(profile: Profile = PROFILE, **changes: Any) -> str:
    return render(judgement(**changes), profile, drop=DROP, plan=PLAN, history=PAST)
