"""The roles that SageMaker assumes: for jobs, for those that compute features, and for serving."""

from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.store import Store, allow, arn

READ_IMAGE = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
WRITE_LOG = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams")
JOB_READS = ("training/", "models/", "checkpoints/", "evaluations/", "captures/", "monitoring/")
JOB_METRICS = ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs")


class SageMakerRoles(Construct):
    """`job` trains, evaluates and measures, `features` computes, `serving` answers and captures."""

    def __init__(
        self, scope: Construct, id_: str, *, store: Store, image: ecr_assets.DockerImageAsset
    ) -> None:
        super().__init__(scope, id_)
        self.job = self._role(
            "Job",
            image,
            [
                store.read_lake(*JOB_READS),
                store.write_lake("models/", "checkpoints/", "evaluations/", "monitoring/"),
                store.list_lake(*JOB_READS),
                allow(
                    "cloudwatch:PutMetricData",
                    on=["*"],  # has no resources; the namespace narrows it
                    when={"StringEquals": {"cloudwatch:namespace": list(JOB_METRICS)}},
                ),
                *store.signing_key("kms:Sign"),
                *store.use_key(),
            ],
        )
        self.features = self._role(
            "Features",
            image,
            [
                *store.read_tables(),
                store.read_lake("features/runs/"),
                store.write_lake("features/runs/"),
                *store.use_key(),
            ],
        )
        self.serving = self._role(
            "Serving",
            image,
            [
                store.read_lake("models/"),
                store.write_lake("captures/"),
                store.list_lake("models/"),
                # SageMaker looks at them as this role while it replaces a fleet; the action has no resources
                allow("cloudwatch:DescribeAlarms", on=["*"]),
                *store.use_key(),
            ],
        )

    def _role(
        self, id_: str, image: ecr_assets.DockerImageAsset, statements: list[iam.PolicyStatement]
    ) -> iam.Role:
        role = iam.Role(self, id_, assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        for statement in (
            *statements,
            allow(*WRITE_LOG, on=[arn("logs", "log-group:/aws/sagemaker/*")]),
            allow(*READ_IMAGE, on=[image.repository.repository_arn]),
            allow("ecr:GetAuthorizationToken", on=["*"]),  # has no resources
        ):
            role.add_to_policy(statement)
        return role
