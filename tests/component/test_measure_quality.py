"""MeasureQuality: labels told through the API, joined to captured windows, whenever they come."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from serving_account import account, request  # noqa: F401

from tidegate import metrics
from tidegate.aws import tellings
from tidegate.messages import QualityMeasured
from tidegate.monitoring.estimated import calibration

ROWS = 60
NOW = datetime.now(UTC).replace(microsecond=0)


def chance(number):
    """0.1 and 0.9 in turn."""
    return (0.1, 0.9)[number % 2]


def record(inference_id, probability, *, model="run-1", carrier="UA"):
    instance = {"carrier": carrier, "origin": "JFK", "dest": "LAX", "distance": 500, "hour": 8}
    sides = {
        "endpointInput": {"instances": [instance]},
        "endpointOutput": {"predictions": [{"probability": probability}], "model": model},
    }
    captured = {name: {"data": json.dumps(side), "encoding": "JSON"} for name, side in sides.items()}
    event = {
        "eventId": f"e-{inference_id}",
        "inferenceId": inference_id,
        "inferenceTime": NOW.isoformat(),
    }
    return json.dumps({"captureData": captured, "eventMetadata": event}) + "\n"


@pytest.fixture
def champion(account):
    """A registered model whose evaluation promised an area of 1 with a licence to estimate."""
    account.configure(monitoring={"minimum_rows": 30})
    rng = np.random.default_rng(1)
    p = np.array([chance(i) for i in range(2000)])
    labels = (rng.random(p.size) < p).astype(np.int8)
    value = metrics.roc_auc(labels, p)
    evaluation = {
        "candidate": {"metric": value, "interval": {"value": value, "low": value, "high": value}},
        "calibration": calibration("roc_auc", metrics.roc_auc, labels, p, seed=1),
    }
    key = "evaluations/run-1/evaluation.json"
    account.s3.put_object(Bucket=account.lake, Key=key, Body=json.dumps(evaluation).encode())
    return account.register(run="run-1")


@pytest.fixture
def measure(account, load, context, champion):
    """Measure a window of these capture lines; the answer and the report."""
    handler = load("functions.measure_quality.handler", **account.environment)

    def run(name, lines):
        prefix = f"captures/{account.endpoint}/variant-a/"
        manifest = [{"prefix": f"s3://{account.lake}/{prefix}"}, f"{name}.jsonl"]
        account.s3.put_object(Bucket=account.lake, Key=f"{prefix}{name}.jsonl", Body="".join(lines).encode())
        key = f"monitoring/{name}/captures.manifest"
        account.s3.put_object(Bucket=account.lake, Key=key, Body=json.dumps(manifest).encode())
        window = {"ready": True, "reason": "", "run": name, "start": "", "end": "", "records": len(lines)}
        window |= {"manifest_uri": f"s3://{account.lake}/{key}", "baseline_uri": "", "predictions_uri": ""}
        answer = handler(window | {"model_package_arn": champion}, context)
        measured = QualityMeasured.from_json(answer)
        body = account.s3.get_object(Bucket=account.lake, Key=measured.report_key)["Body"].read()
        return measured, json.loads(body)

    return run


@pytest.fixture
def tell(account, load, context):
    """Tell outcomes by id through the function behind POST /feedback; the statuses."""
    feedback = load("functions.feedback.handler", **account.environment)

    def told(outcomes):
        bodies = [{"inference_id": i, "outcome": o} for i, o in outcomes.items()]
        return [feedback(request(body), context)["statusCode"] for body in bodies]

    return told


def run_of(minutes_ago):
    return f"{NOW - timedelta(minutes=minutes_ago):%Y%m%d%H%M%S}-0000"


def lines(first=0, count=ROWS, **more):
    return [record(f"i-{i}", chance(i), **more) for i in range(first, first + count)]


def test_labels_that_come_late_are_measured_with_the_next_window(measure, tell):
    early, report = measure(run_of(60), lines())
    assert (early.status, early.rows, early.value, early.coverage) == ("insufficient", 0, None, 0)
    assert report["labels"]["lag_median_seconds"] is None

    # 40 labels of the first window: right for all but one positive and one negative of 20 each
    outcomes = {f"i-{i}": i % 2 for i in range(40)} | {"i-0": 1, "i-1": 0}
    assert set(tell(outcomes)) == {202}
    late, report = measure(run_of(1), lines(first=ROWS))
    # area: 19 of 20 positives above 19 of 20 negatives: (19 * 19 + (19 + 19) / 2) / 400
    assert (late.rows, late.value) == (40, pytest.approx((19 * 19 + 19) / 400))
    assert late.coverage == pytest.approx(40 / 120)
    assert [(w["run"], w["labelled"]) for w in report["windows"]] == [(run_of(60), 40), (run_of(1), 0)]


def test_a_repeated_look_says_the_same(measure, tell):
    tell({f"i-{i}": i % 2 for i in range(40)})
    assert measure(run_of(1), lines()) == measure(run_of(1), lines())


def test_inverted_labels_are_a_breach(measure, tell, account):
    tell({f"i-{i}": 1 - i % 2 for i in range(40)})
    measured, _ = measure(run_of(1), lines())
    assert (measured.status, measured.value) == ("breach", 0.0)
    assert measured.estimate_status == "kept"  # which sees no change of what the labels mean
    found = account.cloudwatch.list_metrics(
        Namespace="Tidegate", Dimensions=[{"Name": "Endpoint", "Value": account.endpoint}]
    )
    assert {metric["MetricName"] for metric in found["Metrics"]} == {
        *("RealizedQuality", "EstimatedQuality", "LabelCoverage"),
        *("LabelContradictions", "QualityBreaches"),
    }


def test_a_contradicted_label_is_left_out_and_counted_though_the_caller_was_refused(measure, tell):
    tell({f"i-{i}": i % 2 for i in range(40)})
    assert tell({"i-0": 1, "i-2": 0, "i-nobody": 1}) == [409, 202, 202]
    measured, report = measure(run_of(1), lines())
    assert measured.rows == 39
    labels = report["labels"]
    assert (labels["contradicted"], labels["unknown"], labels["labelled"]) == (1, 1, 39)


def test_slices_and_models_are_told_apart(measure, tell):
    tell({f"i-{i}": i % 2 for i in range(100)})
    captured = [*lines(count=40, carrier="AA"), *lines(first=40, count=30), *lines(70, 30, model="run-0")]
    measured, report = measure(run_of(1), captured)
    assert measured.rows == 70
    carriers = {s["value"]: s["realised"]["rows"] for s in report["slices"] if s["column"] == "carrier"}
    assert carriers == {"AA": 40, "UA": 30}
    assert [(m["model"], m["realised"]["rows"]) for m in report["models"]] == [("run-0", 30), ("run-1", 70)]


def test_an_evaluation_without_calibration_gives_no_licence(measure, account):
    key = "evaluations/run-1/evaluation.json"
    body = account.s3.get_object(Bucket=account.lake, Key=key)["Body"].read()
    evaluation = json.loads(body) | {"calibration": None}
    account.s3.put_object(Bucket=account.lake, Key=key, Body=json.dumps(evaluation).encode())
    measured, report = measure(run_of(1), lines())
    assert (measured.estimate_status, measured.estimate) == ("unlicensed", None)
    assert report["estimate"]["reason"] == "the model's evaluation tells nothing of its calibration"


def test_an_hour_that_is_over_is_read_as_one_file_from_then_on(account):
    then = NOW - timedelta(hours=3)
    told = {"groundTruthData": {"data": "1"}, "eventMetadata": {"eventId": "a"}}
    for inference_id in "abc":
        tellings.put(account.s3, account.lake, inference_id, told, then)
    tellings.put(account.s3, account.lake, "d", told, NOW)

    def read():
        return len(list(tellings.since(account.s3, account.lake, NOW - timedelta(hours=5))))

    assert read() == 4
    for item in account.s3.list_objects_v2(Bucket=account.lake, Prefix=f"{tellings.TOLD}{then:%Y/%m/%d/%H}")[
        "Contents"
    ]:
        account.s3.delete_object(Bucket=account.lake, Key=item["Key"])
    assert read() == 4
    assert len(list(tellings.since(account.s3, account.lake, NOW - timedelta(hours=1)))) == 1
