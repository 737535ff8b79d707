"""ReportWindow: the page of a monitoring window, of every document that its states have left.

Invoked by  state ReportWindow of step_functions/monitoring.asl.json
Takes       messages.CaptureWindow, ready or not
Returns     {"key": of report.html in the lake}
Raises      nothing on purpose
Needs       s3:ListBucket on the lake; s3:GetObject on the lake's monitoring/, training/ and evaluations/;
            s3:PutObject on its monitoring/;
            cloudwatch:DescribeAlarms; cloudwatch:DescribeAlarmHistory on the pipeline's alarms;
            sagemaker:DescribeModelPackage on the model package group;
            PIPELINE_DIR, LAKE_BUCKET
"""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tidegate.aws import alarm_states, registry
from tidegate.aws.objects import ABSENT, get_json, split_uri
from tidegate.aws.profiles import get_profile
from tidegate.messages.monitoring import CaptureWindow
from tidegate.monitoring import page
from tidegate.monitoring.page import Documents, Earlier, Window
from tidegate.plan import Plan
from tidegate.profile import Profile

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
cloudwatch = boto3.client("cloudwatch")
lake_bucket = os.environ["LAKE_BUCKET"]
config = Plan.load(Path(os.environ["PIPELINE_DIR"])).config
PAGE = "report.html"
EARLIER = 30  # windows before, two small documents each
CHANGES = 50  # of alarms
DAYS = 30  # that AWS keeps changes of alarms


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    window = CaptureWindow.from_json(event)
    key = f"monitoring/{window.run}/{PAGE}"
    text = page.render(_documents(window))
    s3.put_object(Bucket=lake_bucket, Key=key, Body=text.encode(), ContentType="text/html; charset=utf-8")
    logger.info("reported window", extra={"run": window.run, "key": key, "size_bytes": len(text)})
    return {"key": key}


def _documents(window: CaptureWindow) -> Documents:
    now = datetime.now(UTC)
    alarms = tuple(alarm_states.states(cloudwatch, f"{config.prefix}-"))
    return Documents(
        window=_window(window),
        measurement=_document(window.run, "measurement.json"),
        quality=_document(window.run, "quality.json"),
        skew=_document(window.run, "skew.json"),
        operations=_document(window.run, "operations.json"),
        decision=_document(window.run, "decision.json"),
        violations=_document(window.run, "constraint_violations.json"),
        requests=_profile(f"s3://{lake_bucket}/monitoring/{window.run}/requests.parquet"),
        answers=_profile(f"s3://{lake_bucket}/monitoring/{window.run}/answers.parquet"),
        baseline=_profile(window.baseline_uri and f"{window.baseline_uri}profile.parquet"),
        expected=_profile(window.predictions_uri),
        earlier=tuple(_earlier(window.run)),
        alarms=alarms,
        changes=tuple(
            alarm_states.changes(
                cloudwatch, alarms, since=now - timedelta(days=DAYS), until=now, most=CHANGES
            )
        ),
    )


def _window(window: CaptureWindow) -> Window:
    package = None
    if window.model_package_arn:
        package = registry.describe(sagemaker, window.model_package_arn)
    return Window(
        run=window.run,
        pipeline=config.prefix,
        start=window.start,
        end=window.end,
        records=window.records,
        ready=window.ready,
        reason=window.reason,
        model_run=package.metadata.get("run", "") if package else "",
        model_version=package.version if package else None,
    )


def _document(run: str, name: str) -> Mapping[str, Any] | None:
    try:
        document: dict[str, Any] = get_json(s3, lake_bucket, f"monitoring/{run}/{name}")
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in ABSENT:
            raise
        return None
    return document


def _profile(uri: str) -> Profile | None:
    if not uri:
        return None
    try:
        return get_profile(s3, *split_uri(uri))
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] not in ABSENT:
            raise
        return None


def _earlier(run: str) -> Iterator[Earlier]:
    """The windows before, the oldest first."""
    oldest = datetime.now(UTC) - timedelta(days=config.monitoring.label_days)
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=lake_bucket, Prefix="monitoring/", StartAfter=f"monitoring/{oldest:%Y%m%d%H%M%S}"
    )
    runs = {item["Key"].split("/")[1] for each in pages for item in each.get("Contents", [])}
    for before in sorted(each for each in runs if each < run)[-EARLIER:]:
        measurement, quality = _document(before, "measurement.json"), _document(before, "quality.json")
        summary = (measurement or {}).get("summary", {})
        metrics = {m["MetricName"]: m["Value"] for m in (measurement or {}).get("metrics", ())}
        yield Earlier(
            run=before,
            worst_psi=metrics.get("DriftScoreMax"),
            prediction_psi=metrics.get("PredictionDriftScore"),
            drifted=bool(summary.get("drifted")),
            prediction_drifted=(summary.get("prediction") or {}).get("status") == "alarm",
            estimate=((quality or {}).get("estimate") or {}).get("value"),
        )
