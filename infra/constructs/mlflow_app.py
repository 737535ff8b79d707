"""The MLflow App that keeps a pipeline's training runs, and the role by which it reaches their files."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.store import allow
from tidegate.settings.config import PipelineConfig

FILES = "mlflow/"  # prefix of the lake


class MlflowApp(Construct):
    """Serverless: AWS runs the server, the lake keeps the files of runs."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        config: PipelineConfig,
        lake: s3.Bucket,
        key: kms.Key | None,
        removal: RemovalPolicy,
    ) -> None:
        super().__init__(scope, id_)
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("sagemaker.amazonaws.com"))
        objects = [f"{lake.bucket_arn}/{FILES}*"]
        below = {"StringLike": {"s3:prefix": [f"{FILES}*"]}}
        for statement in (
            allow("s3:GetObject", "s3:PutObject", "s3:DeleteObject", on=objects),
            allow("s3:ListBucket", on=[lake.bucket_arn], when=below),
            *([allow("kms:Decrypt", "kms:GenerateDataKey", on=[key.key_arn])] if key else []),
        ):
            role.add_to_policy(statement)
        app = sagemaker.CfnMlflowApp(
            self,
            "App",
            name=config.prefix,
            artifact_store_uri=f"s3://{lake.bucket_name}/{FILES.rstrip('/')}",
            role_arn=role.role_arn,
            # the registry of record is the model package group; a second one would be another truth
            model_registration_mode="AutoModelRegistrationDisabled",
        )
        app.node.add_dependency(role)  # its policy, too: the App is refused when it cannot reach its store
        app.apply_removal_policy(removal)
        self.arn = app.attr_arn
