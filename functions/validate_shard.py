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
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.arrow_types import arrow_schema
from tidegate.aws import objects
from tidegate.aws.profiles import put_profile
from tidegate.checks import Checker, bad_rows_schema
from tidegate.messages import Drop, ObjectVersion, Shard, ShardPlan, ShardReport
from tidegate.plan import Plan
from tidegate.profile import ProfileBuilder
from tidegate.readers import read_batches
from tidegate.row_file import RowFile

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
            _stream(found, shard, checker, profile, good, bad)
        _upload(rows_file, lake_keys.staged(drop, shard.index, "rows.parquet"))
        if bad.rows:
            _upload(bad_file, lake_keys.staged(drop, shard.index, "bad-rows.parquet"))
        if has_keys:
            keys_file = files.enter_context(tempfile.TemporaryFile())
            checker.keys.write(keys_file)
            _upload(keys_file, lake_keys.staged(drop, shard.index, "keys.parquet"))
    checks_key = lake_keys.staged(drop, shard.index, "checks.json")
    objects.put_json(s3, lake_bucket, checks_key, checker.finish().to_json())
    put_profile(s3, lake_bucket, lake_keys.staged(drop, shard.index, "profile.parquet"), profile.finish())
    report = ShardReport(
        index=shard.index, rows=checker.rows, bad_rows=bad.rows, object=shard.object
    )
    metrics.add_metric("RowsValidated", MetricUnit.Count, report.rows)
    logger.info("validated a shard", extra={"key": found.key, "shard": shard.index, "rows": report.rows})
    return report.to_json()


def _object(drop: Drop, planned: ShardPlan, shard: Shard) -> ObjectVersion:
    """What the shard is a part of: the drop itself, or one of the objects that its manifest names."""
    if planned.objects_key is None:
        return drop
    return ObjectVersion.from_json(objects.get_json(s3, lake_bucket, planned.objects_key)[shard.object])


def _stream(
    found: ObjectVersion, shard: Shard, checker: Checker, profile: ProfileBuilder, good: RowFile, bad: RowFile
) -> None:
    """Check every batch; profile and keep its good rows, keep the bad ones apart where the contract asks."""
    batches = read_batches(
        objects.open_version(s3, found),
        found.key,
        found.size_bytes,
        shard,
        plan.contract,
        maximum_bytes=plan.config.ingestion.max_mebibytes << 20,
    )
    for batch in batches:
        rows, rows_before = batch.rows, checker.rows
        if (aside := checker.add(batch)) is not None:
            rows, bad_rows = aside.split(rows, rows_before)
            bad.add(bad_rows)
        profile.add(rows)
        good.add(rows)


def _upload(file: IO[bytes], key: str) -> None:
    file.seek(0)
    s3.upload_fileobj(file, lake_bucket, key)
