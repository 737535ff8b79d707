"""RecordFeatures: make computed rows visible, offline in Iceberg and online the newest of each entity.

Invoked by  state RecordFeatures of step_functions/features.asl.json
Takes       {"plan": messages.FeaturePlan, "computed": [messages.FeatureRows]}
Returns     messages.FeaturesRecorded
Raises      DatasetConflictError (retried), SchemaConflictError (a feature's type changed; the run fails)
Needs       glue:GetDatabase, glue:GetTable, glue:CreateTable, glue:UpdateTable on the database and tables;
            s3:GetObject, s3:PutObject on the lake's warehouse/, s3:DeleteObject on its tables' metadata;
            s3:GetObject on the lake's features/;
            dynamodb:PutItem on the online table;
            PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, ONLINE_TABLE
"""

import os
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aggregates import newest
from tidegate.aws import online
from tidegate.aws.catalog import Catalog
from tidegate.aws.profiles import get_table
from tidegate.messages import FeaturePlan, FeatureRows, FeaturesRecorded
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
dynamodb = boto3.client("dynamodb")
lake_bucket = os.environ["LAKE_BUCKET"]
online_table = os.environ["ONLINE_TABLE"]
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
features = Plan.load(Path(os.environ["PIPELINE_DIR"])).features


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan = FeaturePlan.from_json(event["plan"])
    computed = [FeatureRows.from_json(part) for part in event["computed"]]
    rows, online_rows = 0, 0
    for view in features.views:
        parts = [get_table(s3, lake_bucket, f"{part.key}{view.name}.parquet") for part in computed]
        table = pa.concat_tables(parts)
        stamped = table.append_column("feature_hash", pa.array([view.hash] * table.num_rows, pa.string()))
        catalog.append(
            view.table,
            stamped,
            key=f"{plan.run}/{view.name}",
            properties={
                "tidegate.dataset-snapshot": plan.snapshot_id,
                "tidegate.feature-hash": view.hash,
            },
        )
        online_rows += online.write(dynamodb, online_table, view, newest(view, table))
        rows += table.num_rows
    logger.info("recorded features", extra={"run": plan.run, "rows": rows, "online_rows": online_rows})
    return FeaturesRecorded(
        dataset=plan.dataset, feature_hash=plan.feature_hash, rows=rows, online_rows=online_rows
    ).to_json()
