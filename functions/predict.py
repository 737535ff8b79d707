"""Predict: one request, or a batch, answered by the live model with its aggregates looked up.

Invoked by  POST /predict of the HTTP API (payload format 2.0)
Takes       the request columns as one object, or {"instances": [...]} of up to 1000; at most 4 MiB.
            Header Idempotency-Key: the same key and body are the same inference_id
Returns     200 {"inference_id", "variant", "model_version", "degraded",
                 "predictions": [...of tidegate.answers],
                 "features": {"stale": [...], "missing": [...], "failed": [...]}}, columns without a value
                 in some row of the request, for which the model took its defaults;
                 `degraded` is null, or who answered for the endpoint: fallback, last-good, default
            400 not JSON, 413 too many rows or bytes, 422 fields that break the contract,
            503 nobody answers; ask again
Raises      nothing on purpose
Needs       dynamodb:BatchGetItem on the online table and the state table;
            dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem on the state table, for its circuits;
            s3:GetObject on the lake's features/sets/ and fallbacks/;
            sagemaker:InvokeEndpoint on the endpoint;
            PIPELINE_DIR, ONLINE_TABLE, STATE_TABLE, LAKE_BUCKET, ENDPOINT_NAME
"""

import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit, single_metric
from aws_lambda_powertools.utilities.circuit_breaker import CircuitTransition
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import batch_get, endpoint, traffic
from tidegate.aws.breaker import Breaker
from tidegate.aws.endpoint import Answer, EndpointUnavailableError
from tidegate.aws.lazy_client import LazyClient
from tidegate.aws.live import Live, Tables
from tidegate.aws.stand_in import StandIn
from tidegate.feature_store import feature_tally
from tidegate.feature_store.looked_up import VIEWS
from tidegate.moments import seconds
from tidegate.plan import Plan
from tidegate.serving import assignment, predict_request
from tidegate.serving.http_json import answer
from tidegate.serving.predict_request import RefusedError

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
serving, task = plan.config.serving, plan.config.training.task
runtime = boto3.client("sagemaker-runtime", config=endpoint.deadline(serving.timeout_ms))
endpoint_name = os.environ["ENDPOINT_NAME"]
within = batch_get.deadline(serving.look_up_timeout_ms)
dynamodb = boto3.client("dynamodb", config=within)
s3 = LazyClient("s3", within)
live = Live(
    dynamodb,
    s3,
    tables=Tables(online=os.environ["ONLINE_TABLE"], state=os.environ["STATE_TABLE"]),
    lake_bucket=os.environ["LAKE_BUCKET"],
    packaged=plan.features,
    milliseconds=serving.look_up_timeout_ms,
)
stand_in = StandIn(s3, os.environ["LAKE_BUCKET"], serving, task)
RETRY_AFTER_SECONDS = 5


def _tell_transition(transition: CircuitTransition) -> None:
    """A line for each change of a circuit; its name is that of a variant."""
    states = {"from": str(transition.from_state), "to": str(transition.to_state)}
    logger.warning("a circuit changed its state", extra={"circuit": transition.circuit_name, **states})


breaker = Breaker(dynamodb, os.environ["STATE_TABLE"], _tell_transition)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    try:
        asked = predict_request.read(event, plan.features, plan.contract)
    except RefusedError as refused:
        metrics.add_metric("RefusedRequests", MetricUnit.Count, 1)
        return answer(refused.status, {"error": refused.error})
    return _predict(asked.rows, asked.inference_id)


