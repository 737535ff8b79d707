"""Events of HTTP APIs: the recorded request, sent through our mapping, gives the recorded event."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from localcloud.front import http_messages

CASES = Path(os.environ.get("TIDEGATE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
EVENTS = [
    "aws-lambda-go/apigw-v2-request-no-authorizer.json",
    "powertools/apiGatewayProxyV2Event_GET.json",
    "powertools/apiGatewayProxyV2IamEvent.json",
    "powertools/apiGatewayProxyV2SchemaMiddlwareValidEvent.json",
]

pytestmark = pytest.mark.skipif(
    not CASES.is_dir(), reason=f"skipped: no conformance cases at {CASES} (set TIDEGATE_CASES)"
)


def mapped(recorded):
    """Take the request out of the event that AWS made of it, and make our event of it."""
    where = recorded["requestContext"]
    headers = recorded["headers"]
    if "cookies" in recorded:
        headers = {**headers, "cookie": "; ".join(recorded["cookies"])}
    request = http_messages.Request(
        method=where["http"]["method"],
        path=recorded["rawPath"],
        query_string=recorded["rawQueryString"],
        headers={name.lower(): value for name, value in headers.items()},
        body=recorded.get("body", "").encode(),
        source_ip=where["http"]["sourceIp"],
        protocol=where["http"]["protocol"],
    )
    context = http_messages.Context(
        account_id=where["accountId"],
        api_id=where["apiId"],
        domain_name=where["domainName"],
        stage=where["stage"],
        route_key=recorded["routeKey"],
        request_id=where["requestId"],
        now=datetime.fromtimestamp(where["timeEpoch"] / 1000, UTC),
        path_parameters=recorded.get("pathParameters", {}),
        stage_variables=recorded.get("stageVariables", {}),
        authorizer=where.get("authorizer"),
    )
    return http_messages.event(request, context)


def comparable(event):
    """Without what the samples contradict themselves in (time), mutual TLS, and the agent they say twice."""
    event = json.loads(json.dumps(event))
    context = event["requestContext"]
    for name in ("time", "authentication"):
        context.pop(name, None)
    context["http"].pop("userAgent")
    event["headers"] = {name.lower(): value for name, value in event["headers"].items()}
    return event


@pytest.mark.parametrize("name", EVENTS)
def test_a_recorded_request_gives_the_recorded_event(name):
    recorded = json.loads((CASES / "lambda-events" / name).read_text())
    assert comparable(mapped(recorded)) == comparable(recorded)
