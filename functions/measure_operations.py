"""MeasureOperations: how the endpoint did while a window was captured, and how old what it serves is.

Invoked by  state MeasureOperations of step_functions/monitoring.asl.json
Takes       messages.CaptureWindow, ready or not
Returns     messages.OperationsMeasured
Raises      nothing on purpose
Needs       cloudwatch:GetMetricData, cloudwatch:PutMetricData;
            s3:ListBucket and s3:GetObject on the lake's features/sets/; s3:PutObject on its monitoring/;
            dynamodb:GetItem, dynamodb:PutItem on the state table;
            sagemaker:DescribeModelPackage on the model package group;
            PIPELINE_DIR, LAKE_BUCKET, STATE_TABLE, ENDPOINT_NAME
"""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import feature_sets, operation_metrics, registry
from tidegate.aws.objects import put_json
from tidegate.aws.state import Champion, State
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.messages.monitoring import CaptureWindow, OperationsMeasured
from tidegate.monitoring import operations
from tidegate.monitoring.ages import ModelAge, ViewAge, model_age, oldest, view_age
from tidegate.monitoring.spans import Span
from tidegate.plan import Plan
from tidegate.rollout import VARIANTS

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
cloudwatch = boto3.client("cloudwatch")
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
lake_bucket = os.environ["LAKE_BUCKET"]
endpoint_name = os.environ["ENDPOINT_NAME"]
namespace = os.environ["POWERTOOLS_METRICS_NAMESPACE"]  # every function has it
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
source = operation_metrics.Source(
    endpoint=endpoint_name,
    namespace=namespace,
    service=os.environ["POWERTOOLS_SERVICE_NAME"],
    variants=VARIANTS,
)
HIGH_RESOLUTION_BELOW_SECONDS = 60


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    window = CaptureWindow.from_json(event)
    planned, champion = _planned(window.run), state.champion()
    span = _span(window, planned)
    found = operation_metrics.series(cloudwatch, source, span)
    variants = tuple(operations.variant(name, found[name], span) for name in VARIANTS)
    answers = operations.predictions(found[operation_metrics.SERVICE])
    model = None if champion is None else _model(champion, planned)
    views = () if champion is None else _views(champion, planned)
    summary = operations.summary(variants, answers)
    measured = OperationsMeasured(
        run=window.run,
        **summary,
        model_age_days=None if model is None else model.trained_days,
        feature_age_seconds=oldest(views),
        report_key=f"monitoring/{window.run}/operations.json",
    )
    document = {
        "run": window.run,
        "start": datetime.fromtimestamp(span.start, UTC).isoformat(),
        "end": datetime.fromtimestamp(span.end, UTC).isoformat(),
        "period_seconds": {"counts": span.count_period, "latency": span.latency_period},
        "model": None if model is None else model.to_json(),
        "variants": [each.to_json() for each in variants],
        "predictions": answers.to_json(),
        "look_ups": operations.look_ups(found[operation_metrics.SERVICE]).to_json(),
        "views": [view.to_json() for view in views],
    }
    put_json(s3, lake_bucket, measured.report_key, document)
    _publish(measured)
    state.record_operations(window.run, json.dumps(measured.to_json()))
    logger.info("measured operations", extra=measured.to_json())
    return measured.to_json()


def _planned(run: str) -> datetime:
    """A window's run begins with the moment it was planned."""
    return datetime.strptime(run[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _span(window: CaptureWindow, planned: datetime) -> Span:
    """The window's own time; one that still waits for rows has lasted until now."""
    end = datetime.fromisoformat(window.end) if window.ready else planned
    return Span.touching(datetime.fromisoformat(window.start).timestamp(), end.timestamp())


def _model(champion: Champion, now: datetime) -> ModelAge:
    return model_age(
        champion.model_version,
        champion.variant,
        trained=registry.describe(sagemaker, champion.model_package_arn).created,
        serving=datetime.fromisoformat(champion.since),
        now=now,
    )


def _views(champion: Champion, now: datetime) -> tuple[ViewAge, ...]:
    """Those that the champion looks up, however the deployed features have changed since."""
    return tuple(_view(view, now) for view in _looked_up(champion))


def _looked_up(champion: Champion) -> tuple[ViewPlan, ...]:
    hash_ = state.feature_set_of(champion.variant)
    if hash_ in (None, plan.features.hash):
        return tuple(plan.features.views)
    try:
        return tuple(feature_sets.get(s3, lake_bucket, hash_).views)
    except LookupError:  # of before feature sets were kept: what is deployed is the best guess
        logger.warning("the champion's features are not in the lake", extra={"hash": hash_})
        return tuple(plan.features.views)


def _view(view: ViewPlan, now: datetime) -> ViewAge:
    known = state.view(view.version)
    if known is None:
        return view_age(view.version, None, None, now=now)
    return view_age(view.version, known.recorded_at, known.computed_to, now=now)


def _publish(measured: OperationsMeasured) -> None:
    high = plan.config.monitoring.alarm_period_seconds < HIGH_RESOLUTION_BELOW_SECONDS
    common: dict[str, Any] = {
        "Unit": "None",
        "Dimensions": [{"Name": "Endpoint", "Value": endpoint_name}],
        **({"StorageResolution": 1} if high else {}),
    }
    values = operations.metrics(
        model_age_days=measured.model_age_days,
        feature_age_seconds=measured.feature_age_seconds,
        fallback_share=measured.fallback_share,
    )
    data: list[Any] = [{"MetricName": name, "Value": value, **common} for name, value in values]
    if data:
        cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