def _predict(rows: list[dict[str, Any]], inference_id: str) -> dict[str, Any]:
    moments = [seconds(row[plan.features.source.event_ts]) for row in rows]
    reading = live.look_up(rows, moments)
    if reading.failure:
        extra = {"inference_id": inference_id, "kind": reading.failure}
        logger.warning("defaults stand in for what could not be looked up", extra=extra)
    instances = [{**row, VIEWS: views} for row, views in zip(rows, reading.views, strict=True)]
    variant = assignment.variant_of(live.models.split, serving.sticky, rows, inference_id)
    told: dict[str, Any] = {"inference_id": inference_id}
    try:
        answered = breaker.call(variant or "endpoint", lambda: _ask(instances, inference_id, variant))
    except EndpointUnavailableError as error:
        _count_failure(error, variant or assignment.charged(live.models.split))
        stood_in = stand_in.answer(live.models.standing_in, rows, instances)
        if stood_in is None:
            return _unanswered(inference_id, error.kind, len(rows))
        extra = {"inference_id": inference_id, "kind": error.kind, "by": stood_in.kind}
        logger.warning("the endpoint did not answer", extra=extra)
        metrics.add_metric("DegradedPredictions", MetricUnit.Count, len(rows))
        told |= {"variant": None, "model_version": stood_in.version, "degraded": stood_in.kind}
        predictions, reader = stood_in.predictions, live.models.champion
    else:
        # none in the moment before it is written down
        version = live.versions.get(answered.model)
        stand_in.remember(rows, answered.predictions, version)
        told |= {"variant": answered.variant, "model_version": version, "degraded": None}
        predictions, reader = answered.predictions, answered.variant
    tally = feature_tally.tally(live.plan_of(reader or ""), rows, reading.views, moments)
    _count(tally, len(rows))
    return answer(200, {**told, "predictions": predictions, "features": tally.told()})


def _ask(instances: list[dict[str, Any]], inference_id: str, variant: str | None) -> Answer:
    """The variant, or whom the weights choose once it is gone: it may have been taken back a moment ago."""
    try:
        return endpoint.invoke(
            runtime,
            endpoint_name,
            instances,
            inference_id=inference_id,
            variant=variant,
            vectors=True,
            task=task,
        )
    except EndpointUnavailableError as error:
        if variant is None or error.kind not in endpoint.UNKNOWN_VARIANT:
            raise
    return endpoint.invoke(
        runtime, endpoint_name, instances, inference_id=inference_id, vectors=True, task=task
    )


def _count_failure(error: EndpointUnavailableError, asked: str | None) -> None:
    """What the judge of a rollout cannot read off SageMaker's own metrics, where the variant is known.

    A circuit that is open stands for failures of the variant behind it, though nobody asked it again.
    """
    if (variant := error.variant or asked) is None:
        return
    names = [traffic.FALLBACKS]
    if error.kind in endpoint.TIMED_OUT:
        names.append(traffic.TIMEOUTS)
    elif error.kind in (endpoint.INCOMPLETE, endpoint.INVALID):
        names.append(traffic.INVALID)
    for name in names:
        with single_metric(name=name, unit=MetricUnit.Count, value=1) as metric:
            metric.add_dimension(name="service", value=os.environ["POWERTOOLS_SERVICE_NAME"])
            metric.add_dimension(name="variant", value=variant)


def _count(tally: feature_tally.Tally, rows: int) -> None:
    metrics.add_metric("Predictions", MetricUnit.Count, rows)
    for name, count in tally.counts():
        metrics.add_metric(name, MetricUnit.Count, count)
    if tally.age_seconds is not None:
        metrics.add_metric(feature_tally.AGE, MetricUnit.Seconds, tally.age_seconds)


def _unanswered(inference_id: str, kind: str, rows: int) -> dict[str, Any]:
    """Only the kind of the failure is logged and told: its text may quote the request."""
    what = "no model answers"
    metrics.add_metric("FailedPredictions", MetricUnit.Count, rows)
    logger.error(what, extra={"inference_id": inference_id, "kind": kind})
    error = {"what": what, "cause": kind, "inference_id": inference_id}
    if live.models.champion is None:
        error["hint"] = "no model is known to serve: has one been rolled out yet?"
    return answer(503, {"error": error}, {"Retry-After": str(RETRY_AFTER_SECONDS)})
