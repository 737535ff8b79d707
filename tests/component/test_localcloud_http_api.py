"""HTTP APIs answer: routes, stages, authorizers, Lambda proxies, their errors and limits."""

import base64
import io
import json
import threading
import urllib.error
import urllib.request
import uuid
import zipfile

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from moto.awslambda.models import lambda_backends

from localcloud import identity, server


def scripted(script):
    """`LambdaFunction.invoke` with a Python callable for code; how functions really run is another room's."""

    def invoke(body, request_headers, response_headers):
        try:
            return json.dumps(script(json.loads(body))).encode()
        except RuntimeError as error:
            response_headers["x-amz-function-error"] = "Unhandled"
            return json.dumps({"errorMessage": str(error)}).encode()

    return invoke


@pytest.fixture(scope="module")
def running():
    with server.start(names=("glue",)) as cloud:
        yield cloud


@pytest.fixture
def client(running):
    def make(service):
        return boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url=running.url,
            config=Config(retries={"max_attempts": 0}),
        )

    return make


@pytest.fixture
def function(client):
    """A function that runs `script`, which API Gateway may invoke."""

    def make(script, permission=True):
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("app.py", "")
        name = f"f-{uuid.uuid4().hex[:8]}"
        role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        arn = client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role,
            Handler="app.h",
            Code={"ZipFile": code.getvalue()},
        )["FunctionArn"]
        if permission:
            client("lambda").add_permission(
                FunctionName=name,
                StatementId="s",
                Action="lambda:InvokeFunction",
                Principal="apigateway.amazonaws.com",
            )
        found = lambda_backends["123456789012"]["us-east-1"].get_function(name)
        found.invoke = scripted(script)
        return arn

    return make


@pytest.fixture
def api(client, running):
    """An API with one route to one function; the address of its stage."""

    def make(function_arn, route="POST /predict", stage="$default", timeout=None, **route_options):
        gateway = client("apigatewayv2")
        api_id = gateway.create_api(Name="api", ProtocolType="HTTP")["ApiId"]
        options = {"TimeoutInMillis": timeout} if timeout else {}
        integration = gateway.create_integration(
            ApiId=api_id,
            IntegrationType="AWS_PROXY",
            IntegrationUri=function_arn,
            PayloadFormatVersion="2.0",
            **options,
        )["IntegrationId"]
        if "jwt" in route_options:
            route_options["AuthorizerId"] = gateway.create_authorizer(
                ApiId=api_id,
                Name="jwt",
                AuthorizerType="JWT",
                IdentitySource=["$request.header.Authorization"],
                JwtConfiguration=route_options.pop("jwt"),
            )["AuthorizerId"]
        gateway.create_route(
            ApiId=api_id, RouteKey=route, Target=f"integrations/{integration}", **route_options
        )
        gateway.create_stage(ApiId=api_id, StageName=stage, AutoDeploy=True)
        return f"{running.url}/_aws/execute-api/{api_id}"

    return make


def call(url, body=None, method=None, **headers):
    request = urllib.request.Request(url, body, headers, method=method)  # noqa: S310  our own
    try:
        with urllib.request.urlopen(request) as response:  # noqa: S310
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def message(text):
    return json.dumps({"message": text}).encode()


def test_a_route_runs_its_function_and_maps_both_ways(function, api):
    url = api(function(lambda event: {"statusCode": 201, "body": event["body"].upper()}))
    assert call(f"{url}/predict", b"rows") == (201, b"ROWS")


def test_the_default_stage_may_be_named(function, api):
    url = api(function(lambda event: {"path": event["rawPath"], "stage": event["requestContext"]["stage"]}))
    for path in ("/predict", "/$default/predict"):
        assert json.loads(call(url + path, b"")[1]) == {"path": "/predict", "stage": "$default"}


def test_a_named_stage_is_part_of_the_address_and_of_the_path(function, api):
    url = api(function(lambda event: {"path": event["rawPath"]}), stage="dev")
    assert json.loads(call(f"{url}/dev/predict", b"")[1]) == {"path": "/dev/predict"}
    assert call(f"{url}/predict", b"") == (404, message("Not Found"))


def test_the_host_header_may_say_which_api(function, api, running):
    url = api(function(lambda event: "hello"))
    api_id = url.rpartition("/")[2]
    host = f"{api_id}.execute-api.us-east-1.amazonaws.com"
    assert call(f"{running.url}/predict", b"", Host=host) == (200, b'"hello"')


