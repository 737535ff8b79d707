"""PlanShards: decide how a drop is split among ValidateShard.

Invoked by  state PlanShards of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop}
Returns     messages.ShardPlan
Raises      DropUnreadableError (no retry)
Needs       s3:GetObjectVersion on the drops; PIPELINE_DIR
"""

import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.objects import open_drop
from tidegate.messages import Drop
from tidegate.plan import Plan
from tidegate.readers import plan_shards

logger = Logger()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
s3 = boto3.client("s3")


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop = Drop.from_json(event["drop"])
    planned = plan_shards(
        open_drop(s3, drop),
        drop.key,
        drop.size_bytes,
        shard_bytes=plan.config.ingestion.shard_mebibytes << 20,
    )
    logger.info("planned shards", extra={"key": drop.key, "shards": len(planned.shards)})
    return planned.to_json()
