"""RecordDatasetVersion: make an accepted drop a state of its dataset, once.

Invoked by  state RecordDatasetVersion of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, reports: [messages.ShardReport], verdict: messages.Verdict}
Returns     messages.DatasetVersion
Raises      DatasetConflictError (retried by the state machine), SchemaConflictError (the drop is quarantined)
Needs       s3:GetObject on staging/, profiles/ and warehouse/ of the lake; s3:PutObject on warehouse/ and
            quarantine/ of the lake, s3:DeleteObject on its tables' metadata; glue:GetDatabase, glue:GetTable,
            glue:CreateTable and glue:UpdateTable on the database and its tables;
            dynamodb:UpdateItem on the ledger; PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, LEDGER_TABLE
"""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws.catalog import Catalog
from tidegate.aws.ledger import Ledger
from tidegate.aws.profiles import get_profile
from tidegate.columns.arrow_types import arrow_schema
from tidegate.ingestion.dataset_version import content_address
from tidegate.ingestion.notifications import is_later
from tidegate.ingestion.snapshots import (
    ACCEPTED,
    CONTRACT,
    DROP,
    OBJECT,
    SEQUENCER,
    VERDICT,
    VERSION,
    Snapshot,
)
from tidegate.messages.ingestion import DatasetVersion, Drop, ShardReport, Verdict
from tidegate.plan import Plan

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
ledger = Ledger(boto3.client("dynamodb"), os.environ["LEDGER_TABLE"])

versions_replace = plan.config.ingestion.overwrites == "replace"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class _SupersededError(Exception):
    """A newer version of the object is in the table; holds the id of its drop."""


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop, verdict = Drop.from_json(event["drop"]), Verdict.from_json(event["verdict"])
    reports = [ShardReport.from_json(report) for report in event["reports"]]
    first_event, last_event = _events(verdict)
    try:
        snapshot = _append(drop, verdict, reports)
    except _SupersededError as newer:
        return _ignore(drop, str(newer)).to_json()
    _keep_bad_rows(drop, reports)
    version = DatasetVersion(
        dataset=drop.dataset,
        version=snapshot.version,
        snapshot_id=str(snapshot.snapshot_id),
        drop_id=drop.drop_id,
        rows=verdict.rows - verdict.bad_rows,
        total_rows=snapshot.total_rows,
        first_event=first_event,
        last_event=last_event,
    )
    _finish(drop, verdict, version)
    metrics.add_metric("DatasetVersions", MetricUnit.Count, 1)
    metrics.add_metric("RowsRecorded", MetricUnit.Count, version.rows)
    logger.info("recorded a dataset version", extra=version.to_json())
    return version.to_json()


def _append(drop: Drop, verdict: Verdict, reports: Sequence[ShardReport]) -> Snapshot:
    def describe(parent: Snapshot | None, gone: Sequence[Snapshot]) -> Mapping[str, str]:
        parent_version = parent.version if parent else ""
        replaced = [state.version for state in gone]
        properties = {
            VERSION: content_address(parent_version, drop, plan.contract.hash, replaced),
            DROP: drop.drop_id,
            CONTRACT: plan.contract.hash,
            VERDICT: verdict.status,
            OBJECT: f"{drop.bucket}/{drop.key}",
            SEQUENCER: drop.sequencer,
        }
        if drop.acceptance is not None:
            properties[ACCEPTED] = f"{drop.acceptance.by}: {drop.acceptance.reason}"
        return properties

    return catalog.append_files(
        drop.dataset,
        arrow_schema(plan.contract.columns),
        [_into_table(drop, report) for report in reports if report.rows > report.bad_rows],
        key=drop.drop_id,
        describe=describe,
        replaces=(lambda states: _older(drop, states)) if versions_replace else None,
    )


def _older(drop: Drop, states: Sequence[Snapshot]) -> list[Snapshot]:
    """What earlier versions of the same object were recorded as.

    Raises:
        _SupersededError: a later version is recorded already: these rows come too late.
    """
    found = []
    for state in states:
        if state.properties.get(OBJECT) != f"{drop.bucket}/{drop.key}" or state.drop_id == drop.drop_id:
            continue
        if is_later(state.properties.get(SEQUENCER, ""), drop.sequencer):
            raise _SupersededError(state.drop_id)
        found.append(state)
    return found


def _ignore(drop: Drop, newer: str) -> DatasetVersion:
    ledger.finish(
        drop.drop_id, "ignored", f"a newer version of the object, drop {newer[:12]}, was recorded before"
    )
    metrics.add_metric("DropsSuperseded", MetricUnit.Count, 1)
    logger.info("ignored a drop that is superseded", extra={"drop_id": drop.drop_id, "superseded_by": newer})
    return DatasetVersion(
        dataset=drop.dataset,
        version="",
        snapshot_id="",
        drop_id=drop.drop_id,
        rows=0,
        total_rows=0,
        first_event="",
        last_event="",
        superseded_by=newer,
    )


def _into_table(drop: Drop, report: ShardReport) -> str:
    """Copy a shard's rows, inside S3, to where the table keeps its data; again if asked again."""
    key = lake_keys.rows(drop, report.index)
    _copy(lake_keys.staged(drop, report.index, "rows.parquet"), key)
    return f"s3://{lake_bucket}/{key}"


def _keep_bad_rows(drop: Drop, reports: Sequence[ShardReport]) -> None:
    """Out of staging, where they would expire."""
    for report in reports:
        if report.bad_rows:
            staged = lake_keys.staged(drop, report.index, "bad-rows.parquet")
            _copy(staged, lake_keys.bad_rows(drop, report.index))


def _copy(source: str, target: str) -> None:
    s3.copy_object(Bucket=lake_bucket, Key=target, CopySource={"Bucket": lake_bucket, "Key": source})


def _events(verdict: Verdict) -> tuple[str, str]:
    """Earliest and latest event time of the drop."""
    profile = get_profile(s3, lake_bucket, verdict.profile_key)
    column = profile.columns[plan.features.source.event_ts]
    return _iso(column.minimum), _iso(column.maximum)


def _iso(microseconds: float | Decimal | None) -> str:
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
        rows=version.rows,
        verdict=verdict.status,
        report_key=verdict.report_key,
        version=version.version,
        first_event=version.first_event,  # whose values the rows may be behind is told without reading them
        last_event=version.last_event,
    )
