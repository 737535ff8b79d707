"""Features: a recorded dataset version becomes feature rows, offline and online."""

from aws_cdk import Aws
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.events import start_on
from infra.constructs.function import ONE_VCPU_MEBIBYTES, TWO_VCPU_MEBIBYTES, Function, Shared
from infra.constructs.machine import Machine
from infra.store import allow, arn
from tidegate.settings.config import PipelineConfig

SPILL_MEBIBYTES = 8192  # of rows that do not fit the memory: 50 million of some 100 bytes, and their sorting


class Features(Construct):
    """Plan, compute in batches or in one job, record, retire what nobody needs."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        shared: Shared,
        config: PipelineConfig,
        image_uri: str,
        job_role_arn: str,
        ingestion_arn: str,
        undelivered: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id_)
        store = shared.store
        lake = store.environment("LAKE_BUCKET", "GLUE_DATABASE")
        functions = [
            Function(
                self,
                "PlanFeatures",
                shared=shared,
                statements=[
                    *store.read_tables(),
                    store.read_lake("features/sets/"),
                    store.list_lake("features/sets/"),
                    store.write_lake("features/"),
                    store.state("GetItem"),
                ],
                environment={**lake, **store.environment("STATE_TABLE")},
                data=True,
                memory_mebibytes=ONE_VCPU_MEBIBYTES,
                timeout_seconds=300,
            ),
            Function(
                self,
                "ComputeFeatures",
                shared=shared,
                statements=[
                    *store.read_tables(),
                    store.read_lake("features/runs/"),
                    store.write_lake("features/runs/"),
                ],
                environment=lake,
                data=True,
                memory_mebibytes=TWO_VCPU_MEBIBYTES,
                disk_mebibytes=SPILL_MEBIBYTES,
                timeout_seconds=900,
            ),
            Function(
                self,
                "RecordFeatures",
                shared=shared,
                statements=[
                    *store.create_tables(),
                    store.read_lake("features/runs/"),
                    store.online("PutItem", "BatchGetItem"),
                    store.state("GetItem", "PutItem"),
                ],
                environment={**lake, **store.environment("ONLINE_TABLE", "STATE_TABLE")},
                data=True,
                memory_mebibytes=TWO_VCPU_MEBIBYTES,
                timeout_seconds=900,
            ),
            Function(
                self,
                "RetireFeatures",
                shared=shared,
                statements=[
                    *store.change_tables(),
                    store.read_lake("features/sets/"),
                    store.state("GetItem", "Scan", "UpdateItem", "DeleteItem"),
                    allow("sagemaker:ListModelPackages", on=["*"]),  # has no resources
                    allow(
                        "sagemaker:DescribeModelPackage",
                        on=[arn("sagemaker", f"model-package/{config.prefix}/*")],
                    ),
                ],
                environment={**lake, **store.environment("STATE_TABLE"), "PREFIX": config.prefix},
                data=True,
                memory_mebibytes=ONE_VCPU_MEBIBYTES,
                timeout_seconds=900,
            ),
        ]
        jobs = [arn("sagemaker", "processing-job/features-*")]
        section = config.features
        self.machine = Machine(
            self,
            "Features",
            name="features",
            shared=shared,
            functions=functions,
            fills={
                "FeaturesRole": job_role_arn,
                "GlueDatabase": store.glue_database,
                "ImageUri": image_uri,
                "JobInstanceType": section.job_instance_type,
                "JobMaximumRuntimeSeconds": str(section.job_maximum_runtime_seconds),
                "JobVolumeGibibytes": str(section.job_volume_gibibytes),
                "LakeBucket": store.lake_bucket,
                "Region": Aws.REGION,
            },
            grants={
                "sagemaker:CreateProcessingJob": jobs,
                "sagemaker:DescribeProcessingJob": jobs,
                "sagemaker:StopProcessingJob": jobs,
                "sagemaker:ListTags": jobs,
                "iam:PassRole": [job_role_arn],
                "events:PutEvents": [arn("events", "event-bus/default")],
            },
        )
        start_on(
            self,
            "DatasetVersionRecorded",
            machine=self.machine,
            pattern=events.EventPattern(
                source=["tidegate.ingestion"],
                detail_type=["DatasetVersionRecorded"],
                resources=[ingestion_arn],  # other pipelines share the bus
            ),
            message=events.RuleTargetInput.from_event_path("$.detail"),
            undelivered=undelivered,
        )
