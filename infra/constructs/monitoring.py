"""Monitoring: captured traffic is measured on a schedule; what it finds raises alarms and may retrain."""

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.alarms.looks import look_alarms
from infra.constructs.events import start_on
from infra.constructs.function import (
    METRICS_NAMESPACE,
    ONE_VCPU_MEBIBYTES,
    TWO_VCPU_MEBIBYTES,
    Function,
    Shared,
)
from infra.constructs.machine import Machine
from infra.store import allow, arn
from tidegate.settings.config import PipelineConfig


class Monitoring(Construct):
    """The schedule, the machine, and an alarm for each question that a look answers."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        image_uri: str,
        job_role_arn: str,
        endpoint: str,
        training: Machine,
        undelivered: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        store = shared.store
        describe_package = allow(
            "sagemaker:DescribeModelPackage", on=[arn("sagemaker", f"model-package/{config.prefix}/*")]
        )
        publish = allow(
            "cloudwatch:PutMetricData",
            on=["*"],  # has no resources; the namespace narrows it
            when={"StringEquals": {"cloudwatch:namespace": METRICS_NAMESPACE}},
        )
        plan_window = Function(
            self,
            "PlanWindow",
            shared=shared,
            statements=[
                store.list_lake("captures/", "evaluations/"),
                store.read_lake("captures/"),
                store.write_lake("monitoring/"),
                store.state("GetItem"),
                describe_package,
            ],
            environment={"ENDPOINT_NAME": endpoint, **store.environment("LAKE_BUCKET", "STATE_TABLE")},
        )
        measure_skew = Function(
            self,
            "MeasureSkew",
            shared=shared,
            statements=[
                store.read_lake("captures/", "models/", "monitoring/"),
                store.write_lake("monitoring/"),
                *store.read_tables(),
                describe_package,
                publish,
            ],
            environment={"ENDPOINT_NAME": endpoint, **store.environment("LAKE_BUCKET", "GLUE_DATABASE")},
            data=True,
            memory_mebibytes=TWO_VCPU_MEBIBYTES,
            timeout_seconds=900,
        )
        measure_quality = Function(
            self,
            "MeasureQuality",
            shared=shared,
            statements=[
                store.list_lake("captures/", "monitoring/", "outcomes/"),
                store.read_lake("captures/", "evaluations/", "monitoring/", "outcomes/"),
                store.write_lake("monitoring/", "outcomes/"),
                describe_package,
                publish,
            ],
            environment={"ENDPOINT_NAME": endpoint, **store.environment("LAKE_BUCKET")},
            data=True,
            memory_mebibytes=TWO_VCPU_MEBIBYTES,
            timeout_seconds=900,
        )
        index_captures = Function(
            self,
            "IndexCaptures",
            shared=shared,
            statements=[
                store.list_lake("captures/", "features/sets/", "origins/"),
                store.read_lake("captures/", "features/sets/"),
                store.write_lake("origins/"),
            ],
            environment={"ENDPOINT_NAME": endpoint, **store.environment("LAKE_BUCKET")},
            data=True,
            memory_mebibytes=TWO_VCPU_MEBIBYTES,
            timeout_seconds=900,
        )
        report_window = Function(
            self,
            "ReportWindow",
            shared=shared,
            statements=[
                store.list_lake("evaluations/", "monitoring/", "training/"),
                store.read_lake("evaluations/", "monitoring/", "training/"),
                store.write_lake("monitoring/"),
                describe_package,
                allow("cloudwatch:DescribeAlarms", on=["*"]),  # has no resources
                allow("cloudwatch:DescribeAlarmHistory", on=[arn("cloudwatch", f"alarm:{config.prefix}-*")]),
            ],
            environment=store.environment("LAKE_BUCKET"),
            data=True,
            memory_mebibytes=ONE_VCPU_MEBIBYTES,
            timeout_seconds=300,
        )
        decide_retraining = Function(
            self,
            "DecideRetraining",
            shared=shared,
            statements=[
                store.list_lake("monitoring/"),
                store.read_lake("monitoring/"),
                store.write_lake("monitoring/"),
                store.state("GetItem", "PutItem", "UpdateItem"),
                store.ledger_by_time(),
                allow("states:StartExecution", on=[training.arn]),
                allow(
                    "states:DescribeExecution",
                    on=[arn("states", f"execution:{training.machine.state_machine_name}:*")],
                ),
            ],
            environment={
                "TRAINING_MACHINE": training.arn,
                **store.environment("LAKE_BUCKET", "LEDGER_TABLE", "STATE_TABLE"),
            },
        )
        measure_operations = Function(
            self,
            "MeasureOperations",
            shared=shared,
            statements=[
                allow("cloudwatch:GetMetricData", on=["*"]),  # has no resources
                publish,
                store.list_lake("features/sets/"),
                store.read_lake("features/sets/"),
                store.write_lake("monitoring/"),
                store.state("GetItem", "PutItem"),
                describe_package,
            ],
            environment={"ENDPOINT_NAME": endpoint, **store.environment("LAKE_BUCKET", "STATE_TABLE")},
        )
        measure_jobs = [arn("sagemaker", "processing-job/measure-*")]
        self.machine = Machine(
            self,
            "Monitoring",
            name="monitoring",
            shared=shared,
            functions=[
                plan_window,
                measure_skew,
                measure_quality,
                measure_operations,
                decide_retraining,
                index_captures,
                report_window,
            ],
            fills={
                "EndpointName": endpoint,
                "ImageUri": image_uri,
                "JobRole": job_role_arn,
                "LakeBucket": store.lake_bucket,
                "StateTable": store.state_table,
                "TrainingInstanceType": config.training.instance_type,
            },
            grants={
                "sagemaker:CreateProcessingJob": measure_jobs,
                "sagemaker:DescribeProcessingJob": measure_jobs,
                "sagemaker:StopProcessingJob": measure_jobs,
                "sagemaker:ListTags": measure_jobs,
                "iam:PassRole": [job_role_arn],
                "s3:GetObject": [f"{store.lake_arn}/monitoring/*"],
                "cloudwatch:PutMetricData": ["*"],  # has no resources; the namespace narrows it
                "dynamodb:PutItem": [store.state_arn],
                "events:PutEvents": [arn("events", "event-bus/default")],
            },
        )
        self.alarms: list[cloudwatch.Alarm] = look_alarms(self, endpoint=endpoint, config=config)
        start_on(
            self,
            "Schedule",
            machine=self.machine,
            schedule=config.monitoring.schedule,
            message=events.RuleTargetInput.from_object({}),
            undelivered=undelivered,
        )
