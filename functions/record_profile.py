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
from typing import Any

import awswrangler as wr
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.messages.ingestion import Drop, Verdict

logger = Logger()
lake_bucket = os.environ["LAKE_BUCKET"]
database = os.environ["GLUE_DATABASE"]

TABLE = "profiles"
_PARTITIONS = dict.fromkeys(lake_keys.PARTITION_KEYS, "string")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop, verdict = Drop.from_json(event["drop"]), Verdict.from_json(event["verdict"])
    columns, _ = wr.s3.read_parquet_metadata(path=f"s3://{lake_bucket}/{verdict.profile_key}")
    _ensure_table(columns)
    partition = f"s3://{lake_bucket}/{lake_keys.profile_partition(drop)}"
    wr.catalog.add_parquet_partitions(
        database=database,
        table=TABLE,
        partitions_values={partition: list(lake_keys.profile_partition_values(drop))},
        compression="zstd",
        columns_types=columns,
    )
    logger.info("recorded a profile", extra={"drop_id": drop.drop_id, "partition": partition})
    return {"table": f"{database}.{TABLE}", "partition": partition}


def _ensure_table(columns: dict[str, str]) -> None:
    """The table with at least `columns`: those that a newer profile adds are null in older files."""
    known = wr.catalog.get_table_types(database=database, table=TABLE)
    if known is not None and columns.keys() <= known.keys():
        return
    wr.catalog.create_parquet_table(
        database=database,
        table=TABLE,
        path=f"s3://{lake_bucket}/{lake_keys.PROFILES}",
        columns_types={**{n: t for n, t in (known or {}).items() if n not in _PARTITIONS}, **columns},
        partitions_types=_PARTITIONS,
        compression="zstd",
        description="One row for each column of each drop: what was in it",
        mode="overwrite",
    )
