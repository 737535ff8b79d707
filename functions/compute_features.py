"""ComputeFeatures: windowed aggregates of the entities of one partition.

Invoked by  state ComputeFeatures of step_functions/features.asl.json
Takes       {"plan": messages.FeaturePlan, "partition": messages.FeaturePartition}
Returns     messages.FeatureRows
Raises      nothing on purpose
Needs       glue:GetTable on the database and its tables; s3:GetObject on the lake's warehouse/;
            s3:PutObject on the lake's features/; PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE
"""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aggregates import compute
from tidegate.aws.catalog import Catalog
from tidegate.aws.profiles import put_table
from tidegate.messages import FeaturePartition, FeaturePlan, FeatureRows
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
features = Plan.load(Path(os.environ["PIPELINE_DIR"])).features


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan = FeaturePlan.from_json(event["plan"])
    partition = FeaturePartition.from_json(event["partition"])
    start, stop = datetime.fromisoformat(plan.start), datetime.fromisoformat(plan.stop)
    column = features.source.event_ts
    prefix = f"features/{plan.run}/part-{partition.index}/"
    computed = 0
    for view in features.views:
        # the first tick at or after the last event sees all of them
        last = stop + timedelta(seconds=view.every_seconds)
        oldest = start - timedelta(seconds=view.window_seconds)
        within = f"{column} >= '{oldest.isoformat()}' and {column} <= '{last.isoformat()}'"
        rows = catalog.read(plan.dataset, row_filter=within, snapshot_id=plan.snapshot_id)
        table = compute(
            view,
            rows,
            start=start,
            stop=last,
            revision=plan.revision,
            index=partition.index,
            partitions=partition.of,
        )
        put_table(s3, lake_bucket, f"{prefix}{view.name}.parquet", table)
        computed += table.num_rows
    logger.info("computed features", extra={"run": plan.run, "partition": partition.index, "rows": computed})
    return FeatureRows(index=partition.index, key=prefix, rows=computed).to_json()
