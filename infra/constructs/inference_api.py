"""The HTTPS API: POST /predict, POST /feedback and what describes them, each with a function of its own."""

import json

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.function import Function, Shared
from infra.store import allow, arn
from tidegate.settings.config import PipelineConfig, ServingSection

DESCRIBED = ("/openapi.json", "/docs")
THROTTLE = apigateway.ThrottleSettings(rate_limit=20, burst_limit=40)  # of those; requests a second, at once
SPARE_SECONDS = 5  # of the function beyond its deadlines: a cold start, a plan of the lake
# who asked, what, and what came of it; no body and no query, which may be personal
ACCESS_LOG = {
    "requestId": "$context.requestId",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "latency_ms": "$context.responseLatency",
    "integration_ms": "$context.integrationLatency",
    "error": "$context.error.message",
}


class InferenceApi(Construct):
    """Signed by IAM unless `serving.auth` says otherwise."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        predict_code: lambda_.Code,
    ) -> None:
        super().__init__(scope, id_)
        self.shared = shared
        self.config = config
        self.predict = self._predict(predict_code)
        self.feedback = self._feedback()
        self.describe = Function(self, "DescribeApi", shared=shared, statements=[], environment={})
        self.functions = (self.predict, self.feedback, self.describe)
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=config.prefix,
            create_default_stage=False,
            description=f"Asks {config.prefix}",
        )
        authorizer = _authorizer(config.serving)
        for path, function in (("/predict", self.predict), ("/feedback", self.feedback)):
            self._route("POST", path, function, authorizer)
        for path in DESCRIBED:
            self._route("GET", path, self.describe, None if config.serving.public_docs else authorizer)
        self._stage()

    def _route(
        self,
        method: str,
        path: str,
        function: Function,
        authorizer: apigateway.IHttpRouteAuthorizer | None,
    ) -> None:
        self.api.add_routes(
            path=path,
            methods=[apigateway.HttpMethod[method]],
            integration=integrations.HttpLambdaIntegration(function.node.id, function.function),
            authorizer=authorizer,
        )

    def _predict(self, code: lambda_.Code) -> Function:
        store, prefix = self.shared.store, self.config.prefix
        endpoint = f"{prefix}-endpoint"
        serving = self.config.serving
        # the last look-up may begin as its time ends, and lasts as long once more; so may the circuit's
        # state be asked for, and the fallback fetched
        patience_ms = serving.timeout_ms + 4 * serving.look_up_timeout_ms
        return Function(
            self,
            "Predict",
            shared=self.shared,
            statements=[
                allow("sagemaker:InvokeEndpoint", on=[arn("sagemaker", f"endpoint/{endpoint}")]),
                store.online("BatchGetItem"),
                store.state("BatchGetItem", "GetItem", "PutItem", "UpdateItem"),
                store.read_lake("features/sets/", "fallbacks/"),
            ],
            environment={
                "ENDPOINT_NAME": endpoint,
                **store.environment("ONLINE_TABLE", "STATE_TABLE", "LAKE_BUCKET"),
            },
            code=code,
            memory_mebibytes=1024,  # CPU comes with memory, and each request waits for this one
            timeout_seconds=patience_ms // 1000 + SPARE_SECONDS,
        )

    def _feedback(self) -> Function:
        store = self.shared.store
        return Function(
            self,
            "Feedback",
            shared=self.shared,
            statements=[store.read_lake("ground-truth/"), store.write_lake("ground-truth/", "outcomes/")],
            environment=store.environment("LAKE_BUCKET"),
        )

    def _stage(self) -> None:
        log = logs.LogGroup(
            self, "AccessLog", retention=self.shared.retention, removal_policy=self.shared.removal
        )
        stage = apigateway.HttpStage(
            self, "Stage", http_api=self.api, stage_name="$default", auto_deploy=True, throttle=THROTTLE
        )
        stage.node.default_child.route_settings = {
            f"POST /{name}": {"ThrottlingRateLimit": rate, "ThrottlingBurstLimit": burst}
            for name, rate, burst in _throttles(self.config.serving)
        }
        stage.node.default_child.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=json.dumps(ACCESS_LOG)
        )


def _throttles(serving: ServingSection) -> tuple[tuple[str, int, int], ...]:
    """Route, requests a second, requests at once."""
    return (
        ("predict", serving.predict_per_second, serving.predict_burst),
        ("feedback", serving.feedback_per_second, serving.feedback_burst),
    )


def _authorizer(serving: ServingSection) -> apigateway.IHttpRouteAuthorizer | None:
    if serving.auth == "iam":
        return authorizers.HttpIamAuthorizer()
    if serving.auth == "jwt":
        return authorizers.HttpJwtAuthorizer(
            "Jwt", serving.jwt_issuer or "", jwt_audience=[serving.jwt_audience or ""]
        )
    return None
