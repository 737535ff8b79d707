"""Predict: one request, or a batch, answered by the live model with its aggregates looked up.

Invoked by  POST /predict of the HTTP API (payload format 2.0)
Takes       the request columns as one object, or {"instances": [...]} of up to 1000
Returns     200 {"inference_id", "variant", "model_version", "predictions": [{"probability"}],
                 "features": {"stale": [...], "missing": [...]}}
            400 not JSON, 413 too many rows, 422 fields that break the contract,
            503 no model answers, or no aggregates can be looked up; ask again
Raises      nothing on purpose
Needs       dynamodb:BatchGetItem on the online table; dynamodb:GetItem on the state table;
            sagemaker:InvokeEndpoint on the endpoint;
            PIPELINE_DIR, ONLINE_TABLE, STATE_TABLE, ENDPOINT_NAME
"""

import os
import uuid
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from tidegate.aws import endpoint, online
from tidegate.aws.endpoint import EndpointUnavailableError
from tidegate.aws.state import State
from tidegate.http_json import NotJsonError, answer, body_of
from tidegate.moments import seconds
from tidegate.plan import Plan
from tidegate.request_checks import MAX_ROWS, problems

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
runtime = boto3.client("sagemaker-runtime", config=endpoint.deadline(plan.config.serving.timeout_ms))
dynamodb = boto3.client("dynamodb")
online_table = os.environ["ONLINE_TABLE"]
endpoint_name = os.environ["ENDPOINT_NAME"]
state = State(dynamodb, os.environ["STATE_TABLE"])
versions: dict[str, int] = {}  # training run -> model version; a run's version never changes
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
    try:
        lookups = online.read(dynamodb, online_table, plan.features, rows, moments)
    except (ClientError, BotoCoreError) as error:
        return _unanswered(inference_id, "no aggregates can be looked up", type(error).__name__, len(rows))
    instances = [row | lookup.values for row, lookup in zip(rows, lookups, strict=True)]
    try:
        answered = endpoint.invoke(runtime, endpoint_name, instances, inference_id=inference_id)
    except EndpointUnavailableError as error:
        return _unanswered(inference_id, "no model answers", error.kind, len(rows))
    stale = sorted({name for lookup in lookups for name in lookup.stale})
    missing = sorted({name for lookup in lookups for name in lookup.missing})
    metrics.add_metric("Predictions", MetricUnit.Count, len(rows))
    metrics.add_metric("StaleFeatures", MetricUnit.Count, sum(len(lookup.stale) for lookup in lookups))
    metrics.add_metric("MissingFeatures", MetricUnit.Count, sum(len(lookup.missing) for lookup in lookups))
    return answer(
        200,
        {
            "inference_id": inference_id,
            "variant": answered.variant,
            "model_version": _version(answered.variant, answered.model),
            "predictions": answered.predictions,
            "features": {"stale": stale, "missing": missing},
        },
    )


def _unanswered(inference_id: str, what: str, kind: str, rows: int) -> dict[str, Any]:
    """Only the kind of the failure is logged and told: its text may quote the request."""
    metrics.add_metric("FailedPredictions", MetricUnit.Count, rows)
    logger.error(what, extra={"inference_id": inference_id, "kind": kind})
    error = {"what": what, "cause": kind, "inference_id": inference_id}
    return answer(503, {"error": error}, {"Retry-After": str(RETRY_AFTER_SECONDS)})


def _version(variant: str, run: str) -> int | None:
    """The registry's number of the model that answered; None in the moment before it is written down."""
    if run not in versions:
        item = state.item(f"variant#{variant}")
        if item is None or item["run"]["S"] != run:
            return None
        versions[run] = int(item["model_version"]["N"])
    return versions[run]


def _refusal(status: int, what: str, **details: Any) -> dict[str, Any]:
    metrics.add_metric("RefusedRequests", MetricUnit.Count, 1)
    return answer(status, {"error": {"what": what, **details}})
