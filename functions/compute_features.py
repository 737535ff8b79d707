"""ComputeFeatures: windowed aggregates of the entities of one batch.

Invoked by  state ComputeFeatures of step_functions/features.asl.json
Takes       {"plan": messages.FeaturePlan, "batch": messages.FeatureBatch}
Returns     messages.FeatureRows
Raises      AmbiguousFeatureError, ViewSqlError (the run fails)
Needs       glue:GetTable on the database and its tables; s3:GetObject on the lake's warehouse/ and
            features/runs/; s3:PutObject on the lake's features/runs/; LAKE_BUCKET, GLUE_DATABASE
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.catalog import Catalog
from tidegate.aws.feature_batches import compute_batch
from tidegate.messages.features import FeatureBatch, FeaturePlan

logger = Logger()
catalog = Catalog(
    boto3.client("s3"), lake_bucket=os.environ["LAKE_BUCKET"], database=os.environ["GLUE_DATABASE"]
)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan = FeaturePlan.from_json(event["plan"])
    batch = FeatureBatch.from_json(event["batch"])
    rows = compute_batch(catalog, plan.run, batch, memory_mebibytes=int(context.memory_limit_in_mb))
    logger.info("computed features", extra={"run": plan.run} | rows.to_json())
    return rows.to_json()
