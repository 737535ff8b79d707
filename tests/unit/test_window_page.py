"""The page of a monitoring window: what it says, what it does without, and that nothing of it is markup."""

import re

import pyarrow as pa
import pytest

from tidegate.monitoring.page import Alarm, AlarmChange, Documents, Earlier, Window, render
from tidegate.monitoring.page.findings import findings
from tidegate.profile import profile_batches

RUN = "20260301100000-abcd"
WINDOW = Window(
    run=RUN,
    pipeline="flights-dev",
    start="2026-03-01T09:00:00+00:00",
    end="2026-03-01T10:00:00+00:00",
    records=600,
    ready=True,
    reason="",
    model_run="run-7",
    model_version=7,
)
REALISED = {"rows": 400, "status": "breach", "value": 0.5, "low": 0.45, "high": 0.55, "resampled": "rows"}
NOTHING = {"rows": 9, "status": "insufficient", "value": None, "low": None, "high": None, "resampled": None}


def column(name, status="stable", psi=0.01, **more):
    figures = {"effect": psi / 2, "p_value": 0.5, "adjusted_p": 0.5, "ks": None, "unseen_share": None}
    return {"column": name, "status": status, "psi": psi, **figures, **more}


def measurement(*columns, **more):
    drifted = [c for c in columns if c["status"] == "alarm"]
    shown = {"column": "probability", "psi": 0.4, "status": "stable"}
    return {
        "metrics": [
            {"MetricName": "RowsMeasured", "Value": 600.0},
            {"MetricName": "DriftScoreMax", "Value": 0.9},
            {"MetricName": "PredictionDriftScore", "Value": 0.4},
            {"MetricName": "UnreadableRecords", "Value": 2.0},
        ],
        "summary": {"rows": 600, "drifted": drifted, "prediction": shown},
        "columns": [*columns, column("probability", psi=0.4)],
        **more,
    }


def quality(realised=REALISED, **more):
    labels = {"predictions": 600, "labelled": 400, "coverage": 400 / 600, "contradicted": 3, "early": 0}
    labels |= {"repeated": 0, "unreadable": 0, "unknown": 0}
    lags = {"lag_median_seconds": 86400.0 * 3, "lag_95_seconds": 86400.0 * 5}
    window = {"run": RUN, "predictions": 600, "labelled": 400, "coverage": 400 / 600, "realised": realised}
    return {
        "run": RUN,
        "model": "run-7",
        "metric": "roc_auc",
        "promised": {"value": 0.7, "low": 0.66, "high": 0.74},
        "margin": 0.02,
        "realised": realised,
        "windows": [window | lags],
        "slices": [
            {"column": "carrier", "value": "UA", "realised": realised},
            {"column": "carrier", "value": "AA", "realised": NOTHING},
        ],
        "models": [{"model": "run-7", "realised": realised}, {"model": "run-6", "realised": NOTHING}],
        "labels": labels,
        "estimate": {"status": "kept", "reason": "", "value": 0.68, "low": 0.6, "high": 0.7},
        **more,
    }


OPERATED = {"variant": "variant-a", "errors": 0, "latency": {"p99": 12.5, "slowest_at": 1_772_359_200}}


