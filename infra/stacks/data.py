"""What is kept: drops and the lake, the ledger and the other tables, the catalog, the model package group."""

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sagemaker as sagemaker
from constructs import Construct

from infra.constructs.mlflow_app import MlflowApp
from infra.store import LEDGER_INDEX, Store
from tidegate.settings.config import PipelineConfig

# what a run left behind and nobody reads again, by prefix of the lake
EXPIRE_AFTER_DAYS = {
    "staging/": 7,
    "features/runs/": 7,
    "checkpoints/": 7,
    "captures/": 90,
    "origins/captures/": 90,  # an index lives as long as what it leads to
}
SUPERSEDED_AFTER_DAYS = 30  # older versions of an object of the lake; Iceberg never overwrites its own


class DataStack(Stack):
    """The stateful part. A logical id here never changes: another id is another, empty resource."""

    def __init__(self, scope: Construct, id_: str, *, config: PipelineConfig, stack_name: str) -> None:
        super().__init__(
            scope,
            id_,
            stack_name=stack_name,
            description=f"{config.prefix}: what is kept",
            termination_protection=config.retain_data,
        )
        self.config = config
        self.removal = RemovalPolicy.RETAIN if config.retain_data else RemovalPolicy.DESTROY
        self.key = self._key() if config.customer_key else None
        self.drops = self._bucket("Drops")
        self.lake = self._bucket("Lake")
        self._expire(self.lake)
        self.ledger = self._table("Ledger", "drop_id")
        self.ledger.add_global_secondary_index(
            index_name=LEDGER_INDEX,
            partition_key=_text_attribute("dataset"),
            sort_key=_text_attribute("received_at"),
        )
        self.online = self._table("Online", "entity", sort_key="view", expires="exp")
        self.state = self._table("State", "id")
        self.database = self._database()
        self._package_group()
        self.signing_key = self._signing_key() if config.training.sign else None
        self.mlflow = self._mlflow()
        self.store = self._store()
        self._outputs()

    def _key(self) -> kms.Key:
        key = kms.Key(
            self,
            "Key",
            description=f"{self.config.prefix}: data at rest",
            enable_key_rotation=True,
            removal_policy=self.removal,
        )
        key.add_to_resource_policy(
            iam.PolicyStatement(  # they put messages into encrypted queues and topics of this account
                principals=[
                    iam.ServicePrincipal("events.amazonaws.com"),
                    iam.ServicePrincipal("cloudwatch.amazonaws.com"),
                ],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],  # in a key's policy: this key
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        return key

    def _bucket(self, id_: str) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            id_,
            versioned=True,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.KMS if self.key else s3.BucketEncryption.S3_MANAGED,
            encryption_key=self.key,
            bucket_key_enabled=True if self.key else None,
            removal_policy=self.removal,
        )
        bucket.add_lifecycle_rule(
            id="unfinished-uploads", abort_incomplete_multipart_upload_after=Duration.days(7)
        )
        return bucket

    def _expire(self, lake: s3.Bucket) -> None:
        for prefix, days in EXPIRE_AFTER_DAYS.items():
            lake.add_lifecycle_rule(
                id=prefix.rstrip("/").replace("/", "-"), prefix=prefix, expiration=Duration.days(days)
            )
        lake.add_lifecycle_rule(
            id="superseded", noncurrent_version_expiration=Duration.days(SUPERSEDED_AFTER_DAYS)
        )

    def _table(
        self, id_: str, key: str, *, sort_key: str | None = None, expires: str | None = None
    ) -> dynamodb.Table:
        return dynamodb.Table(
            self,
            id_,
            partition_key=_text_attribute(key),
            sort_key=_text_attribute(sort_key) if sort_key else None,
            time_to_live_attribute=expires,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED if self.key else None,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            )
            if self.config.retain_data
            else None,
            removal_policy=self.removal,
        )

    def _database(self) -> glue.CfnDatabase:
        database = glue.CfnDatabase(
            self,
            "Catalog",
            catalog_id=Aws.ACCOUNT_ID,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self.config.prefix.replace("-", "_"),
                description=f"Iceberg tables of {self.config.prefix}",
                location_uri=f"s3://{self.lake.bucket_name}/warehouse",
            ),
        )
        database.apply_removal_policy(self.removal)
        return database

    def _package_group(self) -> None:
        group = sagemaker.CfnModelPackageGroup(
            self,
            "Packages",
            model_package_group_name=self.config.prefix,
            model_package_group_description=f"Candidates and champions of {self.config.prefix}",
        )
        group.apply_removal_policy(self.removal)

    def _signing_key(self) -> kms.Key:
        """Signs the manifests of artefacts; kept like the data: no older model is rolled out without it."""
        return kms.Key(
            self,
            "SigningKey",
            alias=f"{self.config.prefix}-models",
            description=f"{self.config.prefix}: signs model artefacts",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=self.removal,
        )

    def _mlflow(self) -> MlflowApp | None:
        tracking = self.config.tracking
        if not tracking.enabled or tracking.uri:
            return None
        return MlflowApp(
            self, "Mlflow", config=self.config, lake=self.lake, key=self.key, removal=self.removal
        )

    def _store(self) -> Store:
        # the drops' events go to EventBridge by a property of the bucket; CDK's own switch adds a function
        bucket = self.drops.node.default_child
        bucket.add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", True
        )
        return Store(
            prefix=self.config.prefix,
            drops_bucket=self.drops.bucket_name,
            drops_arn=self.drops.bucket_arn,
            lake_bucket=self.lake.bucket_name,
            lake_arn=self.lake.bucket_arn,
            ledger_table=self.ledger.table_name,
            ledger_arn=self.ledger.table_arn,
            online_table=self.online.table_name,
            online_arn=self.online.table_arn,
            state_table=self.state.table_name,
            state_arn=self.state.table_arn,
            glue_database=self.config.prefix.replace("-", "_"),
            key_arn=self.key.key_arn if self.key else None,
            signing_key_arn=self.signing_key.key_arn if self.signing_key else None,
            mlflow_app_arn=self.mlflow.arn if self.mlflow else None,
        )

    def _outputs(self) -> None:
        outputs = {
            "DropsBucket": self.drops.bucket_name,
            "LakeBucket": self.lake.bucket_name,
            "LedgerTable": self.ledger.table_name,
            "OnlineTable": self.online.table_name,
            "StateTable": self.state.table_name,
            "GlueDatabase": self.store.glue_database,
            "ModelPackageGroup": self.config.prefix,
        }
        if self.mlflow:
            outputs["MlflowApp"] = self.mlflow.arn
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)


def _text_attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
