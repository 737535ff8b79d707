"""The data plane of HTTP APIs, which moto lacks: routes, authorizers and Lambda proxies.

Addresses: {url}/_aws/execute-api/{apiId}/{stage}/{path} ($default may be left out), or a Host header
{apiId}.execute-api.*. Routes, integrations and authorizers are those of moto's apigatewayv2.
Limits: only AWS_PROXY integrations with payload format 2.0; signatures and tokens are not verified (a SigV4
header must be there and its key's role must allow execute-api:Invoke; a token's issuer, audience, expiry and
scopes are read from its unverified claims); no Lambda authorizers, CORS, throttling or parameter mapping.
"""

import base64
import json
import logging
import re
import uuid
from concurrent.futures import TimeoutError as TookTooLong
from dataclasses import dataclass
from typing import Any

from moto.apigatewayv2.models import Api, Route, apigatewayv2_backends
from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import lambda_backends

from localcloud import identity
from localcloud.cloud import Cloud
from localcloud.front import http_messages, http_routes, requests
from localcloud.front.connection import Environ
from localcloud.front.guard import Guard
from localcloud.front.need import Need

PREFIX = "/_aws/execute-api/"
HOST = re.compile(r"([a-z0-9]+)\.execute-api\.")
FUNCTION_IN_URI = re.compile(r"arn:aws:lambda:[\w:$-]+")  # bare, or within API Gateway's own invocation ARN
MAX_PAYLOAD_BYTES = 10 * 1024 * 1024

log = logging.getLogger(__name__)

Answer = tuple[int, list[tuple[str, str]], bytes]


