"""Predict: one request, or a batch, answered by the live model with its aggregates looked up.

Invoked by  POST /predict of the HTTP API (payload format 2.0)
Takes       the request columns as one object, or {"instances": [...]} of up to 1000
Returns     200 {"inference_id", "variant", "model_version", "predictions": [{"probability"}],
                 "features": {"stale": [...], "missing": [...]}}
            400 not JSON, 413 too many rows, 422 fields that break the contract, 503 no model answers
Raises      nothing on purpose
Needs       dynamodb:BatchGetItem on the online table; dynamodb:GetItem on the state table;
            sagemaker:InvokeEndpoint on the endpoint;
            PIPELINE_DIR, ONLINE_TABLE, STATE_TABLE, ENDPOINT_NAME
"""

import json
import os
import uuid
from base64 import b64decode
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import endpoint, online
from tidegate.aws.endpoint import EndpointUnavailableError
from tidegate.aws.state import State
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
        body = _body(event)
    except ValueError as error:
        return _refusal(400, "the body is not JSON", cause=str(error))
    batch = isinstance(body, dict) and "instances" in body
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
        metrics.add_metric("RefusedRequests", MetricUnit.Count, 1)
        return _refusal(
            422, "the request breaks the contract", fields=[problem.to_json() for problem in mistakes[:100]]
        )
    return _predict(rows)


def _predict(rows: list[dict[str, Any]]) -> dict[str, Any]:
    inference_id = str(uuid.uuid4())
    moments = [seconds(row[plan.features.source.event_ts]) for row in rows]
    lookups = online.read(dynamodb, online_table, plan.features, rows, moments)
    instances = [row | lookup.values for row, lookup in zip(rows, lookups, strict=True)]
    try:
        answer = endpoint.invoke(runtime, endpoint_name, instances, inference_id=inference_id)
    except EndpointUnavailableError as error:
        metrics.add_metric("FailedPredictions", MetricUnit.Count, len(rows))
        logger.exception("endpoint unavailable", extra={"inference_id": inference_id})
        return _refusal(503, "no model answers", cause=str(error)[:300], retry=True)
    stale = sorted({name for lookup in lookups for name in lookup.stale})
    missing = sorted({name for lookup in lookups for name in lookup.missing})
    metrics.add_metric("Predictions", MetricUnit.Count, len(rows))
    metrics.add_metric("StaleFeatures", MetricUnit.Count, sum(len(lookup.stale) for lookup in lookups))
    metrics.add_metric("MissingFeatures", MetricUnit.Count, sum(len(lookup.missing) for lookup in lookups))
    return _answer(
        200,
        {
            "inference_id": inference_id,
            "variant": answer.variant,
            "model_version": _version(answer.variant, answer.document["model"]),
            "predictions": answer.document["predictions"],
            "features": {"stale": stale, "missing": missing},
        },
    )


def _version(variant: str, run: str) -> int | None:
    """The registry's number of the model that answered; None in the moment before it is written down."""
    if run not in versions:
        item = state.item(f"variant#{variant}")
        if item is None or item["run"]["S"] != run:
            return None
        versions[run] = int(item["model_version"]["N"])
    return versions[run]


def _body(event: dict[str, Any]) -> Any:
    text = event.get("body") or ""
    if event.get("isBase64Encoded"):
        text = b64decode(text).decode("utf-8")

    def refuse(word: str) -> float:
        raise ValueError(f"{word} is not a number in JSON")

    return json.loads(text, parse_constant=refuse)


def _refusal(status: int, what: str, *, retry: bool = False, **details: Any) -> dict[str, Any]:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)} if retry else {}
    return _answer(status, {"error": {"what": what, **details}}, headers)


def _answer(status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "body": json.dumps(body, separators=(",", ":")),
    }
