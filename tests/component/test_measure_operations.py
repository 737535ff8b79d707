"""MeasureOperations on a CloudWatch with percentiles: how the endpoint did, how old what it serves is."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from serving_account import VERSIONS, Account, plan

from localcloud import cloudwatch, server
from tidegate.messages.monitoring import OperationsMeasured

START = (datetime.now(UTC) - timedelta(minutes=30)).replace(second=0, microsecond=0)


@pytest.fixture(scope="module")
def running():
    with server.start(names=("events", "cloudwatch")) as here:
        yield here


@pytest.fixture
def account(running, aws, tmp_path, monkeypatch):
    """Of the local cloud: moto alone has no percentiles."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    here = SimpleNamespace(client=running.cloud.client, name=aws.name)
    made = Account(here, tmp_path)
    made.configure(monitoring={"alarm_period_seconds": 60})
    return made


def served(account, variant, name, values, *, minute=0):
    dimensions = {"EndpointName": account.endpoint, "VariantName": variant}
    for value in values:
        when = START + timedelta(minutes=minute, seconds=5)
        cloudwatch.record("AWS/SageMaker", name, dimensions, value, when=when)


def counted(account, name, value, **dimensions):
    shown = [{"Name": key, "Value": text} for key, text in {"service": account.prefix, **dimensions}.items()]
    datum = {"MetricName": name, "Value": value, "Timestamp": START, "Dimensions": shown}
    account.cloudwatch.put_metric_data(Namespace="Tidegate", MetricData=[datum])


@pytest.fixture
def measure(account, load, context):
    """Measure a window of half an hour; the answer, and the document."""

    def run(*, ready=True, arn=None, start=START):
        environment = {**account.environment, "POWERTOOLS_SERVICE_NAME": account.prefix}
        handler = load("functions.measure_operations.handler", **environment)
        name = f"{datetime.now(UTC):%Y%m%d%H%M%S}-abcd"
        end = START + timedelta(minutes=30) if ready else start
        window = {"ready": ready, "reason": "", "run": name, "records": 9, "manifest_uri": ""}
        window |= {"start": start.isoformat(), "end": end.isoformat(), "baseline_uri": ""}
        answer = handler(window | {"predictions_uri": "", "model_package_arn": arn or ""}, context)
        measured = OperationsMeasured.from_json(answer)
        body = account.s3.get_object(Bucket=account.lake, Key=measured.report_key)["Body"].read()
        return measured, json.loads(body)

    return run


def published(account):
    """Name -> value of what it published, by the endpoint."""
    found = {}
    for name in ("ModelAgeDays", "FeatureAgeSeconds", "FallbackShare"):
        points = account.cloudwatch.get_metric_statistics(
            Namespace="Tidegate",
            MetricName=name,
            Dimensions=[{"Name": "Endpoint", "Value": account.endpoint}],
            StartTime=datetime.now(UTC) - timedelta(minutes=10),
            EndTime=datetime.now(UTC) + timedelta(minutes=10),
            Period=60,
            Statistics=["Maximum"],
        )["Datapoints"]
        if points:
            found[name] = points[-1]["Maximum"]
    return found


def test_a_window_tells_requests_errors_latency_and_fallbacks_by_variant(account, measure):
    arn = account.register()
    account.put_champion(arn, since=(datetime.now(UTC) - timedelta(days=2)).isoformat())
    served(account, "variant-a", "Invocations", [1] * 100)
    served(account, "variant-a", "Invocation5XXErrors", [1] * 4 + [0] * 96)
    served(account, "variant-a", "ModelLatency", [1000.0 * n for n in range(101)])  # µs: 0 to 100 ms
    served(account, "variant-a", "OverheadLatency", [500.0] * 101)
    served(account, "variant-b", "Invocations", [1] * 10, minute=29)
    served(account, "variant-b", "Invocations", [1] * 50, minute=31)  # after the window
    counted(account, "Predictions", 200)
    counted(account, "DegradedPredictions", 20)
    counted(account, "FeaturesLookedUp", 400)
    counted(account, "StaleFeatures", 40)
    counted(account, "VariantFallbacks", 7, variant="variant-a")
    measured, document = measure(arn=arn)
    a, b = document["variants"]
    assert (a["variant"], a["requests"], a["errors"], a["error_share"]) == ("variant-a", 100, 4, 0.04)
    assert a["model_latency"]["p50"] == pytest.approx(50) and a["model_latency"]["p99"] == pytest.approx(99)
    assert (a["overhead_latency"]["p99"], a["fallbacks"], a["cpu_percent"]) == (0.5, 7, None)
    assert (b["requests"], b["busiest"], b["model_latency"]) == (10, 10, None)
    assert document["predictions"] == {
        "answered": 200, "degraded": 20, "failed": 0, "refused": 0, "fallback_share": 0.1
    }  # fmt: skip
    assert (document["look_ups"]["values"], document["look_ups"]["stale"]) == (400, 0.1)
    assert document["period_seconds"] == {"counts": 60, "latency": 300}
    assert (measured.requests, measured.error_share, measured.fallback_share) == (110, 4 / 110, 0.1)
    assert measured.p99_ms == pytest.approx(99)


def test_ages_of_model_and_features_are_told_and_published(account, measure):
    arn = account.register()
    account.put_champion(arn, since=(datetime.now(UTC) - timedelta(days=2)).isoformat())
    carrier, origin = VERSIONS["carrier_delay"], VERSIONS["origin_delay"]
    account.put_view(carrier)
    account.put_view(origin, recorded_at=(datetime.now(UTC) - timedelta(hours=5)).isoformat())
    measured, document = measure(arn=arn)
    assert document["model"]["serving_days"] == pytest.approx(2, abs=0.01)
    assert 0 <= document["model"]["trained_days"] < 0.01  # registered a moment ago
    assert [view["view"] for view in document["views"]] == [carrier, origin]
    assert measured.feature_age_seconds == pytest.approx(5 * 3600, abs=120)
    found = published(account)
    assert found["FeatureAgeSeconds"] == pytest.approx(5 * 3600, abs=120)
    assert found["ModelAgeDays"] == pytest.approx(measured.model_age_days)
    assert "FallbackShare" not in found  # nobody asked
    remembered = json.loads(account.state_item("operations")["summary"]["S"])
    assert OperationsMeasured.from_json(remembered) == measured


def test_features_are_those_of_the_champion_not_of_what_was_deployed_since(account, measure):
    arn = account.register()
    account.put_champion(arn)
    older = plan().features.__class__.from_json(
        {**plan().features.to_json(), "hash": "e" * 64, "views": [plan().features.views[0].to_json()]}
    )
    account.put_feature_set(older)
    account.put_state("variant#variant-a", feature_set_hash="e" * 64)
    _, document = measure(arn=arn)
    assert [view["view"] for view in document["views"]] == [older.views[0].version]


def test_a_window_that_waits_for_rows_lasts_until_the_look(account, measure):
    """No file was written since the last window, and yet the endpoint was asked."""
    arn = account.register()
    account.put_champion(arn)
    served(account, "variant-a", "Invocations", [1] * 3, minute=20)
    measured, _ = measure(ready=False, arn=arn)
    assert measured.requests == 3


def test_views_that_were_never_computed_have_no_age(account, measure):
    arn = account.register()
    account.put_champion(arn)
    measured, document = measure(arn=arn)
    assert {view["age_seconds"] for view in document["views"]} == {None}
    assert measured.feature_age_seconds is None
