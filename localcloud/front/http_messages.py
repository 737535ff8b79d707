"""Payload format 2.0 of HTTP APIs: a request as the function's event, its result as the response; pure.

After AWS's "Create AWS Lambda proxy integrations for HTTP APIs in API Gateway".
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

TEXTUAL = re.compile(
    r"text/|application/(json|javascript|xml|x-www-form-urlencoded|[\w.-]+\+(json|xml))", re.IGNORECASE
)
FORBIDDEN = re.compile(r"[\r\n\0]")

Response = tuple[int, list[tuple[str, str]], bytes]


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request to an API, matched to its route."""

    method: str
    path: str  # as it came, with the stage unless that is $default
    query_string: str
    headers: Mapping[str, str]  # by small names, several values joined by commas
    body: bytes
    source_ip: str
    protocol: str


@dataclass(frozen=True, kw_only=True)
class Context:
    """Where the request landed."""

    account_id: str
    api_id: str
    domain_name: str
    stage: str
    route_key: str
    request_id: str
    now: datetime
    path_parameters: Mapping[str, str]
    stage_variables: Mapping[str, str]
    authorizer: Mapping[str, Any] | None


def event(request: Request, context: Context) -> dict[str, Any]:
    headers = {name: value for name, value in request.headers.items() if name != "cookie"}
    cookies = request.headers.get("cookie", "")
    query: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query_string, keep_blank_values=True):
        query.setdefault(name, []).append(value)
    result: dict[str, Any] = {
        "version": "2.0",
        "routeKey": context.route_key,
        "rawPath": request.path,
        "rawQueryString": request.query_string,
        "cookies": [cookie.strip() for cookie in cookies.split(";") if cookie.strip()],
        "headers": headers,
        "queryStringParameters": {name: ",".join(values) for name, values in query.items()},
        "requestContext": _request_context(request, context),
        "pathParameters": dict(context.path_parameters),
        "stageVariables": dict(context.stage_variables),
        "isBase64Encoded": False,
    }
    if request.body:
        result["body"], result["isBase64Encoded"] = _body(request)
    optional = ("cookies", "queryStringParameters", "pathParameters", "stageVariables")
    return {name: value for name, value in result.items() if value or name not in optional}


def _request_context(request: Request, context: Context) -> dict[str, Any]:
    result: dict[str, Any] = {
        "accountId": context.account_id,
        "apiId": context.api_id,
        "authentication": None,  # mutual TLS
        "domainName": context.domain_name,
        "domainPrefix": context.domain_name.partition(".")[0],
        "http": {
            "method": request.method,
            "path": request.path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": request.headers.get("user-agent", ""),
        },
        "requestId": context.request_id,
        "routeKey": context.route_key,
        "stage": context.stage,
        "time": context.now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(context.now.timestamp() * 1000),
    }
    if context.authorizer is not None:
        result["authorizer"] = dict(context.authorizer)
    return result


def _body(request: Request) -> tuple[str, bool]:
    if TEXTUAL.match(request.headers.get("content-type", "text/plain")):
        try:
            return request.body.decode(), False
        except UnicodeDecodeError:
            pass
    return base64.b64encode(request.body).decode(), True


def response(result: bytes) -> Response:
    """What the client gets for what the function returned.

    Raises:
        ValueError: the result is not JSON, or not a response in format 2.0.
    """
    value = json.loads(result or b"null")
    if not isinstance(value, dict) or "statusCode" not in value:
        return 200, [("content-type", "application/json")], result
    body = value.get("body") or ""
    if not isinstance(body, str):
        raise ValueError("body must be a string")  # noqa: TRY004  callers wait for one class
    try:
        content = base64.b64decode(body, validate=True) if value.get("isBase64Encoded") else body.encode()
    except binascii.Error as cause:
        raise ValueError(f"body is not base64: {cause}") from cause
    headers = [(str(name).lower(), _header(item)) for name, item in (value.get("headers") or {}).items()]
    if "content-type" not in dict(headers):
        headers.append(("content-type", "text/plain; charset=utf-8"))
    headers += [("set-cookie", _header(cookie)) for cookie in value.get("cookies") or []]
    status = int(value["statusCode"])
    if not 200 <= status < 600:  # noqa: PLR2004  the range of HTTP's final answers
        raise ValueError(f"statusCode {status} is not an HTTP status")
    return (
        status,
        [pair for pair in headers if pair[0] not in {"content-length", "transfer-encoding"}],
        content,
    )


def _header(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if FORBIDDEN.search(text):
        raise ValueError("a header must be one line")
    return text
