"""Feedback: the outcome of an earlier prediction, kept as ground truth.

Invoked by  POST /feedback of the HTTP API (payload format 2.0)
Takes       {"inference_id": "...", "outcome": 0 or 1, the name of a class or a number,
             "observed_at": ISO 8601, optional}
Returns     202 {"inference_id"}, again for the same outcome; 409 when another outcome was told before;
            400 not JSON, 422 wrong fields
Raises      nothing on purpose
Needs       s3:PutObject, s3:GetObject on the lake's ground-truth/; s3:PutObject on its outcomes/;
            PIPELINE_DIR, LAKE_BUCKET
"""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tidegate import outcomes
from tidegate.aws import tellings
from tidegate.http_json import NotJsonError, answer, body_of
from tidegate.moments import seconds
from tidegate.plan import Plan

logger = Logger()
metrics = Metrics()
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
task = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.training.task
_INFERENCE_ID = re.compile(r"[0-9A-Za-z-]{1,64}")  # InvokeEndpoint's own form


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        body = body_of(event)
    except NotJsonError as error:
        return _refusal(400, "the body is not JSON", cause=str(error))
    if mistakes := _mistakes(body):
        return _refusal(422, "the feedback is incomplete", fields=mistakes)
    inference_id, outcome = body["inference_id"], body["outcome"]
    observed = _moment(body["observed_at"]) if body.get("observed_at") else datetime.now(UTC)
    if not _keep(inference_id, outcome, observed):
        return _refusal(409, "another outcome was told before", cause=inference_id)
    metrics.add_metric("Outcomes", MetricUnit.Count, 1)
    return answer(202, {"inference_id": inference_id})


def _mistakes(body: Any) -> list[dict[str, str]]:
    if not isinstance(body, dict):
        return [{"field": "body", "message": "must be an object"}]
    found = []
    if not isinstance(body.get("inference_id"), str) or not _INFERENCE_ID.fullmatch(body["inference_id"]):
        found.append({"field": "inference_id", "message": "must be the id of a prediction"})
    if problem := outcomes.problem(task, body.get("outcome")):
        found.append({"field": "outcome", "message": problem})
    try:
        _moment(body["observed_at"]) if body.get("observed_at") is not None else None
    except (TypeError, ValueError):
        found.append({"field": "observed_at", "message": "must be an ISO 8601 timestamp"})
    return found


def _moment(text: str) -> datetime:
    """In UTC; ValueError when it is none, or none of the years 1 to 9999 there."""
    return datetime.fromtimestamp(seconds(text), UTC)


def _keep(inference_id: str, outcome: outcomes.Outcome, observed: datetime) -> bool:
    """Write the outcome once; False when another one is there.

    The first telling decides the object: one key for each inference, however often and late it is told. The
    telling itself is kept as well, by its hour, a contradicting one too: quality is measured of those.
    """
    key = f"ground-truth/{inference_id[:2]}/{inference_id}.jsonl"
    record = {
        "groundTruthData": {"data": outcomes.as_csv(task, outcome), "encoding": "CSV"},
        "eventMetadata": {"eventId": inference_id, "observedTime": observed.strftime("%Y-%m-%dT%H:%M:%SZ")},
        "eventVersion": "0",
    }
    tellings.put(s3, lake_bucket, inference_id, record, datetime.now(UTC))
    try:
        s3.put_object(Bucket=lake_bucket, Key=key, Body=json.dumps(record).encode() + b"\n", IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("PreconditionFailed", "ConditionalRequestConflict"):
            raise
        before = json.loads(s3.get_object(Bucket=lake_bucket, Key=key)["Body"].read())
        return bool(before["groundTruthData"] == record["groundTruthData"])
    return True


def _refusal(status: int, what: str, **details: Any) -> dict[str, Any]:
    metrics.add_metric("RefusedOutcomes", MetricUnit.Count, 1)
    return answer(status, {"error": {"what": what, **details}})
