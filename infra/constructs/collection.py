"""Collection: a function for each `[[collect]]` of pipeline.toml, which may read its own source only."""

from urllib.parse import urlsplit

from aws_cdk import Aws
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.alarms.failures import function_error_alarm
from infra.constructs.function import TWO_VCPU_MEBIBYTES, Function, Shared
from infra.store import allow, arn
from tidegate.ingestion.collection import prefix
from tidegate.settings.collect_section import CollectSection
from tidegate.settings.config import PipelineConfig

TIMEOUT_SECONDS = 900  # Lambda's longest
WRITE = ("s3:PutObject", "s3:AbortMultipartUpload")
ATHENA_QUERY = (
    *("athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetWorkGroup"),
    *("athena:GetQueryExecution", "athena:GetQueryResults"),
)
# AWSLambdaVPCAccessExecutionRole's, which know no resources before the interface exists
IN_VPC = (
    *("ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    *("ec2:DeleteNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:UnassignPrivateIpAddresses"),
)


class Collection(Construct):
    """The functions and schedules of all sources, and the alarm `<prefix>-collect-failures`."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        dataset: str,
        undelivered: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        self.shared = shared
        self.dataset = dataset
        functions = [self._source(section, undelivered) for section in config.collect]
        self.alarms: list[cloudwatch.Alarm] = (
            [function_error_alarm(self, functions, config, what="collect-failures")] if functions else []
        )

    def _source(self, section: CollectSection, undelivered: sqs.IQueue) -> lambda_.Function:
        scope = Construct(self, section.name)
        function = Function(
            scope,
            "Collect",
            shared=self.shared,
            statements=self._statements(section),
            environment=self.shared.store.environment("DROPS_BUCKET", "LAKE_BUCKET", "STATE_TABLE"),
            data=True,
            memory_mebibytes=TWO_VCPU_MEBIBYTES,
            timeout_seconds=TIMEOUT_SECONDS,
        ).function
        if section.subnets:  # by ids: CDK's own way asks the account for the network at synthesis
            network = {"SubnetIds": [*section.subnets], "SecurityGroupIds": [*section.security_groups]}
            function.node.default_child.add_property_override("VpcConfig", network)  # type: ignore[union-attr]
        rule = events.Rule(scope, "Schedule", schedule=events.Schedule.expression(section.schedule))
        message = events.RuleTargetInput.from_object({"source": section.name})
        rule.add_target(targets.LambdaFunction(function, event=message, dead_letter_queue=undelivered))
        return function

    def _statements(self, section: CollectSection) -> list[iam.PolicyStatement]:
        store = self.shared.store
        return [
            allow(*WRITE, on=[f"{store.drops_arn}/{prefix(self.dataset, section.name)}*"]),
            store.state("GetItem", "PutItem", "DeleteItem"),
            *self._logins(section),
            *(self._athena(section) if section.kind == "athena" else []),
            *(self._bucket(section) if section.kind == "s3" else []),
            *([allow(*IN_VPC, on=["*"])] if section.subnets else []),
        ]

    def _logins(self, section: CollectSection) -> list[iam.PolicyStatement]:
        statements = []
        if section.secret:
            # Secrets Manager adds six characters of its own to a name
            whole = section.secret.startswith("arn:")
            secret = section.secret if whole else arn("secretsmanager", f"secret:{section.secret}-??????")
            statements.append(allow("secretsmanager:GetSecretValue", on=[secret]))
        if section.connection:
            resources = [arn("glue", "catalog"), arn("glue", f"connection/{section.connection}")]
            statements.append(allow("glue:GetConnection", on=resources))
        return statements

    def _bucket(self, section: CollectSection) -> list[iam.PolicyStatement]:
        store = self.shared.store
        made = {"StringLike": {"s3:prefix": [f"{prefix(self.dataset, section.name)}*"]}}
        return [*_read(section.uri or ""), allow("s3:ListBucket", on=[store.drops_arn], when=made)]

    def _athena(self, section: CollectSection) -> list[iam.PolicyStatement]:
        store = self.shared.store
        results = f"staging/collect-{section.name}/"
        tables = ["catalog", f"database/{section.database}", f"table/{section.database}/*"]
        source, _ = _location(section.uri or "")
        return [
            allow(*ATHENA_QUERY, on=[arn("athena", f"workgroup/{section.workgroup}")]),
            allow(
                "glue:GetDatabase",
                "glue:GetTable",
                "glue:GetPartitions",
                on=[arn("glue", each) for each in tables],
            ),
            *_read(section.uri or ""),
            allow("s3:GetBucketLocation", on=[source, store.lake_arn]),
            store.list_lake(results),
            allow(
                *("s3:GetObject", "s3:ListMultipartUploadParts", *WRITE),
                on=[f"{store.lake_arn}/{results}*"],
            ),
        ]


def _read(uri: str) -> list[iam.PolicyStatement]:
    bucket, key = _location(uri)
    below = {"StringLike": {"s3:prefix": [f"{key}*"]}}
    return [
        allow("s3:ListBucket", on=[bucket], when=below),
        allow("s3:GetObject", on=[f"{bucket}/{key}*"]),
    ]


def _location(uri: str) -> tuple[str, str]:
    """ARN of the bucket, and the prefix below it."""
    parts = urlsplit(uri)
    return f"arn:{Aws.PARTITION}:s3:::{parts.netloc}", parts.path.lstrip("/")