class RefusedError(Exception):
    """The request ends here, with this status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


NOT_FOUND = (404, "Not Found")
FORBIDDEN = (403, "Forbidden")
UNAUTHORIZED = (401, "Unauthorized")
TOO_LARGE = (413, "Request Entity Too Large")
FAILED = (500, "Internal Server Error")
UNAVAILABLE = (503, "Service Unavailable")


@dataclass(frozen=True, slots=True)
class Target:
    """Which API a request addresses, and the rest of its path, percent-encoded as it came."""

    api_id: str
    path: str


class HttpApi:
    """Answers requests to the APIs of one cloud."""

    def __init__(self, cloud: Cloud, guard: Guard) -> None:
        self._cloud = cloud
        self._guard = guard

    def target(self, environ: Environ) -> Target | None:
        path = environ["RAW_URI"].partition("?")[0]
        if path.startswith(PREFIX):
            api_id, _, rest = path.removeprefix(PREFIX).partition("/")
            return Target(api_id, f"/{rest}")
        found = HOST.match(environ.get("HTTP_HOST", ""))
        return Target(found[1], path) if found else None

    def answer(self, environ: Environ, target: Target) -> Answer:
        request_id = str(uuid.uuid4())
        try:
            status, headers, body = self._run(environ, target, request_id)
        except RefusedError as refused:
            status, headers, body = _refused(refused.status, refused.message)
        except Exception:  # API Gateway too answers 500 whatever went wrong behind it
            log.exception("%s %s broke", environ["REQUEST_METHOD"], environ["RAW_URI"])
            status, headers, body = _refused(*FAILED)
        return status, [*headers, ("apigw-requestid", request_id)], body

    def _run(self, environ: Environ, target: Target, request_id: str) -> Answer:
        api = apigatewayv2_backends[self._cloud.account][self._cloud.region].apis.get(target.api_id)
        if api is None:
            raise RefusedError(*NOT_FOUND)
        stage, path = _stage(api, target.path)
        routes = {route.route_key: route for route in list(api.routes.values())}
        match = http_routes.match(routes, environ["REQUEST_METHOD"], path)
        if match is None:
            raise RefusedError(*NOT_FOUND)
        route = routes[match.route_key]
        authorizer = self._authorize(environ, api, route, f"{stage}/{environ['REQUEST_METHOD']}{path}")
        request = _request(environ, target.path)
        context = http_messages.Context(
            account_id=self._cloud.account,
            api_id=api.api_id,
            domain_name=f"{api.api_id}.execute-api.{self._cloud.region}.amazonaws.com",
            stage=stage,
            route_key=match.route_key,
            request_id=request_id,
            now=self._cloud.clock.now(),
            path_parameters=match.parameters,
            stage_variables=api.stages[stage].stage_variables or {},
            authorizer=authorizer,
        )
        return self._invoke(api, route, http_messages.event(request, context))

    def _authorize(self, environ: Environ, api: Api, route: Route, resource: str) -> dict[str, Any] | None:
        match route.authorization_type:
            case "AWS_IAM":
                return self._authorize_iam(environ, api, resource)
            case "JWT":
                return self._authorize_jwt(environ, api, route)
            case None | "" | "NONE":
                return None
        log.error("route %s: %s authorizers are not there", route.route_key, route.authorization_type)
        raise RefusedError(*FAILED)

    def _authorize_iam(self, environ: Environ, api: Api, resource: str) -> dict[str, Any]:
        caller = requests.caller_of(environ)
        if caller is None:
            raise RefusedError(*FORBIDDEN)
        role = identity.role_of(caller.access_key)
        need = Need("execute-api:Invoke", (self._cloud.arn("execute-api", f"{api.api_id}/{resource}"),))
        if role is not None and self._guard.refusal("execute-api", role, [need]):
            raise RefusedError(*FORBIDDEN)
        arn = role or f"arn:aws:iam::{self._cloud.account}:root"
        return {
            "iam": {
                "accessKey": caller.access_key,
                "accountId": self._cloud.account,
                "callerId": caller.access_key,
                "cognitoIdentity": None,
                "principalOrgId": None,
                "userArn": arn,
                "userId": caller.access_key,
            }
        }

    def _authorize_jwt(self, environ: Environ, api: Api, route: Route) -> dict[str, Any]:
        authorizer = api.authorizers.get(route.authorizer_id or "")
        if authorizer is None or not authorizer.jwt_config:
            raise RefusedError(*FAILED)
        wanted = authorizer.jwt_config
        token = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        claims = _claims(token)
        audience = claims.get("aud", claims.get("client_id"))
        audiences = audience if isinstance(audience, list) else [audience]
        issuer = wanted.get("issuer", wanted.get("Issuer"))
        allowed = wanted.get("audience", wanted.get("Audience")) or []
        now = self._cloud.clock.time()
        current = float(claims.get("nbf", 0)) <= now < float(claims.get("exp", 0))
        if claims.get("iss") != issuer or not set(audiences) & set(allowed) or not current:
            raise RefusedError(*UNAUTHORIZED)
        scopes = str(claims.get("scope", claims.get("scp", ""))).split()
        if route.authorization_scopes and not set(scopes) & set(route.authorization_scopes):
            raise RefusedError(*FORBIDDEN)
        return {
            "jwt": {"claims": {name: str(value) for name, value in claims.items()}, "scopes": scopes or None}
        }

    def _invoke(self, api: Api, route: Route, event: dict[str, Any]) -> Answer:
        integration = api.integrations.get((route.target or "").removeprefix("integrations/"))
        found = FUNCTION_IN_URI.search(integration.integration_uri or "") if integration else None
        if integration is None or found is None or (integration.payload_format_version or "2.0") != "2.0":
            log.error("route %s: only Lambda proxies with payload format 2.0 run here", route.route_key)
            raise RefusedError(*FAILED)
        seconds = (integration.timeout_in_millis or 30000) / 1000
        running = self._cloud.submit(self._call, found[0], json.dumps(event))
        try:
            return http_messages.response(running.result(seconds))
        except TookTooLong:
            raise RefusedError(*UNAVAILABLE) from None
        except (ValueError, TypeError, LambdaClientError) as cause:
            log.warning("route %s: %s", route.route_key, cause)
            raise RefusedError(*FAILED) from cause

    def _call(self, function_arn: str, event: str) -> bytes:
        """Invoke in memory, as moto's other services do; the function's own room runs it."""
        function = lambda_backends[self._cloud.account][self._cloud.region].get_function(function_arn)
        principals = [statement.get("Principal") for statement in function.policy.statements]
        if {"Service": "apigateway.amazonaws.com"} not in principals:
            raise ValueError(f"{function_arn} has no permission for apigateway.amazonaws.com to invoke it")
        headers: dict[str, str] = {}
        result = function.invoke(event, {"X-Amz-Invocation-Type": "RequestResponse"}, headers)
        if "x-amz-function-error" in headers:
            raise ValueError(f"{function_arn} failed: {bytes(result)[:500]!r}")
        return bytes(result)


def _refused(status: int, message: str) -> Answer:
    return status, [("content-type", "application/json")], json.dumps({"message": message}).encode()


def _stage(api: Api, path: str) -> tuple[str, str]:
    first, _, rest = path[1:].partition("/")
    if first in api.stages:
        return first, f"/{rest}"
    if http_routes.DEFAULT in api.stages:
        return http_routes.DEFAULT, path
    raise RefusedError(*NOT_FOUND)


def _request(environ: Environ, path: str) -> http_messages.Request:
    if int(environ.get("CONTENT_LENGTH") or 0) > MAX_PAYLOAD_BYTES:
        raise RefusedError(*TOO_LARGE)
    body = environ["wsgi.input"].read(MAX_PAYLOAD_BYTES + 1)
    if len(body) > MAX_PAYLOAD_BYTES:
        raise RefusedError(*TOO_LARGE)
    headers = {
        key[5:].replace("_", "-").lower(): value for key, value in environ.items() if key.startswith("HTTP_")
    }
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if key in environ:
            headers[key.replace("_", "-").lower()] = environ[key]
    return http_messages.Request(
        method=environ["REQUEST_METHOD"],
        path=path.removeprefix(f"/{http_routes.DEFAULT}") or "/",
        query_string=environ["QUERY_STRING"],
        headers=headers,
        body=body,
        source_ip=environ["REMOTE_ADDR"],
        protocol=environ["SERVER_PROTOCOL"],
    )


def _claims(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    try:
        part = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (IndexError, ValueError):
        raise RefusedError(*UNAUTHORIZED) from None
    if not isinstance(claims, dict):
        raise RefusedError(*UNAUTHORIZED)
    return claims
