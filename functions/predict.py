"""Predict: one request, or a batch, answered by the live model with its aggregates looked up.

Invoked by  POST /predict of the HTTP API (payload format 2.0)
Takes       the request columns as one object, or {"instances": [...]} of up to 1000
Returns     200 {"inference_id", "variant", "model_version", "predictions": [...of tidegate.answers],
                 "features": {"stale": [...], "missing": [...], "failed": [...]}}, columns without a value
                 in some row of the request, for which the model took its defaults
            400 not JSON, 413 too many rows, 422 fields that break the contract,
            503 no model answers; ask again
Raises      nothing on purpose
Needs       dynamodb:BatchGetItem on the online table and the state table; s3:GetObject on the lake's
            features/sets/; sagemaker:InvokeEndpoint on the endpoint;
            PIPELINE_DIR, ONLINE_TABLE, STATE_TABLE, LAKE_BUCKET, ENDPOINT_NAME
"""

import os
import uuid
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import feature_tally
from tidegate.aws import batch_get, endpoint
from tidegate.aws.endpoint import EndpointUnavailableError
from tidegate.aws.live import Live, Tables
from tidegate.http_json import NotJsonError, answer, body_of
from tidegate.looked_up import VIEWS
from tidegate.moments import seconds
from tidegate.plan import Plan
from tidegate.request_checks import MAX_ROWS, problems

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
runtime = boto3.client("sagemaker-runtime", config=endpoint.deadline(plan.config.serving.timeout_ms))
endpoint_name = os.environ["ENDPOINT_NAME"]
within = batch_get.deadline(plan.config.serving.look_up_timeout_ms)
live = Live(
    boto3.client("dynamodb", config=within),
    boto3.client("s3", config=within),
    tables=Tables(online=os.environ["ONLINE_TABLE"], state=os.environ["STATE_TABLE"]),
    lake_bucket=os.environ["LAKE_BUCKET"],
    packaged=plan.features,
    milliseconds=plan.config.serving.look_up_timeout_ms,
)
RETRY_AFTER_SECONDS = 5


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        body = body_of(event)
    except NotJsonError as error:
        return _refusal(400, "the body is not JSON", cause=str(error))
    batch = isinstance(body, dict) and body.keys() == {"instances"}
    rows = body["instances"] if batch else [body]
    if not isinstance(rows, list) or not rows:
        return _refusal(422, "`instances` must be a list with at least one row")
    if len(rows) > MAX_ROWS:
        return _refusal(413, f"{len(rows)} rows in one request", hint=f"send at most {MAX_ROWS}")
    mistakes = [
        problem
        for i, row in enumerate(rows)
        for problem in problems(plan.features, plan.contract, row, f"instances[{i}]." if batch else "")
    ]
    if mistakes:
        return _refusal(
            422, "the request breaks the contract", fields=[problem.to_json() for problem in mistakes[:100]]
        )
    return _predict(rows)


def _predict(rows: list[dict[str, Any]]) -> dict[str, Any]:
    inference_id = str(uuid.uuid4())
    moments = [seconds(row[plan.features.source.event_ts]) for row in rows]
    reading = live.look_up(rows, moments)
    if reading.failure:
        extra = {"inference_id": inference_id, "kind": reading.failure}
        logger.warning("defaults stand in for what could not be looked up", extra=extra)
    instances = [{**row, VIEWS: views} for row, views in zip(rows, reading.views, strict=True)]
    try:
        answered = endpoint.invoke(runtime, endpoint_name, instances, inference_id=inference_id, vectors=True)
    except EndpointUnavailableError as error:
        return _unanswered(inference_id, error.kind, len(rows))
    tally = feature_tally.tally(live.plan_of(answered.variant), rows, reading.views, moments)
    metrics.add_metric("Predictions", MetricUnit.Count, len(rows))
    for name, count in tally.counts():
        metrics.add_metric(name, MetricUnit.Count, count)
    if tally.age_seconds is not None:
        metrics.add_metric(feature_tally.AGE, MetricUnit.Seconds, tally.age_seconds)
    return answer(
        200,
        {
            "inference_id": inference_id,
            "variant": answered.variant,
            # none in the moment before it is written down
            "model_version": live.versions.get(answered.model),
            "predictions": answered.predictions,
            "features": tally.told(),
        },
    )


def _unanswered(inference_id: str, kind: str, rows: int) -> dict[str, Any]:
    """Only the kind of the failure is logged and told: its text may quote the request."""
    what = "no model answers"
    metrics.add_metric("FailedPredictions", MetricUnit.Count, rows)
    logger.error(what, extra={"inference_id": inference_id, "kind": kind})
    error = {"what": what, "cause": kind, "inference_id": inference_id}
    return answer(503, {"error": error}, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _refusal(status: int, what: str, **details: Any) -> dict[str, Any]:
    metrics.add_metric("RefusedRequests", MetricUnit.Count, 1)
    return answer(status, {"error": {"what": what, **details}})