def whole(**changes):
    """A window of which everything is there."""
    rows = pa.table({"carrier": ["UA", "AA", "UA"], "hour": [1, 2, 3]})
    trained = pa.table({"carrier": ["UA", "AA", "B6"], "hour": [1, 2, 2]})
    answers = pa.table({"probability": [0.1, 0.2, 0.9]})
    requests, baseline, answered = (profile_batches(t.to_batches()) for t in (rows, trained, answers))
    skew = {"rows": 200, "features": [{"feature": "hour", "differing": 4, "rate": 0.02, "causes": {"x": 4}}]}
    known = {
        "measurement": measurement(column("carrier"), column("hour", "alarm", 0.9)),
        "quality": quality(),
        "skew": skew,
        "operations": {"run": RUN, "variants": [OPERATED], "age_days": 3},
        "decision": {"run": RUN, "action": "retrain", "reason": "quality breach", "evidence": [{"a": 1}]},
        "violations": {
            "violations": [
                {
                    "feature_name": "hour",
                    "constraint_check_type": "drift",
                    "description": "PSI",
                }
            ]
        },
        "requests": requests,
        "baseline": baseline,
        "answers": answered,
        "expected": answered,
        "earlier": (
            Earlier(
                run="20260301090000-aaaa",
                worst_psi=0.1,
                prediction_psi=0.05,
                drifted=False,
                prediction_drifted=False,
                estimate=0.69,
            ),
        ),
        "alarms": (
            Alarm(
                name="a-drift", state="ALARM", since="2026-03-01T10:00:00+00:00", reason="r", description="d"
            ),
            Alarm(name="a-skew", state="OK", since="", reason="fine", description="e"),
        ),
        "changes": (AlarmChange(name="a-drift", at=WINDOW.end, summary="OK to ALARM"),),
    }
    return Documents(window=WINDOW, **(known | changes))


def words(html):
    return re.sub(r"<[^>]+>", " ", html)


def test_it_says_first_what_matters_most():
    found = [(each.kind, each.word) for each in findings(whole())]
    assert found == [
        ("e", "breach"),
        ("g", "estimate"),
        ("w", "outcomes"),
        ("e", "drift"),
        ("w", "captures"),
        ("e", "skew"),
        ("e", "alarms"),
        ("", "decision"),
    ]
    told = words(render(whole()))
    assert "flights-dev, window of 2026-03-01 10:00: needs a look" in told
    assert "roc_auc  0.5000 [0.4500, 0.5500] from outcomes of 400 of 600 predictions (66.7%)" in told


def test_each_section_has_what_its_document_says():
    html = render(whole())
    told = words(html)
    for expected in (
        "Promised by the evaluation  0.7000 [0.6600, 0.7400]",
        "too few outcomes (9)",
        "3 days",
        "variant-a",
        "Latency p99",
        "12.5",
        "2026-03-01 10:00:00 UTC",
        "retrain",
        "drift",
        "OK to ALARM",
        "200 captured vectors were rebuilt offline",
    ):
        assert expected in told, expected
    assert html.count("<svg") >= 8  # banner, three courses, whiskers, histograms


def test_columns_that_moved_come_first_with_their_baseline_beside_them():
    html = render(whole())
    section = html[html.index("<section id=features>") : html.index("<section id=answers>")]
    assert section.index(">hour<") < section.index(">carrier<")
    assert section.count("<path class=b") >= 2 and "tag e'>alarm" in section


def test_a_quiet_window_is_as_expected():
    documents = whole(
        measurement=measurement(column("hour")) | {"metrics": []},
        quality=quality(REALISED | {"status": "kept", "value": 0.7, "low": 0.66, "high": 0.74}),
        skew={"rows": 5, "features": []},
        alarms=(),
        decision=None,
    )
    documents.quality["labels"]["contradicted"] = 0
    assert {each.kind for each in findings(documents)} == {"g"}
    assert "as expected" in words(render(documents))


@pytest.mark.parametrize(
    "gone",
    [
        *("measurement", "quality", "skew", "operations", "decision", "violations"),
        *("requests", "baseline", "answers", "expected"),
    ],
)
def test_a_missing_document_is_said_and_the_rest_is_shown(gone):
    html = render(whole(**{gone: None}))
    assert html.count("<section") == 9


def test_a_window_of_too_few_rows_says_why():
    window = Window(**{**vars(WINDOW), "ready": False, "reason": "12 of 300 captured requests", "end": ""})
    html = render(Documents(window=window, quality=quality(NOTHING)))
    assert "12 of 300 captured requests" in words(html)
    assert "No measurement" not in words(html) and "too few outcomes (9)" in words(html)


