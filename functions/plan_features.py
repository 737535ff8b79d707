"""PlanFeatures: which ticks of which entities a new dataset version asks for.

Invoked by  state PlanFeatures of step_functions/features.asl.json
Takes       messages.DatasetVersion
Returns     messages.FeaturePlan
Raises      nothing on purpose
Needs       glue:GetTable on the database and its tables; s3:GetObject on the lake's warehouse/;
            PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE
"""

import os
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.catalog import Catalog
from tidegate.feature_plan import SHORT_HASH
from tidegate.messages import DatasetVersion, FeaturePartition, FeaturePlan
from tidegate.plan import Plan

logger = Logger()
catalog = Catalog(
    boto3.client("s3"), lake_bucket=os.environ["LAKE_BUCKET"], database=os.environ["GLUE_DATABASE"]
)
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    version = DatasetVersion.from_json(event)
    partitions = plan.config.features.partitions
    planned = FeaturePlan(
        # the same version and definitions give the same run, so a repeated event computes nothing new
        run=f"{version.version[:SHORT_HASH]}-{plan.features.hash[:SHORT_HASH]}",
        dataset=version.dataset,
        snapshot_id=version.snapshot_id,
        revision=catalog.resolve(version.dataset, snapshot_id=version.snapshot_id).sequence,
        feature_hash=plan.features.hash,
        start=version.first_event,
        stop=version.last_event,
        partitions=tuple(FeaturePartition(index=i, of=partitions) for i in range(partitions)),
    )
    logger.info("planned features", extra={"run": planned.run, "start": planned.start, "stop": planned.stop})
    return planned.to_json()
