"""What the pipeline keeps, as others see it: names for environments, exact IAM statements for roles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import Aws
from aws_cdk import aws_iam as iam

LEDGER_INDEX = "by-time"
# an object's metadata is read with the permission to read it: HeadObject has no action of its own


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
    signing_key_arn: str | None  # of the key that signs artefacts, when they are signed
    mlflow_app_arn: str | None = None  # of the pipeline's own, when there is one

    def environment(self, *variables: str) -> dict[str, str]:
        """These of the environment variables that name something kept."""
        named = {
            "DROPS_BUCKET": self.drops_bucket,
            "LAKE_BUCKET": self.lake_bucket,
            "LEDGER_TABLE": self.ledger_table,
            "ONLINE_TABLE": self.online_table,
            "STATE_TABLE": self.state_table,
            "GLUE_DATABASE": self.glue_database,
            "SIGNING_KEY_ARN": self.signing_key_arn or "",
        }
        return {variable: named[variable] for variable in variables}

    def read_drops(self, *, newest: bool = False) -> iam.PolicyStatement:
        """A version of an object; with `newest` also whatever is under a key now."""
        actions = ("s3:GetObjectVersion", *(("s3:GetObject",) if newest else ()))
        return allow(*actions, on=[f"{self.drops_arn}/drops/*"])

    def read_lake(self, *prefixes: str) -> iam.PolicyStatement:
        return allow("s3:GetObject", on=self._objects(prefixes))

    def write_lake(self, *prefixes: str) -> iam.PolicyStatement:
        return allow("s3:PutObject", on=self._objects(prefixes))

    def list_lake(self, *prefixes: str) -> iam.PolicyStatement:
        # a HEAD of a missing object has no prefix; without this permission it is 403 instead of 404
        below = {"StringLikeIfExists": {"s3:prefix": [f"{prefix}*" for prefix in prefixes]}}
        return allow("s3:ListBucket", on=[self.lake_arn], when=below)

    def read_tables(self) -> list[iam.PolicyStatement]:
        """Iceberg tables on the Glue catalog, data and metadata."""
        return [self._tables("glue:GetTable"), self.read_lake("warehouse/")]

    def change_tables(self) -> list[iam.PolicyStatement]:
        """Tag or append to tables that are there.

        On each commit pyiceberg asks for the database's location, and whether a metadata file exists already;
        it deletes metadata that is superseded or of a commit that others won. Data it never deletes.
        """
        return [
            allow("glue:GetDatabase", on=self._glue_arns("catalog", "database")),
            self._tables("glue:GetTable", "glue:UpdateTable"),
            self.read_lake("warehouse/"),
            self.write_lake("warehouse/"),
            self.list_lake("warehouse/"),
            allow("s3:DeleteObject", on=self._objects(["warehouse/*/metadata/"])),
        ]

    def create_tables(self) -> list[iam.PolicyStatement]:
        """The same, and the first write of a table."""
        return [self._tables("glue:CreateTable"), *self.change_tables()]

    def index_profiles(self) -> iam.PolicyStatement:
        """Make and widen the table of profiles, and add its partitions."""
        return self._tables(
            "glue:GetTable", "glue:CreateTable", "glue:UpdateTable", "glue:BatchCreatePartition"
        )

    def ledger(self, *actions: str) -> iam.PolicyStatement:
        return allow(*_dynamodb(actions), on=[self.ledger_arn])

    def ledger_by_time(self) -> iam.PolicyStatement:
        return allow("dynamodb:Query", on=[f"{self.ledger_arn}/index/{LEDGER_INDEX}"])

    def online(self, *actions: str) -> iam.PolicyStatement:
        return allow(*_dynamodb(actions), on=[self.online_arn])

    def state(self, *actions: str) -> iam.PolicyStatement:
        return allow(*_dynamodb(actions), on=[self.state_arn])

    def use_key(self) -> list[iam.PolicyStatement]:
        """What reading and writing anything kept under a customer's key needs besides."""
        if self.key_arn is None:
            return []
        return [allow("kms:Decrypt", "kms:GenerateDataKey", on=[self.key_arn])]

    def signing_key(self, action: str) -> list[iam.PolicyStatement]:
        """One of kms:Sign and kms:Verify; nothing where artefacts are not signed."""
        return [allow(action, on=[self.signing_key_arn])] if self.signing_key_arn else []

    def _objects(self, prefixes: Sequence[str]) -> list[str]:
        return [f"{self.lake_arn}/{prefix}*" for prefix in prefixes]

    def _tables(self, *actions: str) -> iam.PolicyStatement:
        """A table is reached through its database, and that through the catalog: each is checked."""
        return allow(*actions, on=self._glue_arns("catalog", "database", "table"))

    def _glue_arns(self, *kinds: str) -> list[str]:
        resources = {
            "catalog": "catalog",
            "database": f"database/{self.glue_database}",
            "table": f"table/{self.glue_database}/*",
        }
        return [arn("glue", resources[kind]) for kind in kinds]


def _dynamodb(actions: Sequence[str]) -> list[str]:
    return [f"dynamodb:{action}" for action in actions]
