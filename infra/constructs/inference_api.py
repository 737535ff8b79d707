"""The HTTPS API: POST /predict and POST /feedback, each with a function of its own."""

import json

from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.function import Function, Shared
from infra.store import allow, arn
from tidegate.config import PipelineConfig, ServingSection

THROTTLE = apigateway.ThrottleSettings(rate_limit=200, burst_limit=400)  # requests a second; at once
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

    def __init__(self, scope: Construct, id_: str, *, shared: Shared, config: PipelineConfig) -> None:
        super().__init__(scope, id_)
        self.shared = shared
        self.config = config
        self.predict = self._predict()
        self.feedback = self._feedback()
        self.api = apigateway.HttpApi(
            self,
            "Api",
            api_name=config.prefix,
            create_default_stage=False,
            description=f"Asks {config.prefix}",
        )
        authorizer = _authorizer(config.serving)
        for path, function in (("/predict", self.predict), ("/feedback", self.feedback)):
            self.api.add_routes(
                path=path,
                methods=[apigateway.HttpMethod.POST],
                integration=integrations.HttpLambdaIntegration(function.node.id, function.function),
                authorizer=authorizer,
            )
        self._stage()

    def _predict(self) -> Function:
        store, prefix = self.shared.store, self.config.prefix
        endpoint = f"{prefix}-endpoint"
        serving = self.config.serving
        # the last look-up may begin as its time ends, and lasts as long once more
        patience_ms = serving.timeout_ms + 2 * serving.look_up_timeout_ms
        return Function(
            self,
            "Predict",
            shared=self.shared,
            statements=[
                allow("sagemaker:InvokeEndpoint", on=[arn("sagemaker", f"endpoint/{endpoint}")]),
                store.online("BatchGetItem"),
                store.state("BatchGetItem"),
                store.read_lake("features/sets/"),
            ],
            environment={
                "ENDPOINT_NAME": endpoint,
                **store.environment("ONLINE_TABLE", "STATE_TABLE", "LAKE_BUCKET"),
            },
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
        stage.node.default_child.access_log_settings = apigateway.CfnStage.AccessLogSettingsProperty(
            destination_arn=log.log_group_arn, format=json.dumps(ACCESS_LOG)
        )


def _authorizer(serving: ServingSection) -> apigateway.IHttpRouteAuthorizer | None:
    if serving.auth == "iam":
        return authorizers.HttpIamAuthorizer()
    if serving.auth == "jwt":
        return authorizers.HttpJwtAuthorizer(
            "Jwt", serving.jwt_issuer or "", jwt_audience=[serving.jwt_audience or ""]
        )
    return None
