"""InvokeEndpoint: a request to a variant by weight, its answer back, and what AWS measures of it.

Source:
    SageMaker guide, "Monitor Amazon SageMaker with Amazon CloudWatch" (which count is 1 when);
    botocore's sagemaker-runtime model (headers, errors).
"""

import json
import random
import time
import uuid
from collections.abc import Mapping
from typing import Any

from localcloud import cloud
from localcloud.sagemaker import signals
from localcloud.sagemaker.capture import Exchange
from localcloud.sagemaker.connections import NoAnswerError, Reply, TooLateError
from localcloud.sagemaker.endpoints import Endpoint, Routing
from localcloud.sagemaker.instances import Instance
from localcloud.sagemaker.models import backend
from localcloud.sagemaker.resources import now
from localcloud.sagemaker.variants import LOG_GROUP, Variant
from localcloud.sagemaker.weights import NoTrafficError

Answer = tuple[int, dict[str, str], bytes]

NAMESPACE = "AWS/SageMaker"
BODY_LIMIT = 6_291_456
BINARY = "application/octet-stream"
PREFIX = "x-amzn-sagemaker-"
# what is handed to the container, and what is handed back of its headers
FORWARDED = frozenset(
    {
        "content-type",
        "accept",
        *(f"{PREFIX}{name}" for name in ("custom-attributes", "inference-id", "session-id", "target-model")),
    }
)
RETURNED = {
    f"{PREFIX}custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
    f"{PREFIX}new-session-id": "X-Amzn-SageMaker-New-Session-Id",
    f"{PREFIX}closed-session-id": "X-Amzn-SageMaker-Closed-Session-Id",
}
TIMED_OUT = (
    "Your invocation timed out while waiting for a response from container primary. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)

_random = random.Random()  # noqa: S311  traffic shares are no secret


class RefusedError(Exception):
    """The service itself turns the request down."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


def invoke(endpoint_name: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Answer one InvokeEndpoint: (status, headers, body), errors too. Header names may have any case."""
    started = time.perf_counter()
    given = {name.lower(): value for name, value in headers.items()}
    try:
        endpoint = _serving(endpoint_name, body)
        routing, variant, instance = _admit(endpoint, given.get(f"{PREFIX}target-variant"))
    except RefusedError as error:
        return _error(error.status, error.code, {"Message": str(error)})
    forwarded = {name: given[name] for name in FORWARDED & given.keys()}
    asked = time.perf_counter()
    try:
        reply = instance.invoke(body, forwarded)
    except NoAnswerError as error:
        reply = Reply(0, {}, (TIMED_OUT if isinstance(error, TooLateError) else str(error)).encode())
    finally:
        instance.leave()
    answered = time.perf_counter()
    is_good = 200 <= reply.status < 300 and len(reply.body) <= BODY_LIMIT  # noqa: PLR2004  HTTP's success
    if is_good:
        _capture(endpoint, routing, variant, Exchange(**_sides(body, given, reply)))
    _measure(endpoint.name, variant, reply, model=answered - asked, started=started, is_good=is_good)
    return _success(reply, variant) if is_good else _model_error(endpoint.name, reply)


def _serving(name: str, body: bytes) -> Endpoint:
    endpoint = backend().endpoints.get(name)
    if endpoint is None or not endpoint.routing.variants:
        account = cloud.current().account
        raise RefusedError(400, "ValidationError", f"Endpoint {name} of account {account} not found.")
    if len(body) > BODY_LIMIT:
        text = f"The request body of {len(body)} bytes exceeds the limit of {BODY_LIMIT} bytes."
        raise RefusedError(413, "ValidationError", text)
    return endpoint  # type: ignore[no-any-return]


def _admit(endpoint: Endpoint, target: str | None) -> tuple[Routing, Variant, Instance]:
    """An instance that has counted the request in; one that was retired meanwhile has a successor."""
    while True:
        routing = endpoint.routing
        try:
            name = target or routing.weights.choose(_random.random())
        except NoTrafficError as error:
            raise RefusedError(400, "ValidationError", f"Endpoint {endpoint.name}: {error}.") from error
        variant = routing.variants.get(name)
        if variant is None:
            text = f"Variant {name} of endpoint {endpoint.name} not found."
            raise RefusedError(400, "ValidationError", text)
        if instance := variant.admit():
            return routing, variant, instance


def _sides(body: bytes, given: Mapping[str, str], reply: Reply) -> dict[str, Any]:
    return {
        "request": body,
        "request_type": given.get("content-type", BINARY),
        "response": reply.body,
        "response_type": reply.headers.get("content-type", BINARY),
        "when": now(),
        "inference_id": given.get(f"{PREFIX}inference-id"),
        "custom_attributes": given.get(f"{PREFIX}custom-attributes"),
    }


def _capture(endpoint: Endpoint, routing: Routing, variant: Variant, exchange: Exchange) -> None:
    buffer = routing.captures.get(variant.name)
    if buffer and buffer.rules.takes(_random.random()) and buffer.add(exchange):
        cloud.current().submit(endpoint.flush)


def _measure(
    endpoint: str, variant: Variant, reply: Reply, *, model: float, started: float, is_good: bool
) -> None:
    """Counts are 0 or 1 for each request, or its share of an instance; latencies are microseconds."""
    dimensions = {"EndpointName": endpoint, "VariantName": variant.name}
    kind = reply.status // 100
    counts = {
        "Invocations": 1,
        "InvocationsPerInstance": 1 / variant.count,
        "Invocation4XXErrors": kind == 4,  # noqa: PLR2004
        "Invocation5XXErrors": not is_good and kind != 4,  # noqa: PLR2004
        "InvocationModelErrors": not is_good,
    }
    for name, value in counts.items():
        signals.metric(NAMESPACE, name, dimensions, float(value), "None")
    signals.metric(NAMESPACE, "ModelLatency", dimensions, round(model * 1e6), "Microseconds")
    overhead = time.perf_counter() - started - model
    signals.metric(NAMESPACE, "OverheadLatency", dimensions, round(overhead * 1e6), "Microseconds")


def _success(reply: Reply, variant: Variant) -> Answer:
    headers = {
        "Content-Type": reply.headers.get("content-type", BINARY),
        "x-Amzn-Invoked-Production-Variant": variant.name,
        "x-amzn-RequestId": str(uuid.uuid4()),
    }
    headers |= {RETURNED[name]: reply.headers[name] for name in RETURNED.keys() & reply.headers.keys()}
    return 200, headers, reply.body


def _model_error(endpoint: str, reply: Reply) -> Answer:
    here = cloud.current()
    group = f"{LOG_GROUP}/{endpoint}"
    text = reply.body.decode("utf-8", "replace")
    side = "client" if reply.status // 100 == 4 else "server"  # noqa: PLR2004
    link = f"https://{here.region}.console.aws.amazon.com/cloudwatch/home?region={here.region}#logEventViewer:group={group}"
    message = (
        f'Received {side} error ({reply.status}) from primary with message "{text}". '
        f"See {link} in account {here.account} for more information."
    )
    detail = {
        "ErrorCode": f"{side.upper()}_ERROR_FROM_MODEL",
        "LogStreamArn": here.arn("logs", f"log-group:{group}"),
        "Message": message,
        "OriginalMessage": text,
        "OriginalStatusCode": reply.status,
    }
    return _error(424, "ModelError", detail)


def _error(status: int, code: str, detail: Mapping[str, Any]) -> Answer:
    headers = {
        "Content-Type": "application/json",
        "x-amzn-ErrorType": code,
        "x-amzn-RequestId": str(uuid.uuid4()),
    }
    return status, headers, json.dumps(detail).encode()
