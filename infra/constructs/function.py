"""A Lambda function of the pipeline: its code, a role of its own with exact statements, its log."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from aws_cdk import Duration, RemovalPolicy, Size
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.packaging import PIPELINE_DIR
from infra.store import Store, allow
from tidegate.settings.config import PipelineConfig

METRICS_NAMESPACE = "Tidegate"
# Lambda gives CPU with memory
ONE_VCPU_MEBIBYTES = 1769
TWO_VCPU_MEBIBYTES = 3008  # the most that a new account may have
NUMERIC = {
    # one thread each: the cores belong to as many functions as run at once
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    # glibc keeps the pages of arrays that come and go with every batch: a tenth less CPU
    "MALLOC_MMAP_THRESHOLD_": str(64 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
    # one heap for Arrow and numpy falls to pieces: it grew by a fifth over a drop of 20 million rows
    "ARROW_DEFAULT_MEMORY_POOL": "jemalloc",
    "JE_ARROW_MALLOC_CONF": "dirty_decay_ms:-1",  # pages that are free are for the next batch
}


@dataclass(frozen=True, kw_only=True)
class Shared:
    """What all functions of one stack have in common."""

    store: Store
    code: lambda_.Code  # of control functions
    image: ecr_assets.DockerImageAsset | None  # of data functions, where the stack has any
    retention: logs.RetentionDays
    removal: RemovalPolicy  # of logs; what is kept has its own

    @classmethod
    def of(
        cls,
        config: PipelineConfig,
        *,
        store: Store,
        code: lambda_.Code,
        image: ecr_assets.DockerImageAsset | None = None,
    ) -> Self:
        kept = config.retain_data
        return cls(
            store=store,
            code=code,
            image=image,
            retention=logs.RetentionDays.SIX_MONTHS if kept else logs.RetentionDays.ONE_WEEK,
            removal=RemovalPolicy.RETAIN if kept else RemovalPolicy.DESTROY,
        )


class Function(Construct):
    """The function of one step: `PlanShards` runs `functions.plan_shards.handler`.

    `data` functions run from the image (numpy, pyarrow, DuckDB), control functions from the zip, or from
    `code`, where one has a zip of its own.
    """

    def __init__(
        self,
        scope: Construct,
        step: str,
        *,
        shared: Shared,
        statements: Sequence[iam.PolicyStatement],
        environment: Mapping[str, str],
        data: bool = False,
        code: lambda_.Code | None = None,
        memory_mebibytes: int = 512,
        disk_mebibytes: int = 512,
        timeout_seconds: int = 60,
    ) -> None:
        super().__init__(scope, step)
        log = logs.LogGroup(self, "Log", retention=shared.retention, removal_policy=shared.removal)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        write_log = allow("logs:CreateLogStream", "logs:PutLogEvents", on=[log.log_group_arn])
        for statement in (write_log, *statements, *shared.store.use_key()):
            self.role.add_to_policy(statement)
        handler = f"functions.{snake_case(step)}.handler"
        common = {
            "PIPELINE_DIR": PIPELINE_DIR,
            "POWERTOOLS_SERVICE_NAME": shared.store.prefix,
            "POWERTOOLS_METRICS_NAMESPACE": METRICS_NAMESPACE,
        }
        self.function = lambda_.Function(
            self,
            "Function",
            description=f"{step} of {shared.store.prefix}",
            runtime=lambda_.Runtime.FROM_IMAGE if data else lambda_.Runtime.PYTHON_3_13,
            handler=lambda_.Handler.FROM_IMAGE if data else handler,
            code=_image_code(shared, handler) if data else (code or shared.code),
            architecture=lambda_.Architecture.X86_64 if data else lambda_.Architecture.ARM_64,
            role=self.role,
            environment={**common, **(NUMERIC if data else {}), **environment},
            memory_size=memory_mebibytes,
            ephemeral_storage_size=Size.mebibytes(disk_mebibytes),
            timeout=Duration.seconds(timeout_seconds),
            log_group=log,
            logging_format=lambda_.LoggingFormat.JSON,
        )

    @property
    def arn(self) -> str:
        return self.function.function_arn


def snake_case(step: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", step).lower()


def _image_code(shared: Shared, handler: str) -> lambda_.Code:
    if shared.image is None:
        raise ValueError(f"{handler} runs from the image, and this stack has none")
    return lambda_.Code.from_ecr_image(
        shared.image.repository, tag_or_digest=shared.image.image_tag, cmd=[handler]
    )
