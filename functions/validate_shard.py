"""ValidateShard: one streamed pass over a shard: rules, profile, and its rows in the contract's types.

Invoked by  state ValidateShard of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, plan: messages.ShardPlan without shards, shard: messages.Shard}
Returns     messages.ShardReport
Raises      DropUnreadableError (no retry)
Needs       s3:GetObjectVersion on the drops; s3:GetObject and s3:PutObject on staging/ of the lake;
            PIPELINE_DIR, LAKE_BUCKET
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import boto3
import pyarrow as pa
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.aws.profiles import put_profile
from tidegate.checks import Checker
from tidegate.checks.bad_rows import bad_rows_schema
from tidegate.columns.arrow_types import arrow_schema
from tidegate.ingestion.row_file import RowFile
from tidegate.messages.ingestion import Drop, ObjectVersion, Shard, ShardPlan, ShardReport
from tidegate.plan import Plan
from tidegate.profile import ProfileBuilder
from tidegate.readers import read_batches

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")

schema = arrow_schema(plan.contract.columns)
has_keys = any(rule.kind == "unique" for rule in plan.contract.rules)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop, shard = Drop.from_json(event["drop"]), Shard.from_json(event["shard"])
    found = _object(drop, ShardPlan.from_json(event["plan"]), shard)
    checker, profile = Checker(plan.contract), ProfileBuilder(schema)
    with ExitStack() as files:
        rows_file, bad_file = (files.enter_context(tempfile.TemporaryFile()) for _ in range(2))
        with RowFile(rows_file, schema) as good, RowFile(bad_file, bad_rows_schema(schema)) as bad:
            for rows, bad_rows in _checked(found, shard, checker):
                profile.add(rows, checker.keys.text_hashes if bad_rows is None else {})
                good.add(rows)
                if bad_rows is not None:
                    bad.add(bad_rows)
                del rows, bad_rows  # nothing of a batch is held while the next is decoded
        _keep(drop, shard, "rows.parquet", rows_file)
        if bad.rows:
            _keep(drop, shard, "bad-rows.parquet", bad_file)
        if has_keys:
            keys_file = files.enter_context(tempfile.TemporaryFile())
            checker.keys.write(keys_file)
            _keep(drop, shard, "keys.parquet", keys_file)
    checks_key = lake_keys.staged(drop, shard.index, "checks.json")
    objects.put_json(s3, lake_bucket, checks_key, checker.finish().to_json())
    put_profile(s3, lake_bucket, lake_keys.staged(drop, shard.index, "profile.parquet"), profile.finish())
    report = ShardReport(index=shard.index, rows=checker.rows, bad_rows=bad.rows, object=shard.object)
    metrics.add_metric("RowsValidated", MetricUnit.Count, report.rows)
    logger.info("validated a shard", extra={"key": found.key, "shard": shard.index, "rows": report.rows})
    return report.to_json()


def _object(drop: Drop, planned: ShardPlan, shard: Shard) -> ObjectVersion:
    """What the shard is a part of: the drop itself, or one of the objects that its manifest names."""
    if planned.objects_key is None:
        return drop
    return ObjectVersion.from_json(objects.get_json(s3, lake_bucket, planned.objects_key)[shard.object])


def _checked(
    found: ObjectVersion, shard: Shard, checker: Checker
) -> Iterator[tuple[pa.RecordBatch, pa.RecordBatch | None]]:
    """The rows of each batch; apart from them the bad ones, where the contract sets these aside."""
    batches = read_batches(
        objects.open_version(s3, found),
        found.key,
        found.size_bytes,
        shard,
        plan.contract,
        maximum_bytes=plan.config.ingestion.max_mebibytes << 20,
    )
    for batch in batches:
        rows_before = checker.rows
        aside = checker.add(batch)
        yield aside.split(batch.rows, rows_before) if aside is not None else (batch.rows, None)
        del batch, aside


def _keep(drop: Drop, shard: Shard, what: str, file: IO[bytes]) -> None:
    objects.put_file(s3, lake_bucket, lake_keys.staged(drop, shard.index, what), file)
