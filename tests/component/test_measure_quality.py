"""MeasureQuality: labels told through the API, joined to captured windows, whenever they come."""

# ruff: noqa: F811  pytest finds fixtures by name, imported ones too

import io
import json
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest
from serving_account import account, request  # noqa: F401
from sklearn.linear_model import LinearRegression

from tidegate.aws import tellings
from tidegate.compiled.compiler import compile_model
from tidegate.messages.monitoring import QualityMeasured
from tidegate.monitoring import label_trust, reference
from tidegate.monitoring.estimated import calibration
from tidegate.monitoring.expected_errors import PREDICTION
from tidegate.training import metrics
from tidegate.training.encoding import Encoding
from tidegate.training.task import Task

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

    def run(name, lines, *, ready=True, others=()):
        prefix = f"captures/{account.endpoint}/variant-a/"
        manifest = [{"prefix": f"s3://{account.lake}/{prefix}"}, f"{name}.jsonl"]
        account.s3.put_object(Bucket=account.lake, Key=f"{prefix}{name}.jsonl", Body="".join(lines).encode())
        key = f"monitoring/{name}/captures.manifest"
        account.s3.put_object(Bucket=account.lake, Key=key, Body=json.dumps(manifest).encode())
        window = {"ready": True, "reason": "", "run": name, "start": "", "end": "", "records": len(lines)}
        window |= {"manifest_uri": f"s3://{account.lake}/{key}", "baseline_uri": "", "predictions_uri": ""}
        if others:
            prefix = f"captures/{account.endpoint}/"
            account.s3.put_object(
                Bucket=account.lake, Key=f"{prefix}variant-b/{name}.jsonl", Body="".join(others).encode()
            )
            key = f"monitoring/{name}/others.manifest"
            manifest = [{"prefix": f"s3://{account.lake}/{prefix}"}, f"variant-b/{name}.jsonl"]
            account.s3.put_object(Bucket=account.lake, Key=key, Body=json.dumps(manifest).encode())
            window["others_uri"] = f"s3://{account.lake}/{key}"
        handler = load("functions.measure_quality.handler", **account.environment)
        answer = handler(window | {"model_package_arn": champion, "ready": ready}, context)
        measured = QualityMeasured.from_json(answer)
        body = account.s3.get_object(Bucket=account.lake, Key=measured.report_key)["Body"].read()
        return measured, json.loads(body)

    return run


@pytest.fixture
def tell(account, load, context):
    """Tell outcomes by id through the function behind POST /feedback; the statuses."""

    def told(outcomes):
        feedback = load("functions.feedback.handler", **account.environment)
        bodies = [{"inference_id": i, "outcome": o} for i, o in outcomes.items()]
        return [feedback(request(body), context)["statusCode"] for body in bodies]

    return told


@pytest.fixture
def tell_at_once(account):
    """The same outcomes as one object of many tellings, which the store may hold too."""

    def told(outcomes):
        lines = [
            json.dumps(
                {
                    "groundTruthData": {"data": repr(outcome), "encoding": "CSV"},
                    "eventMetadata": {"eventId": inference_id, "observedTime": NOW.isoformat()},
                }
            )
            for inference_id, outcome in outcomes.items()
        ]
        key = f"{tellings.TOLD}{NOW:%Y/%m/%d/%H}/{next(iter(outcomes))}.jsonl"
        account.s3.put_object(Bucket=account.lake, Key=key, Body="\n".join(lines).encode() + b"\n")

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


def test_a_repeated_look_says_the_same(measure, tell_at_once):
    tell_at_once({f"i-{i}": i % 2 for i in range(40)})
    assert measure(run_of(1), lines()) == measure(run_of(1), lines())


def test_inverted_labels_are_a_breach(measure, tell_at_once, account):
    tell_at_once({f"i-{i}": 1 - i % 2 for i in range(40)})
    measured, _ = measure(run_of(1), lines())
    assert (measured.status, measured.value) == ("breach", 0.0)
    assert measured.estimate_status == "kept"  # which sees no change of what the labels mean
    found = account.cloudwatch.list_metrics(
        Namespace="Tidegate", Dimensions=[{"Name": "Endpoint", "Value": account.endpoint}]
    )
    assert {metric["MetricName"] for metric in found["Metrics"]} == {
        *("RealizedQuality", "EstimatedQuality", "LabelCoverage"),
        *("LabelContradictions", "QualityBreaches", "EstimateBreaches"),
    }


def test_a_contradicted_label_is_left_out_and_counted_though_the_caller_was_refused(measure, tell):
    tell({f"i-{i}": i % 2 for i in range(40)})
    assert tell({"i-0": 1, "i-2": 0, "i-nobody": 1}) == [409, 202, 202]
    measured, report = measure(run_of(1), lines())
    assert measured.rows == 39
    labels = report["labels"]
    assert (labels["contradicted"], labels["unknown"], labels["labelled"]) == (1, 1, 39)


