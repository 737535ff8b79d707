"""ReportWindow: the page of a window in the lake, of what is there and of alarms as CloudWatch tells them."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from registry_account import registry  # noqa: F401
from serving_account import plan

from tidegate.aws.profiles import put_profile
from tidegate.profile import profile_batches

RUN, BEFORE = (f"{datetime.now(UTC):%Y%m%d}{time}-abcd" for time in ("100000", "090000"))


@pytest.fixture
def report(registry, monkeypatch, load, context, tmp_path):
    """Make the page of a window; its text. The account is the local cloud's: moto has no alarm history."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", registry.place.url)
    (tmp_path / "plan.json").write_text(json.dumps(plan().to_json()))

    def run(window):
        handler = load(
            "functions.report_window.handler", PIPELINE_DIR=str(tmp_path), LAKE_BUCKET=registry.bucket
        )
        known = {"ready": True, "reason": "", "run": RUN, "start": "", "end": "", "records": 40}
        uris = {"manifest_uri": "", "baseline_uri": "", "predictions_uri": "", "model_package_arn": ""}
        answer = handler(known | uris | window, context)
        assert answer == {"key": f"monitoring/{RUN}/report.html"}
        body = registry.client("s3").get_object(Bucket=registry.bucket, Key=answer["key"])
        assert body["ContentType"] == "text/html; charset=utf-8"
        return body["Body"].read().decode()

    return run


def measurement(psi):
    metrics = {"RowsMeasured": 40.0, "DriftScoreMax": psi, "PredictionDriftScore": 0.0}
    column = {"column": "hour", "status": "alarm", "psi": psi, "effect": psi, "adjusted_p": 0.0}
    return {
        "metrics": [{"MetricName": name, "Value": value} for name, value in metrics.items()],
        "summary": {"rows": 40, "drifted": [column], "prediction": None},
        "columns": [column],
    }


def test_the_page_has_the_windows_documents_alarms_and_the_windows_before(registry, report):
    s3, cloudwatch = registry.client("s3"), registry.client("cloudwatch")
    for run, psi in ((BEFORE, 0.4), (RUN, 0.8)):
        body = json.dumps(measurement(psi)).encode()
        s3.put_object(Bucket=registry.bucket, Key=f"monitoring/{run}/measurement.json", Body=body)
    hours = profile_batches(pa.table({"hour": [1, 2, 3]}).to_batches())
    put_profile(s3, registry.bucket, f"monitoring/{RUN}/requests.parquet", hours)
    put_profile(s3, registry.bucket, "training/r/baseline/profile.parquet", hours)
    alarm = {"Namespace": "Tidegate", "MetricName": "M", "Period": 60, "EvaluationPeriods": 1}
    alarm |= {"Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold", "Statistic": "Maximum"}
    for name in ("flights-dev-drift", "other-dev-drift"):
        cloudwatch.put_metric_alarm(AlarmName=name, **alarm)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="by hand")
    arn = registry.register(run="run-9")
    html = report(
        {
            "model_package_arn": arn,
            "baseline_uri": f"s3://{registry.bucket}/training/r/baseline/",
            "predictions_uri": f"s3://{registry.bucket}/evaluations/none/predictions.parquet",
        }
    )
    assert "run run-9" in html and "needs a look" in html
    assert "flights-dev-drift" in html and "other-dev-drift" not in html
    assert "to ALARM" in html  # the change itself, whatever the alarm was found to be since
    features = html[html.index("<section id=features>") : html.index("<section id=answers>")]
    assert features.count("<circle") == 2  # this window and the one before
    assert "<path class=b" in features  # the histogram
    assert "MeasureQuality left no document" in html


def test_a_window_that_waits_for_rows_has_a_page_too(report):
    html = report({"ready": False, "reason": "12 of 300 captured requests a window needs"})
    assert "12 of 300 captured requests" in html
