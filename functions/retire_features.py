"""RetireFeatures: remove versions of views that nobody has needed for some time.

Needed is what the deployed pipeline computes, what a model that serves looks up, and what a model package
that is approved or waits for approval would. Rows online are not touched: DynamoDB's TTL removes them.

Invoked by  state RetireFeatures of step_functions/features.asl.json
Takes       anything
Returns     messages.FeaturesRetired
Raises      nothing on purpose; whatever it raises, the rows of the run stay recorded
Needs       glue:GetDatabase, glue:GetTable, glue:UpdateTable on the database and its tables;
            s3:GetObject, s3:PutObject on the lake's warehouse/, s3:DeleteObject on its tables' metadata;
            s3:GetObject on the lake's features/sets/;
            dynamodb:GetItem, dynamodb:Scan, dynamodb:UpdateItem, dynamodb:DeleteItem on the state table;
            sagemaker:ListModelPackages, sagemaker:DescribeModelPackage on the model package group;
            PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, STATE_TABLE, PREFIX
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import needed_views
from tidegate.aws.catalog import Catalog
from tidegate.aws.state import State
from tidegate.errors import TidegateError
from tidegate.ingestion import snapshots
from tidegate.messages.features import FeaturesRetired
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
lake_bucket = os.environ["LAKE_BUCKET"]
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
group = os.environ["PREFIX"]


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    now = datetime.now(UTC)
    needed = _needed()
    kept_until = timedelta(days=plan.config.features.retire_after_days)
    retired, rows = [], 0
    for version, known in state.views().items():
        if version in needed:
            state.need_view(version, snapshots.iso(now))
        elif now - datetime.fromisoformat(known.needed_at) >= kept_until:
            rows += _delete_rows(version, known.needed_at)
            state.forget_view(version)  # last: rows that are gone must not count as computed
            retired.append(version)
    logger.info("retired features", extra={"versions": retired, "rows": rows})
    return FeaturesRetired(versions=tuple(retired), rows=rows).to_json()


def _needed() -> set[str]:
    """Versions of views that must stay.

    Raises:
        TidegateError: it cannot be told of a package or a model that serves; then nothing is removed.
    """
    hashes = {*state.live_feature_sets(), *needed_views.hashes_of_packages(sagemaker, group)}
    found, unknown = needed_views.of_sets(s3, lake_bucket, plan.features, hashes)
    if unknown:
        raise TidegateError(
            f"feature set {unknown[0][:16]} is needed, and not in the lake",
            cause="which views it has cannot be told, so none is removed",
            hint="reject the model packages that need it, or deploy the pipeline of theirs once",
        )
    return set(found)


def _delete_rows(version: str, needed_at: str) -> int:
    """Remove the offline rows of a version; by metadata alone, for a file of a run holds one version."""
    name, _, short = version.partition("@")
    table = f"features_{name}"
    if catalog.head(table) is None:
        return 0
    like = f"feature_hash LIKE '{short}%'"
    for batch in catalog.batches(table, columns=["feature_hash"], row_filter=like, limit=1):
        if batch.num_rows:
            whole = batch.column(0)[0].as_py()
            done = catalog.delete(table, f"feature_hash == '{whole}'", key=f"retire/{version}/{needed_at}")
            return done.removed_rows if done else 0
    return 0