def metric_of(account, name):
    """The newest value of a metric of the endpoint; None when it was not published."""
    found = account.cloudwatch.get_metric_statistics(
        Namespace="Tidegate",
        MetricName=name,
        Dimensions=[{"Name": "Endpoint", "Value": account.endpoint}],
        StartTime=NOW - timedelta(hours=1),
        EndTime=NOW + timedelta(hours=1),
        Period=7200,
        Statistics=["Maximum"],
    )["Datapoints"]
    return found[0]["Maximum"] if found else None


def keep_labels(account, outcomes):
    """What the champion's evaluation keeps of the labels it was trained on."""
    file = io.BytesIO()
    pq.write_table(label_trust.profile(Task("binary"), outcomes).to_table(), file)
    key = f"evaluations/run-1/reference/{reference.LABELS}"
    account.s3.put_object(Bucket=account.lake, Key=key, Body=file.getvalue())


def rare(number):
    """Answers of one in ten: 0.82 and 0.02, so 0.1 on average."""
    return 0.82 if number % 10 == 0 else 0.02


def test_a_poisoned_feed_is_suspicious_and_no_breach(measure, tell_at_once, account):
    keep_labels(account, [1] * 200 + [0] * 1800)
    captured = [record(f"i-{i}", rare(i)) for i in range(100)]
    tell_at_once({f"i-{i}": int(i % 10 == 0) for i in range(100)})
    honest, report = measure(run_of(60), captured)
    assert (honest.status, report["labels"]["trust"]["status"]) == ("kept", "trusted")
    assert metric_of(account, "SuspiciousLabels") == 0

    tell_at_once({f"p-{i}": 1 for i in range(100)})
    poisoned, report = measure(run_of(1), [record(f"p-{i}", rare(i)) for i in range(100)])
    assert poisoned.status == "suspicious"
    trust = report["labels"]["trust"]
    assert trust["windows"][run_of(1)]["status"] == "suspicious"
    assert trust["windows"][run_of(60)]["status"] == "trusted"
    assert any(run_of(1) in reason for reason in trust["reasons"])
    assert metric_of(account, "SuspiciousLabels") == 1
    assert metric_of(account, "QualityBreaches") == 0  # of the honest window alone


def test_a_look_without_rows_enough_measures_late_labels_and_keeps_its_rows_for_the_next(
    measure, tell_at_once
):
    measure(run_of(60), lines())
    tell_at_once({f"i-{i}": i % 2 for i in range(40)} | {f"i-{ROWS}": 0})
    looked, report = measure(run_of(30), lines(first=ROWS, count=5), ready=False)
    assert (looked.rows, looked.status) == (41, "kept")
    assert [(w["run"], w["predictions"]) for w in report["windows"]] == [(run_of(60), ROWS), (run_of(30), 5)]
    _, report = measure(run_of(1), lines(first=ROWS, count=40))
    assert [(w["run"], w["predictions"]) for w in report["windows"]] == [(run_of(60), ROWS), (run_of(1), 40)]


def test_a_look_without_any_row_measures_late_labels(measure, tell_at_once):
    measure(run_of(60), lines())
    tell_at_once({f"i-{i}": i % 2 for i in range(40)})
    looked, _ = measure(run_of(1), [], ready=False)
    assert (looked.rows, looked.value, looked.estimate_status) == (40, 1.0, "insufficient")


def test_a_candidates_answers_are_measured_beside_the_champions(measure, tell_at_once):
    tell_at_once({f"i-{i}": i % 2 for i in range(40)} | {f"c-{i}": i % 2 for i in range(30)})
    wrong = [record(f"c-{i}", 1 - chance(i), model="run-2") for i in range(35)]
    copied = [record(f"mirror-{i}", 0.5, model="run-2") for i in range(5)]
    measured, report = measure(run_of(1), lines(count=40), others=[*wrong, *copied])
    assert (measured.rows, measured.value, measured.coverage) == (40, 1.0, 1.0)
    told = [
        (v["variant"], v["model"], v["champion"], v["predictions"], v["labelled"], v["realised"]["value"])
        for v in report["variants"]
    ]
    assert told == [
        ("variant-a", "run-1", True, 40, 40, 1.0),
        ("variant-b", "run-2", False, 35, 30, 0.0),
    ]
    assert [(w["predictions"], w["labelled"]) for w in report["windows"]] == [(40, 40)]


def test_an_estimate_below_the_promise_is_a_breach_of_its_own(measure, account):
    sure, _ = measure(run_of(60), lines())
    assert (sure.estimate_status, metric_of(account, "EstimateBreaches")) == ("kept", 0)
    # half and half: no area can be expected of them, whatever the labels will be
    unsure, _ = measure(run_of(1), [record(f"u-{i}", (0.49, 0.51)[i % 2]) for i in range(400)])
    assert (unsure.estimate_status, metric_of(account, "EstimateBreaches")) == ("breach", 1)


