"""MeasureQuality: how good the champion's predictions were, of all windows whose labels may still come.

Invoked by  state MeasureQuality of step_functions/monitoring.asl.json
Takes       messages.CaptureWindow; one that is not ready is looked at, and its rows wait
Returns     messages.QualityMeasured
Raises      nothing on purpose
Needs       s3:ListBucket on the lake; s3:GetObject on the lake's captures/, evaluations/, monitoring/ and
            outcomes/; s3:PutObject on its monitoring/ and outcomes/;
            sagemaker:DescribeModelPackage on the model package group; cloudwatch:PutMetricData;
            PIPELINE_DIR, LAKE_BUCKET, ENDPOINT_NAME
"""

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import captures, registry, tellings
from tidegate.aws.objects import get_bytes, get_json, newest_version, put_json
from tidegate.messages.monitoring import CaptureWindow, QualityMeasured
from tidegate.monitoring import expected_errors, ground_truth
from tidegate.monitoring.captured_predictions import Prediction, Predictions, as_lines, of_lines
from tidegate.monitoring.captured_vectors import Sample
from tidegate.monitoring.estimated import Estimate, estimate
from tidegate.monitoring.label_trust import Limits
from tidegate.monitoring.quality import Measured, Promise, answered
from tidegate.monitoring.quality_report import Believed, Quality, Window, report
from tidegate.monitoring.reference import ERRORS, LABELS
from tidegate.plan import Plan
from tidegate.profile import Profile
from tidegate.training import metrics
from tidegate.training.task import Task

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
cloudwatch = boto3.client("cloudwatch")
lake_bucket = os.environ["LAKE_BUCKET"]
endpoint_name = os.environ["ENDPOINT_NAME"]
namespace = os.environ["POWERTOOLS_METRICS_NAMESPACE"]  # every function has it
pipeline_dir = Path(os.environ["PIPELINE_DIR"])
plan = Plan.load(pipeline_dir)
monitoring, training = plan.config.monitoring, plan.config.training
metric = metrics.named(training.metric, pipeline_dir)
measured = Measured(metric)
HIGH_RESOLUTION_BELOW_SECONDS = 60
MAX_WINDOWS = 200  # the newest; some 20 ms each to read
REPLICATES = 200
ERROR_ROWS = 2000  # whose errors are estimated, some 0.1 ms each
PREDICTIONS = "predictions.jsonl"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    window = CaptureWindow.from_json(event)
    vectors = Sample(ERROR_ROWS) if training.task == "regression" else None
    found = _predictions(window.manifest_uri, champion=True, vectors=vectors)
    others = _predictions(window.others_uri, champion=False)
    rows = [*found.rows, *others.rows]
    if window.ready:  # else they come again with the next window
        key = f"monitoring/{window.run}/{PREDICTIONS}"
        s3.put_object(Bucket=lake_bucket, Key=key, Body=as_lines(rows))
    run = registry.describe(sagemaker, window.model_package_arn).metadata["run"]
    evaluation = get_json(s3, lake_bucket, f"evaluations/{run}/evaluation.json")
    own = [each for each in found.rows if each.model == run]
    promise = Promise(
        metric=evaluation["candidate"]["metric"],
        margin=monitoring.quality_margin,
        minimum_rows=monitoring.minimum_rows,
        replicates=REPLICATES,
        seed=training.seed,
    )
    windows = [*_windows(window.run), *([] if window.ready else [Window(window.run, rows)])]
    task = _task(each for one in windows for each in one.predictions if each.model == run)
    quality = report(
        measured,
        task,
        run,
        windows=windows,
        truths=_truths(window.run),
        promise=promise,
        believed=_believed(run),
    )
    if vectors is None:
        estimated = _estimated(task, own, evaluation, promise)
    else:
        estimated = _estimated_errors(run, vectors, promise)
    report_key = f"monitoring/{window.run}/quality.json"
    document = {
        "run": window.run,
        "model": run,
        "metric": training.metric,
        "promised": evaluation["candidate"]["interval"],
        "margin": promise.margin,
        **quality.document,
        "estimate": asdict(estimated),
        "captured": _captured(found, others),
    }
    put_json(s3, lake_bucket, report_key, document)
    _publish(quality, estimated)
    told = QualityMeasured(
        run=window.run,
        status=quality.overall.status,
        rows=quality.overall.rows,
        value=quality.overall.value,
        low=quality.overall.low,
        high=quality.overall.high,
        promised=promise.metric,
        coverage=quality.coverage,
        estimate_status=estimated.status,
        estimate=estimated.value,
        report_key=report_key,
    )
    logger.info("measured quality", extra=told.to_json())
    return told.to_json()


