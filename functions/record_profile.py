"""RecordProfile: make the profile of a drop a part of the profiles table, so that history can be queried.

Invoked by  state RecordProfile of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, verdict: messages.Verdict}
Returns     {table, partition}
Raises      nothing on purpose
Needs       s3:GetObject and s3:ListBucket on profiles/ of the lake; glue:GetTable, glue:CreateTable,
            glue:UpdateTable and glue:BatchCreatePartition on the database and its tables;
            LAKE_BUCKET, GLUE_DATABASE
"""

import os
from typing import TYPE_CHECKING, Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws.objects import get_bytes
from tidegate.errors import TidegateError
from tidegate.messages.ingestion import Drop, Verdict

if TYPE_CHECKING:
    from mypy_boto3_glue.type_defs import PartitionInputTypeDef

logger = Logger()
s3 = boto3.client("s3")
glue = boto3.client("glue")
lake_bucket = os.environ["LAKE_BUCKET"]
database = os.environ["GLUE_DATABASE"]

TABLE = "profiles"
_PARTITIONS = dict.fromkeys(lake_keys.PARTITION_KEYS, "string")
_PARAMETERS = {"classification": "parquet", "compressionType": "zstd", "typeOfData": "file"}
_TAKEN = "AlreadyExistsException"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop, verdict = Drop.from_json(event["drop"]), Verdict.from_json(event["verdict"])
    partition = f"s3://{lake_bucket}/{lake_keys.profile_partition(drop)}"
    _add_partition(partition, list(lake_keys.profile_partition_values(drop)), _storage(verdict.profile_key))
    logger.info("recorded a profile", extra={"drop_id": drop.drop_id, "partition": partition})
    return {"table": f"{database}.{TABLE}", "partition": partition}


def _add_partition(location: str, values: list[str], storage: dict[str, Any]) -> None:
    """A day of a dataset; one that is there stays as it is."""
    described: Any = {**storage, "Location": location}
    partition: PartitionInputTypeDef = {
        "Values": values,
        "StorageDescriptor": described,
        "Parameters": _PARAMETERS,
    }
    added = glue.batch_create_partition(
        DatabaseName=database, TableName=TABLE, PartitionInputList=[partition]
    )
    for each in added.get("Errors", []):
        error = each["ErrorDetail"]
        if error["ErrorCode"] != _TAKEN:
            raise TidegateError(
                f"partition {values} of `{TABLE}` was not added", cause=error.get("ErrorMessage", "")
            )


def _storage(profile_key: str) -> dict[str, Any]:
    """How files of the table lie in the lake; the table is made where it is missing or lacks a column."""
    file = pa.BufferReader(get_bytes(s3, lake_bucket, profile_key))
    storage = _known()
    known = {column["Name"]: column["Type"] for column in (storage or {}).get("Columns", [])}
    if storage is None or not known.keys() >= set(pq.read_schema(file).names):
        _make_table(profile_key, known)
        storage = _known()
    return storage or {}


def _known() -> dict[str, Any] | None:
    try:
        found = glue.get_table(DatabaseName=database, Name=TABLE)
    except glue.exceptions.EntityNotFoundException:
        return None
    return dict(found["Table"]["StorageDescriptor"])


def _make_table(profile_key: str, known: dict[str, str]) -> None:
    """With at least the columns of that file: those that a newer profile adds are null in older files."""
    import awswrangler as wr  # two seconds of CPU, for what happens once in a release

    columns, _ = wr.s3.read_parquet_metadata(path=f"s3://{lake_bucket}/{profile_key}")
    wr.catalog.create_parquet_table(
        database=database,
        table=TABLE,
        path=f"s3://{lake_bucket}/{lake_keys.PROFILES}",
        columns_types={**known, **columns},
        partitions_types=_PARTITIONS,
        compression="zstd",
        description="One row for each column of each drop: what was in it",
        mode="overwrite",
    )