def number(inference_id, value, delay):
    """A captured answer of a regression, with the one feature that its errors follow."""
    instance = {"carrier": "UA"}
    answer = {"predictions": [{"value": value}], "model": "run-1", "vectors": [["UA", delay]]}
    sides = {"endpointInput": {"instances": [instance]}, "endpointOutput": answer}
    captured = {name: {"data": json.dumps(side), "encoding": "JSON"} for name, side in sides.items()}
    event = {"eventId": inference_id, "inferenceId": inference_id, "inferenceTime": NOW.isoformat()}
    return json.dumps({"captureData": captured, "eventMetadata": event}) + "\n"


def keep_errors(account):
    """A model of errors that expects as many minutes as the delay is."""
    rows = np.random.default_rng(1).uniform(size=(50, 3))
    learnt = LinearRegression().fit(rows, rows[:, 1])
    encoding = Encoding(("carrier", "delay", PREDICTION), {"carrier": ("UA",)})
    document = {
        "metric": "neg_mean_absolute_error",
        "model": compile_model(learnt, encoding, task="regression"),
        "ratios": [0.5, 1.5],
        "floor": 0.01,
        "check": {"low": -11.0, "high": -9.0, "realised": -10.0},
    }
    key = f"evaluations/run-1/reference/{reference.ERRORS}"
    account.s3.put_object(Bucket=account.lake, Key=key, Body=json.dumps(document).encode())
    key = "evaluations/run-1/evaluation.json"
    interval = {"value": -10.0, "low": -11.0, "high": -9.0}
    evaluation = {"candidate": {"metric": -10.0, "interval": interval}}
    account.s3.put_object(Bucket=account.lake, Key=key, Body=json.dumps(evaluation).encode())


def test_a_regressions_quality_is_estimated_from_the_errors_that_its_vectors_make_expected(
    measure, account, tell_at_once
):
    account.configure(
        training={"task": "regression", "metric": "neg_mean_absolute_error"},
        monitoring={"minimum_rows": 30, "quality_margin": 2.0},
    )
    unlicensed, _ = measure(run_of(90), [number(f"u-{i}", 5.0, 10.0) for i in range(40)])
    assert (unlicensed.estimate_status, unlicensed.estimate) == ("unlicensed", None)
    keep_errors(account)
    easy, _ = measure(run_of(60), [number(f"e-{i}", 5.0, 8.0 + 4 * (i % 2)) for i in range(40)])
    assert (easy.estimate_status, easy.estimate) == ("kept", pytest.approx(-10.0))
    tell_at_once({f"e-{i}": 11.0 for i in range(40)})
    hard, report = measure(run_of(1), [number(f"h-{i}", 5.0, 20.0) for i in range(40)])
    assert (hard.estimate_status, hard.estimate) == ("breach", pytest.approx(-20.0))
    assert report["estimate"]["low"] < -20 < report["estimate"]["high"] < -12
    assert (hard.status, hard.value) == ("kept", -6.0)  # of the labels that came, all of the easy window


def test_slices_and_models_are_told_apart(measure, tell_at_once):
    tell_at_once({f"i-{i}": i % 2 for i in range(100)})
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
    a, b, c, d = (
        {"groundTruthData": {"data": "1"}, "eventMetadata": {"eventId": inference_id}}
        for inference_id in "abcd"
    )
    for told in ([a], [b, c]):  # one alone, and a batch
        tellings.put(account.s3, account.lake, told, then)
    tellings.put(account.s3, account.lake, [d], NOW)

    def read():
        return len(list(tellings.since(account.s3, account.lake, NOW - timedelta(hours=5))))

    assert read() == 4
    for item in account.s3.list_objects_v2(Bucket=account.lake, Prefix=f"{tellings.TOLD}{then:%Y/%m/%d/%H}")[
        "Contents"
    ]:
        account.s3.delete_object(Bucket=account.lake, Key=item["Key"])
    assert read() == 4
    assert len(list(tellings.since(account.s3, account.lake, NOW - timedelta(hours=1)))) == 1


def test_tellings_of_an_hour_that_is_one_file_are_not_listed_again(account):
    told = {"groundTruthData": {"data": "1"}, "eventMetadata": {"eventId": "a"}}
    hours = [NOW - timedelta(hours=h) for h in (30, 29, 3)]
    for hour in hours:
        tellings.put(account.s3, account.lake, [told], hour)
    listed = []
    account.s3.meta.events.register(
        "provide-client-params.s3.ListObjectsV2", lambda params, **_: listed.append(params)
    )

    def read(moment):
        listed.clear()
        lines = list(tellings.since(account.s3, account.lake, moment))
        return len(lines), [each["Prefix"] for each in listed if not each.get("Delimiter")]

    whole, prefixes = read(hours[0])
    assert whole == 3
    assert prefixes[1:] == [f"{tellings.TOLD}{hour:%Y/%m/%d/%H}/" for hour in hours]
    assert read(hours[0]) == (3, [tellings.BY_HOUR])
    assert read(hours[1] + timedelta(hours=1))[0] == 1
