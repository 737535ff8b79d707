"""Serving: an approved package is rolled out by weights, or back; what a rollout leaves is removed.

CloudFormation owns the endpoint's name, roles and alarms; the deployment machine owns its content.
"""

import json

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.alarms.endpoint import endpoint_error_alarm, variant_alarms
from infra.constructs.alarms.look_ups import feature_alarms
from infra.constructs.events import start_on
from infra.constructs.function import ONE_VCPU_MEBIBYTES, Function, Shared
from infra.constructs.machine import Machine
from infra.constructs.restoration import restoration
from infra.constructs.rollout_report import report_rollouts
from infra.constructs.scaling import SCALABLE_TARGETS, SCALING_ACTIONS, scaling_fills
from infra.store import allow, arn
from tidegate.rollout import VARIANTS
from tidegate.settings.config import PipelineConfig


class Serving(Construct):
    """The deployment, restoration and teardown machines, and the alarms that a rollout watches."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        serving_role_arn: str,
        undelivered: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        self.shared = shared
        self.config = config
        self.endpoint = f"{config.prefix}-endpoint"
        self.endpoint_arn = arn("sagemaker", f"endpoint/{self.endpoint}")
        self.packages_arn = arn("sagemaker", f"model-package/{config.prefix}/*")
        self.deployment = self._deployment(serving_role_arn)
        self.teardown = self._teardown()
        self.restoration = restoration(
            self,
            shared=shared,
            config=config,
            endpoint=self.endpoint,
            deployment=self.deployment,
            undelivered=undelivered,
        )
        report_rollouts(self, shared=shared, machine=self.deployment, undelivered=undelivered)
        self.alarms: list[cloudwatch.Alarm] = [
            *(
                alarm
                for variant in VARIANTS
                for alarm in variant_alarms(self, endpoint=self.endpoint, variant=variant, config=config)
            ),
            endpoint_error_alarm(self, endpoint=self.endpoint, config=config),
            *feature_alarms(self, config),
        ]
        start_on(
            self,
            "PackageApproved",
            machine=self.deployment,
            pattern=events.EventPattern(
                source=["aws.sagemaker"],
                detail_type=["SageMaker Model Package State Change"],
                detail={"ModelPackageGroupName": [config.prefix], "ModelApprovalStatus": ["Approved"]},
            ),
            message=events.RuleTargetInput.from_object(
                {"model_package_arn": events.EventField.from_path("$.detail.ModelPackageArn")}
            ),
            undelivered=undelivered,
        )

    def _functions(self) -> list[Function]:
        store, shared = self.shared.store, self.shared
        endpoint = {"ENDPOINT_NAME": self.endpoint}
        prefix = {"PREFIX": self.config.prefix}
        describe_package = allow("sagemaker:DescribeModelPackage", on=[self.packages_arn])
        return [
            Function(
                self,
                "PreflightCandidate",
                shared=shared,
                statements=[
                    describe_package,
                    allow("sagemaker:DescribeEndpoint", on=[self.endpoint_arn]),
                    store.read_lake("models/", "features/sets/"),
                    store.write_lake("fallbacks/"),
                    store.state("GetItem", "PutItem"),
                    allow("cloudwatch:DescribeAlarms", on=["*"]),  # has no resources
                    *store.signing_key("kms:Verify"),
                ],
                environment={
                    **endpoint,
                    **prefix,
                    **store.environment("LAKE_BUCKET", "STATE_TABLE", "SIGNING_KEY_ARN"),
                },
            ),
            Function(
                self,
                "CheckCandidate",
                shared=shared,
                statements=[
                    describe_package,
                    allow("sagemaker:InvokeEndpoint", on=[self.endpoint_arn]),
                    store.read_lake("evaluations/"),
                ],
                environment={**endpoint, **store.environment("LAKE_BUCKET")},
            ),
            Function(
                self,
                "MirrorTraffic",
                shared=shared,
                statements=[
                    allow("sagemaker:InvokeEndpoint", on=[self.endpoint_arn]),
                    allow("cloudwatch:GetMetricData", on=["*"]),  # has no resources
                    store.read_lake("captures/"),
                    store.list_lake("captures/"),
                ],
                environment={**endpoint, **prefix, **store.environment("LAKE_BUCKET")},
                timeout_seconds=120,
            ),
            Function(
                self,
                "JudgeRollout",
                shared=shared,
                statements=[
                    # neither action has resources
                    allow("cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms", on=["*"]),
                    store.state("GetItem"),
                    store.read_lake("captures/", "ground-truth/"),
                    store.list_lake("captures/"),
                ],
                environment={**endpoint, **prefix, **store.environment("LAKE_BUCKET", "STATE_TABLE")},
                memory_mebibytes=ONE_VCPU_MEBIBYTES,  # thousands of outcomes are read
                timeout_seconds=120,
            ),
            Function(
                self,
                "AwaitApproval",
                shared=shared,
                statements=[store.state("PutItem")],
                environment=store.environment("STATE_TABLE"),
            ),
        ]

    def _deployment(self, serving_role_arn: str) -> Machine:
        store, config = self.shared.store, self.config
        models_arn = arn("sagemaker", f"model/{config.prefix}-*")
        configs_arn = arn("sagemaker", f"endpoint-config/{config.prefix}-*")
        # both resources are checked: Service Authorization Reference, Amazon SageMaker AI
        endpoint_and_config = [self.endpoint_arn, configs_arn]
        return Machine(
            self,
            "Deployment",
            name="deployment",
            shared=self.shared,
            functions=self._functions(),
            fills={
                "Approval": config.deployment.approval,
                "ApprovalSeconds": str(round(config.deployment.approval_hours * 3600)),
                "CapturePercent": str(config.serving.capture_percent),
                "EndpointName": self.endpoint,
                "LakeBucket": store.lake_bucket,
                "MaximumWaits": str(config.deployment.maximum_waits),
                "PollSeconds": str(config.deployment.poll_seconds),
                "Prefix": config.prefix,
                **scaling_fills(config.serving.scaling),
                "ServingInstanceType": config.serving.instance_type,
                "ServingInstances": str(config.serving.instances),
                "ServingRole": serving_role_arn,
                "StateTable": store.state_table,
                "WarmSeconds": str(config.deployment.warm_seconds),
                "WatchSeconds": str(config.deployment.watch_seconds),
            },
            grants={
                "sagemaker:CreateModel": [models_arn, self.packages_arn],
                "sagemaker:CreateEndpointConfig": [configs_arn],
                "sagemaker:CreateEndpoint": endpoint_and_config,
                "sagemaker:UpdateEndpoint": endpoint_and_config,
                "sagemaker:UpdateEndpointWeightsAndCapacities": [self.endpoint_arn],
                "sagemaker:DescribeEndpoint": [self.endpoint_arn],
                "sagemaker:DeleteEndpoint": [self.endpoint_arn],
                **{key: [SCALABLE_TARGETS] for key in SCALING_ACTIONS},
                "iam:PassRole": [serving_role_arn],
                "dynamodb:PutItem": [store.state_arn],
                "dynamodb:DeleteItem": [store.state_arn],
                "events:PutEvents": [arn("events", "event-bus/default")],
            },
        )

    def _teardown(self) -> Machine:
        prefix = self.config.prefix
        return Machine(
            self,
            "Teardown",
            name="teardown",
            shared=self.shared,
            functions=[],
            fills={
                "EndpointName": self.endpoint,
                "PollSeconds": str(self.config.deployment.poll_seconds),
                "Prefix": prefix,
                "StateTable": self.shared.store.state_table,
                "Variants": json.dumps(VARIANTS).replace('"', "'"),
            },
            grants={
                "application-autoscaling:DeregisterScalableTarget": [SCALABLE_TARGETS],
                "sagemaker:DeleteEndpoint": [self.endpoint_arn],
                "sagemaker:DescribeEndpoint": [self.endpoint_arn],
                "sagemaker:ListEndpointConfigs": ["*"],  # lists have no resources
                "sagemaker:DeleteEndpointConfig": [arn("sagemaker", f"endpoint-config/{prefix}-*")],
                "sagemaker:ListModels": ["*"],
                "sagemaker:DeleteModel": [arn("sagemaker", f"model/{prefix}-*")],
                "dynamodb:DeleteItem": [self.shared.store.state_arn],
            },
        )