def _predictions(manifest_uri: str, *, champion: bool, vectors: Sample | None = None) -> Predictions:
    """Each once, and an even sample of what the model saw into `vectors`."""
    types = plan.instance_types
    texts = [name for name in plan.features.request if types[name] == "string"]
    found = Predictions(most=monitoring.quality_rows, columns=texts, champion=champion)
    for variant, line in captures.with_variants(s3, manifest_uri) if manifest_uri else ():
        found.add(line, variant)
        if vectors is not None:
            vectors.add(line)
    return found


def _captured(found: Predictions, others: Predictions) -> dict[str, int]:
    counted = {name: getattr(found, name) for name in ("seen", "repeated", "batched", "golden", "unreadable")}
    return {**counted, "of_others": others.seen}


def _believed(run: str) -> Believed:
    limits = Limits(
        psi=monitoring.psi_threshold, p_value=monitoring.p_value, minimum_rows=monitoring.minimum_rows
    )
    key = f"evaluations/{run}/reference/{LABELS}"
    there = newest_version(s3, lake_bucket, key) is not None
    kept = pq.read_table(io.BytesIO(get_bytes(s3, lake_bucket, key))) if there else None
    return Believed(training=None if kept is None else Profile.from_table(kept), limits=limits)


def _oldest(run: str) -> datetime:
    """A window's run begins with the moment it was planned."""
    planned = datetime.strptime(run[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return planned - timedelta(days=monitoring.label_days)


def _windows(newest: str) -> Iterator[Window]:
    """Those kept whose labels may still come, the newest last."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=lake_bucket, Prefix="monitoring/", StartAfter=f"monitoring/{_oldest(newest):%Y%m%d%H%M%S}"
    )
    keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
    runs = sorted(key.split("/")[1] for key in keys if key.endswith(f"/{PREDICTIONS}"))
    for run in [each for each in runs if each <= newest][-MAX_WINDOWS:]:
        yield Window(run, [*of_lines(get_bytes(s3, lake_bucket, f"monitoring/{run}/{PREDICTIONS}"))])


def _truths(newest: str) -> ground_truth.Truths:
    truths = ground_truth.Truths(task=training.task)
    for line in tellings.since(s3, lake_bucket, _oldest(newest)):
        truths.add(line)
    return truths


def _task(own: Iterable[Prediction]) -> Task:
    """Classes are those the champion answers with."""
    answer = next((each.answer for each in own), {})
    return Task(training.task, tuple(sorted(answer.get("probabilities", ()))))


def _estimated(task: Task, own: list[Prediction], evaluation: dict[str, Any], promise: Promise) -> Estimate:
    return estimate(
        training.metric,
        metric,
        answered(task, [each.answer for each in own]),
        promised=promise.metric,
        margin=promise.margin,
        calibration=evaluation.get("calibration"),
        minimum_rows=promise.minimum_rows,
        seed=training.seed,
    )


def _estimated_errors(run: str, vectors: Sample, promise: Promise) -> Estimate:
    """Of numbers, which come without probabilities."""
    key = f"evaluations/{run}/reference/{ERRORS}"
    there = newest_version(s3, lake_bucket, key) is not None
    own = [row for row in vectors.rows if row.model == run and isinstance(row.answer, dict)]
    return expected_errors.estimate(
        expected_errors.ErrorModel.from_json(get_json(s3, lake_bucket, key)) if there else None,
        training.metric,
        [row.vector for row in own],
        [row.answer["value"] for row in own],
        promised=promise.metric,
        margin=promise.margin,
        minimum_rows=promise.minimum_rows,
        seed=training.seed,
    )


def _publish(quality: Quality, estimated: Estimate) -> None:
    """What has no value is not published: nothing measured is no quality of zero."""
    breach = {"breach": 1, "kept": 0}
    values = {
        "RealizedQuality": quality.overall.value,
        "EstimatedQuality": estimated.value,
        "LabelCoverage": quality.coverage,
        "LabelContradictions": quality.contradictions,
        "SuspiciousLabels": {"suspicious": 1, "trusted": 0}.get(quality.trust.status),
        "QualityBreaches": breach.get(quality.overall.status),
        "EstimateBreaches": breach.get(estimated.status),
    }
    high = monitoring.alarm_period_seconds < HIGH_RESOLUTION_BELOW_SECONDS
    common: dict[str, Any] = {
        "Unit": "None",
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint_name}],
        **({"StorageResolution": 1} if high else {}),
    }
    data: list[Any] = [
        {"MetricName": name, "Value": float(value), **common}
        for name, value in values.items()
        if value is not None
    ]
    if data:
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