def test_the_measurement_is_told_in_sentences_with_the_figures_behind_them():
    measured = measurement(
        column("distance"),
        inputs={
            "rows": 600,
            "out_of_contract": {
                "rows": 12,
                "share": 0.02,
                "rules": [
                    {"rule": "range", "columns": ["distance"], "severity": "error", "rows": 12}
                    | {"message": "`distance` is below 0 in 12 of 600 rows", "first_values": ["-1", "-7"]}
                ],
            },
            "columns": [
                {"column": "distance", "missing_share": 0.1, "baseline_missing_share": 0.0}
                | {"unknown_share": None, "unknown_values": []},
                {"column": "quiet", "missing_share": 0.2, "baseline_missing_share": 0.2}
                | {"unknown_share": 0.0, "unknown_values": []},
            ],
        },
        domain={"status": "warning", "reference_rows": 500, "current_rows": 600, "auc": 0.58}
        | {"low": 0.46, "high": 0.54, "z": 5.0, "columns": [{"column": "humid", "share": 0.75}]},
        attribution={"status": "stable", "rows": 500, "drift": 0.002}
        | {"features": [{"feature": "od280/od315", "training": 0.25, "now": 0.125}]},
        weighted_drift=0.5,
        weighted_drifted_share=0.4,
        importances={"distance": 0.4, "quiet": 0.6},
    )
    told = " ".join(words(render(whole(measurement=measured))).split())
    assert "12 of 600 requests break a rule of the contract." in told
    assert "distance is below 0 in 12 of 600 rows error 12 -1, -7" in told
    assert "distance 10% 0%" in told and "quiet 20%" not in told
    assert "area under the ROC curve of 0.58; by chance it is between 0.46 and 0.54." in told
    assert "humid 75%" in told
    assert "has moved by 0.002 on a scale from 0 to 1, measured on 500 requests." in told
    assert "od280/od315 0.25 0.125" in told
    assert "hold 40% of all importance have drifted. Column Share of the importance quiet 60%" in told


def test_times_and_names_of_other_documents_are_those_of_a_person():
    decision = {"action": "none", "at": "2026-11-27T18:13:20.303846+00:00", "execution": "", "cause": None}
    decision |= {"model": "arn:aws:sagemaker:us-east-1:123456789012:model-package/wine-dev/1"}
    told = " ".join(words(render(whole(decision=decision))).split())
    assert "At 2026-11-27 18:13:20 UTC" in told and "Model model-package/wine-dev/1" in told
    decided = told.split("Decision Action none")[1].split("All times")[0]
    assert "Execution" not in decided and "Cause" not in decided


def test_what_no_release_knew_is_shown_by_its_names():
    more = {"out_of_contract": {"rows": 12, "rules": [{"rule": "range", "column": "hour", "rows": 12}]}}
    told = words(render(whole(measurement=measurement(column("hour"), **more))))
    assert "Out of contract" in told and "Rules" in told and "range" in told


def test_nothing_of_a_document_is_markup():
    bad = "</style><script>document.title='run'</script>"
    documents = whole(
        measurement=measurement(column(bad, "alarm", 0.9), **{bad: [{bad: bad}]}),
        operations={bad: {bad: {bad: bad}}},
        decision={"action": bad, "reason": bad},
        violations={"violations": [{"feature_name": bad, "constraint_check_type": bad, "description": bad}]},
        alarms=(Alarm(name=bad, state=bad, since=bad, reason=bad, description=bad),),
        changes=(AlarmChange(name=bad, at=bad, summary=bad),),
        quality=quality(slices=[{"column": bad, "value": bad, "realised": REALISED}]),
    )
    html = render(documents)
    assert html.count("<script>") == 1 and html.count("</style>") == 1
    assert "&lt;script&gt;" in html


def test_two_hundred_columns_are_a_page_of_a_moderate_size():
    columns = {f"column_{n:03d}": [float((i * 7 + n) % 50) for i in range(100)] for n in range(200)}
    profile = profile_batches(pa.table(columns).to_batches())
    found = measurement(*(column(name, psi=n / 1000) for n, name in enumerate(columns)))
    html = render(whole(measurement=found, requests=profile, baseline=profile))
    assert all(name in html for name in columns)
    assert len(html.encode()) < 200_000