def test_path_parameters_and_queries_arrive(function, api):
    url = api(
        function(lambda event: [event["pathParameters"], event["queryStringParameters"]]), "GET /m/{n}/{r+}"
    )
    assert json.loads(call(f"{url}/m/a%20b/c/d?x=1&x=2")[1]) == [{"n": "a b", "r": "c/d"}, {"x": "1,2"}]


def test_what_is_not_there_is_404(function, api, running):
    url = api(function(lambda event: "x"))
    assert call(f"{url}/nowhere", b"") == (404, message("Not Found"))
    assert call(f"{url}/predict") == (404, message("Not Found"))
    assert call(f"{running.url}/_aws/execute-api/none/predict") == (404, message("Not Found"))


def fail(event):
    raise RuntimeError("boom")


def test_a_function_that_fails_or_answers_nonsense_is_500(function, api):
    failed = (500, message("Internal Server Error"))
    assert call(f"{api(function(fail))}/predict", b"") == failed
    assert call(f"{api(function(lambda event: {'statusCode': 'x'}))}/predict", b"") == failed


def test_a_function_that_does_not_permit_the_gateway_is_500(function, api):
    url = api(function(lambda event: "x", permission=False))
    assert call(f"{url}/predict", b"") == (500, message("Internal Server Error"))


def test_a_function_slower_than_its_integration_is_503(function, api):
    answered = threading.Event()
    url = api(function(lambda event: answered.wait(60)), timeout=100)
    assert call(f"{url}/predict", b"") == (503, message("Service Unavailable"))
    answered.set()


def test_a_body_over_10_mb_is_413(function, api):
    url = api(function(lambda event: len(event["body"])))
    assert call(f"{url}/predict", b"x" * (10 * 1024 * 1024 + 1))[0] == 413
    assert call(f"{url}/predict", b"x" * 1000, **{"Content-Type": "text/plain"}) == (200, b"1000")


def signed(url, body, role_arn=None):
    keys = identity.credentials(role_arn) if role_arn else {"AWS_ACCESS_KEY_ID": "local"}
    request = AWSRequest("POST", url, data=body)
    SigV4Auth(Credentials(keys["AWS_ACCESS_KEY_ID"], "local"), "execute-api", "us-east-1").add_auth(request)
    return call(url, body, **dict(request.headers.items()))


def test_an_iam_route_wants_a_signature(function, api):
    url = api(
        function(lambda event: event["requestContext"]["authorizer"]["iam"]["accountId"]),
        AuthorizationType="AWS_IAM",
    )
    assert call(f"{url}/predict", b"") == (403, message("Forbidden"))
    assert signed(f"{url}/predict", b"") == (200, b'"123456789012"')


def test_an_iam_route_wants_a_role_that_may_invoke_it(function, api, client):
    url = api(function(lambda event: "in"), AuthorizationType="AWS_IAM")
    api_id = url.rpartition("/")[2]
    arns = {}
    for name, path in (("may", "predict"), ("may-not", "feedback")):
        role = f"{name}-{api_id}"
        resource = f"arn:aws:execute-api:us-east-1:123456789012:{api_id}/$default/POST/{path}"
        grant = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
        arns[name] = client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")["Role"]["Arn"]
        document = json.dumps({"Version": "2012-10-17", "Statement": [grant]})
        client("iam").put_role_policy(RoleName=role, PolicyName="p", PolicyDocument=document)
    assert signed(f"{url}/predict", b"", arns["may"]) == (200, b'"in"')
    assert signed(f"{url}/predict", b"", arns["may-not"]) == (403, message("Forbidden"))


def token(**claims):
    def part(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'RS256'})}.{part(claims)}.signature"


def test_a_jwt_route_wants_issuer_audience_time_and_scope(function, api, running):
    url = api(
        function(lambda event: event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]),
        AuthorizationType="JWT",
        AuthorizationScopes=["predict"],
        jwt={"Issuer": "https://issuer", "Audience": ["tidegate"]},
    )
    now = int(running.cloud.clock.time())
    good = {
        "iss": "https://issuer",
        "aud": "tidegate",
        "exp": now + 60,
        "scope": "predict other",
        "sub": "ada",
    }

    def ask(**changes):
        return call(f"{url}/predict", b"", Authorization=f"Bearer {token(**good | changes)}")

    assert ask() == (200, b'"ada"')
    for changes in ({"iss": "https://other"}, {"aud": "else"}, {"exp": now - 1}, {"nbf": now + 60}):
        assert ask(**changes) == (401, message("Unauthorized"))
    assert ask(scope="other") == (403, message("Forbidden"))
    assert call(f"{url}/predict", b"") == (401, message("Unauthorized"))
    assert call(f"{url}/predict", b"", Authorization="Bearer x.%%.y") == (401, message("Unauthorized"))
