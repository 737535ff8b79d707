"""RecordDatasetVersion: make an accepted drop a state of its dataset, once.

Invoked by  state RecordDatasetVersion of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, reports: [messages.ShardReport], verdict: messages.Verdict}
Returns     messages.DatasetVersion
Raises      DatasetConflictError (retried by the state machine)
Needs       s3:GetObject on staging/, profiles/ and warehouse/ of the lake; s3:PutObject on warehouse/ of the
            lake; glue:GetDatabase, glue:GetTable, glue:CreateTable and glue:UpdateTable on the database and
            its tables; s3:DeleteObject on the tables' metadata; dynamodb:UpdateItem on the ledger;
            PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, LEDGER_TABLE
"""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.arrow_types import arrow_schema
from tidegate.aws.catalog import Catalog, Snapshot
from tidegate.aws.ledger import Ledger
from tidegate.aws.profiles import get_profile
from tidegate.dataset_version import content_address
from tidegate.messages import DatasetVersion, Drop, ShardReport, Verdict
from tidegate.plan import Plan

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
ledger = Ledger(boto3.client("dynamodb"), os.environ["LEDGER_TABLE"])

_VERSION = "tidegate.version"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop, verdict = Drop.from_json(event["drop"]), Verdict.from_json(event["verdict"])
    reports = [ShardReport.from_json(report) for report in event["reports"]]

    def describe(parent: Snapshot | None) -> Mapping[str, str]:
        parent_version = parent.properties.get(_VERSION, "") if parent else ""
        return {
            _VERSION: content_address(parent_version, drop, plan.contract.hash),
            "tidegate.drop": drop.drop_id,
            "tidegate.contract": plan.contract.hash,
            "tidegate.verdict": verdict.status,
        }

    snapshot = catalog.append_files(
        drop.dataset,
        arrow_schema(plan.contract.columns),
        [_into_table(drop, report) for report in reports if report.rows],
        key=drop.drop_id,
        describe=describe,
    )
    first_event, last_event = _events(verdict)
    version = DatasetVersion(
        dataset=drop.dataset,
        version=snapshot.properties[_VERSION],
        snapshot_id=str(snapshot.snapshot_id),
        drop_id=drop.drop_id,
        rows=verdict.rows,
        total_rows=snapshot.total_rows,
        first_event=first_event,
        last_event=last_event,
    )
    _finish(drop, verdict, version)
    metrics.add_metric("DatasetVersions", MetricUnit.Count, 1)
    metrics.add_metric("RowsRecorded", MetricUnit.Count, verdict.rows)
    logger.info("recorded a dataset version", extra=version.to_json())
    return version.to_json()


def _into_table(drop: Drop, report: ShardReport) -> str:
    """Copy a shard's rows, inside S3, to where the table keeps its data; again if asked again."""
    key = lake_keys.rows(drop, report.index)
    s3.copy_object(Bucket=lake_bucket, Key=key, CopySource={"Bucket": lake_bucket, "Key": report.rows_key})
    return f"s3://{lake_bucket}/{key}"


def _events(verdict: Verdict) -> tuple[str, str]:
    """Earliest and latest event time of the drop."""
    profile = get_profile(s3, lake_bucket, verdict.profile_key)
    column = profile.columns[plan.features.source.event_ts]
    return _iso(column.minimum), _iso(column.maximum)


def _iso(microseconds: float | None) -> str:
    """ISO 8601 UTC; empty for a drop without rows."""
    if microseconds is None:
        return ""
    return (_EPOCH + timedelta(microseconds=int(microseconds))).isoformat().replace("+00:00", "Z")


def _finish(drop: Drop, verdict: Verdict, version: DatasetVersion) -> None:
    warnings = len(verdict.reasons)
    ledger.finish(
        drop.drop_id,
        "recorded",
        f"accepted with {warnings} warning{'s' if warnings > 1 else ''}" if warnings else "accepted",
        rows=verdict.rows,
        verdict=verdict.status,
        report_key=verdict.report_key,
        version=version.version,
    )
