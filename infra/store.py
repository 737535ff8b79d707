"""What the pipeline keeps, as others see it: names for environments, exact IAM statements for roles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

# an object's metadata is read with the permission to read it: HeadObject has no action of its own
READ_TABLES = ("glue:GetDatabase", "glue:GetTable")
WRITE_TABLES = (*READ_TABLES, "glue:CreateTable", "glue:UpdateTable")


def allow(
    *actions: str, on: Sequence[str], when: Mapping[str, Mapping[str, Any]] | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=list(actions), resources=list(on), conditions=when)


def arn(service: str, resource: str) -> str:
    """Of a resource in the account and region of the stack."""
    return f"arn:{Aws.PARTITION}:{service}:{Aws.REGION}:{Aws.ACCOUNT_ID}:{resource}"


@dataclass(frozen=True, kw_only=True)
class Store:
    """Buckets, tables and the catalog of one pipeline."""

    prefix: str
    drops_bucket: str
    drops_arn: str
    lake_bucket: str
    lake_arn: str
    ledger_table: str
    ledger_arn: str
    online_table: str
    online_arn: str
    state_table: str
    state_arn: str
    glue_database: str
    key_arn: str | None  # of the customer's key, when there is one

    @property
    def environment(self) -> dict[str, str]:
        """Every environment variable that names something kept."""
        return {
            "DROPS_BUCKET": self.drops_bucket,
            "LAKE_BUCKET": self.lake_bucket,
            "LEDGER_TABLE": self.ledger_table,
            "ONLINE_TABLE": self.online_table,
            "STATE_TABLE": self.state_table,
            "GLUE_DATABASE": self.glue_database,
        }

    def read_drops(self) -> iam.PolicyStatement:
        return allow("s3:GetObjectVersion", on=[f"{self.drops_arn}/drops/*"])

    def read_lake(self, *prefixes: str) -> iam.PolicyStatement:
        return allow("s3:GetObject", on=self._objects(prefixes))

    def write_lake(self, *prefixes: str) -> iam.PolicyStatement:
        return allow("s3:PutObject", on=self._objects(prefixes))

    def list_lake(self, *prefixes: str) -> iam.PolicyStatement:
        below = {"StringLike": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
        return allow("s3:ListBucket", on=[self.lake_arn], when=below)

    def read_tables(self) -> list[iam.PolicyStatement]:
        """Iceberg tables on the Glue catalog, data and metadata."""
        return [self._catalog(*READ_TABLES), self.read_lake("warehouse/")]

    def write_tables(self) -> list[iam.PolicyStatement]:
        return [self._catalog(*WRITE_TABLES), self.read_lake("warehouse/"), self.write_lake("warehouse/")]

    def ledger(self, *actions: str) -> iam.PolicyStatement:
        return allow(*_dynamodb(actions), on=[self.ledger_arn])

    def online(self, *actions: str) -> iam.PolicyStatement:
        return allow(*_dynamodb(actions), on=[self.online_arn])

    def state(self, *actions: str) -> iam.PolicyStatement:
        return allow(*_dynamodb(actions), on=[self.state_arn])

    def use_key(self) -> list[iam.PolicyStatement]:
        """What reading and writing anything kept under a customer's key needs besides."""
        if self.key_arn is None:
            return []
        return [allow("kms:Decrypt", "kms:GenerateDataKey", on=[self.key_arn])]

    def _objects(self, prefixes: Sequence[str]) -> list[str]:
        return [f"{self.lake_arn}/{prefix}*" for prefix in prefixes]

    def _catalog(self, *actions: str) -> iam.PolicyStatement:
        resources = ("catalog", f"database/{self.glue_database}", f"table/{self.glue_database}/*")
        return allow(*actions, on=[arn("glue", resource) for resource in resources])


def _dynamodb(actions: Sequence[str]) -> list[str]:
    return [f"dynamodb:{action}" for action in actions]
