"""Routes and payload format 2.0 of HTTP APIs."""

import base64
import json
from datetime import UTC, datetime

import pytest

from localcloud.front import http_messages, http_routes

ROUTES = [
    "GET /models",
    "GET /models/{name}",
    "ANY /models/{name}",
    "GET /models/{rest+}",
    "POST /predict",
    "$default",
]


@pytest.mark.parametrize(
    "method, path, route, parameters",
    [
        ("GET", "/models", "GET /models", {}),
        ("GET", "/models/", "GET /models", {}),
        ("GET", "/models/flights", "GET /models/{name}", {"name": "flights"}),
        ("PUT", "/models/flights", "ANY /models/{name}", {"name": "flights"}),
        ("GET", "/models/a/b/c", "GET /models/{rest+}", {"rest": "a/b/c"}),
        ("GET", "/models/a%2Fb%20c", "GET /models/{name}", {"name": "a/b c"}),
        ("GET", "/predict", "$default", {}),
        ("POST", "/predict", "POST /predict", {}),
        ("GET", "/", "$default", {}),
    ],
)
def test_the_most_specific_route_is_taken(method, path, route, parameters):
    found = http_routes.match(ROUTES, method, path)
    assert (found.route_key, found.parameters) == (route, parameters)


def test_a_literal_segment_wins_over_a_parameter_whatever_the_order():
    assert http_routes.match(["GET /{a}/x", "GET /y/{b}"], "GET", "/y/x").route_key == "GET /y/{b}"


def test_no_route_and_no_default_is_no_match():
    assert http_routes.match(["GET /models"], "POST", "/models") is None


def request(**changes):
    plain = {
        "method": "POST",
        "path": "/predict",
        "query_string": "a=1&a=2&b=",
        "headers": {"content-type": "application/json", "user-agent": "test", "cookie": "x=1; y=2"},
        "body": b'{"rows": []}',
        "source_ip": "127.0.0.1",
        "protocol": "HTTP/1.1",
    }
    return http_messages.Request(**plain | changes)


CONTEXT = http_messages.Context(
    account_id="123456789012",
    api_id="abc",
    domain_name="abc.execute-api.us-east-1.amazonaws.com",
    stage="$default",
    route_key="POST /predict",
    request_id="id",
    now=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    path_parameters={},
    stage_variables={},
    authorizer=None,
)


def test_a_request_becomes_an_event_of_format_2():
    assert http_messages.event(request(), CONTEXT) == {
        "version": "2.0",
        "routeKey": "POST /predict",
        "rawPath": "/predict",
        "rawQueryString": "a=1&a=2&b=",
        "cookies": ["x=1", "y=2"],
        "headers": {"content-type": "application/json", "user-agent": "test"},
        "queryStringParameters": {"a": "1,2", "b": ""},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "authentication": None,
            "domainName": "abc.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "abc",
            "http": {
                "method": "POST",
                "path": "/predict",
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": "test",
            },
            "requestId": "id",
            "routeKey": "POST /predict",
            "stage": "$default",
            "time": "02/Jan/2026:03:04:05 +0000",
            "timeEpoch": 1767323045000,
        },
        "body": '{"rows": []}',
        "isBase64Encoded": False,
    }


@pytest.mark.parametrize(
    "content_type, body, encoded",
    [
        ("application/json", b"{}", False),
        ("application/vnd.x+json; charset=utf-8", b"{}", False),
        ("text/csv", b"a,b", False),
        ("application/octet-stream", b"abc", True),
        ("image/png", b"\x89PNG", True),
        ("text/plain", b"\xff\xfe", True),
    ],
)
def test_bodies_that_are_no_text_travel_as_base64(content_type, body, encoded):
    event = http_messages.event(request(body=body, headers={"content-type": content_type}), CONTEXT)
    assert event["isBase64Encoded"] is encoded
    assert (base64.b64decode(event["body"]) if encoded else event["body"].encode()) == body


def test_a_request_without_a_body_has_none():
    assert "body" not in http_messages.event(request(body=b""), CONTEXT)


def test_a_bare_result_is_200_and_json():
    assert http_messages.response(b'{"score": 0.5}') == (
        200,
        [("content-type", "application/json")],
        b'{"score": 0.5}',
    )


def test_a_response_keeps_status_headers_and_cookies():
    result = {
        "statusCode": 201,
        "headers": {"X-Id": 7, "X-Hot": True},
        "cookies": ["a=1", "b=2"],
        "body": "hi",
    }
    assert http_messages.response(json.dumps(result).encode()) == (
        201,
        [
            ("x-id", "7"),
            ("x-hot", "true"),
            ("content-type", "text/plain; charset=utf-8"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
        ],
        b"hi",
    )


def test_a_base64_body_is_decoded():
    result = {"statusCode": 200, "body": base64.b64encode(b"\x00\xff").decode(), "isBase64Encoded": True}
    assert http_messages.response(json.dumps(result).encode())[2] == b"\x00\xff"


@pytest.mark.parametrize(
    "result",
    [
        b"not json",
        b'{"statusCode": 200, "body": {"a": 1}}',
        b'{"statusCode": "many"}',
        b'{"statusCode": 42}',
        b'{"statusCode": 200, "body": "%%%", "isBase64Encoded": true}',
        b'{"statusCode": 200, "headers": {"a": "b\\r\\nc: d"}}',
    ],
)
def test_a_result_that_is_no_response_is_a_value_error(result):
    with pytest.raises(ValueError):  # noqa: PT011  json's, base64's and ours alike: the front answers 500
        http_messages.response(result)
