"""ValidateShard: one streamed pass over a shard: rules, profile, and its rows in the contract's types.

Invoked by  state ValidateShard of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, plan: messages.ShardPlan without shards, shard: messages.Shard}
Returns     messages.ShardReport
Raises      DropUnreadableError (no retry)
Needs       s3:GetObjectVersion on the drops; s3:PutObject on staging/ of the lake; PIPELINE_DIR, LAKE_BUCKET
"""

import os
import tempfile
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.arrow_types import arrow_schema
from tidegate.aws import objects
from tidegate.aws.objects import open_drop
from tidegate.aws.profiles import put_profile
from tidegate.checks import Checker
from tidegate.messages import Drop, Shard, ShardReport
from tidegate.plan import Plan
from tidegate.profile import ProfileBuilder
from tidegate.readers import read_batches

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")

_ROW_GROUP_ROWS = 1 << 18


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop, shard = Drop.from_json(event["drop"]), Shard.from_json(event["shard"])
    schema = arrow_schema(plan.contract.columns)
    checker, profile = Checker(plan.contract), ProfileBuilder(schema)
    batches = read_batches(
        open_drop(s3, drop),
        drop.key,
        drop.size_bytes,
        shard,
        plan.contract,
        maximum_bytes=plan.config.ingestion.max_mebibytes << 20,
    )
    rows_key = lake_keys.staged(drop, shard.index, "rows.parquet")
    with tempfile.TemporaryFile() as file:
        waiting: list[pa.RecordBatch] = []
        with pq.ParquetWriter(file, schema, compression="zstd") as writer:
            for batch in batches:
                checker.add(batch)
                profile.add(batch.rows)
                waiting.append(batch.rows)
                if sum(len(rows) for rows in waiting) >= _ROW_GROUP_ROWS:
                    writer.write_table(pa.Table.from_batches(waiting))
                    waiting = []
            writer.write_table(pa.Table.from_batches(waiting, schema))
        file.seek(0)
        s3.upload_fileobj(file, lake_bucket, rows_key)
    report = _leave(drop, shard, checker, profile, rows_key)
    metrics.add_metric("RowsValidated", MetricUnit.Count, report.rows)
    logger.info("validated a shard", extra={"key": drop.key, "shard": shard.index, "rows": report.rows})
    return report.to_json()


def _leave(drop: Drop, shard: Shard, checker: Checker, profile: ProfileBuilder, rows_key: str) -> ShardReport:
    """Write what JudgeDrop needs of the shard."""
    checks_key = lake_keys.staged(drop, shard.index, "checks.json")
    profile_key = lake_keys.staged(drop, shard.index, "profile.parquet")
    objects.put_json(s3, lake_bucket, checks_key, checker.finish().to_json())
    put_profile(s3, lake_bucket, profile_key, profile.finish())
    keys_key = None
    if checker.keys.rules:
        keys_key = lake_keys.staged(drop, shard.index, "keys.parquet")
        with tempfile.TemporaryFile() as file:
            checker.keys.write(file)
            file.seek(0)
            s3.upload_fileobj(file, lake_bucket, keys_key)
    return ShardReport(
        index=shard.index,
        rows=checker.rows,
        rows_key=rows_key,
        checks_key=checks_key,
        profile_key=profile_key,
        keys_key=keys_key,
    )
