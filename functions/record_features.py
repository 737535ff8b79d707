"""RecordFeatures: make computed rows visible, offline in Iceberg and online the newest of each entity.

Invoked by  state RecordFeatures of step_functions/features.asl.json
Takes       {"plan": messages.FeaturePlan}
Returns     messages.FeaturesRecorded
Raises      DatasetConflictError, OnlineStoreBusyError (retried by the state machine: what is done is not done
            twice), SchemaConflictError (a feature's type changed; the run fails)
Needs       glue:GetDatabase, glue:GetTable, glue:CreateTable, glue:UpdateTable on the database and tables;
            s3:GetObject, s3:PutObject on the lake's warehouse/, s3:DeleteObject on its tables' metadata;
            s3:GetObject on the lake's features/runs/;
            dynamodb:PutItem, dynamodb:BatchGetItem on the online table;
            dynamodb:GetItem, dynamodb:PutItem on the state table;
            LAKE_BUCKET, GLUE_DATABASE, ONLINE_TABLE, STATE_TABLE
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pyarrow as pa
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.config import Config

from tidegate import lake_keys
from tidegate.aws import coverage, objects, online
from tidegate.aws.catalog import Catalog
from tidegate.aws.coverage import Coverage
from tidegate.aws.feature_batches import PLAN
from tidegate.aws.profiles import get_table
from tidegate.aws.state import State, ViewState
from tidegate.feature_store.aggregates import newest, row_schema
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.feature_run import BatchManifest, FeatureRun, ViewFiles, ViewRun
from tidegate.ingestion import snapshots
from tidegate.messages.features import FeaturePlan, FeaturesRecorded

logger = Logger()
s3 = boto3.client("s3")
dynamodb = boto3.client(
    "dynamodb",
    # throttling is waited out with growing pauses, some 20 s of them, before the state machine is asked
    config=Config(
        max_pool_connections=online.WRITERS, retries={"mode": "standard", "total_max_attempts": 10}
    ),
)
lake_bucket = os.environ["LAKE_BUCKET"]
online_table = os.environ["ONLINE_TABLE"]
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
state = State(dynamodb, os.environ["STATE_TABLE"])
ENTITIES_AT_ONCE = 10_000


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    rows: int
    values: int
    stored: int
    coverage: Coverage


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan = FeaturePlan.from_json(event["plan"])
    run = FeatureRun.from_json(objects.get_json(s3, lake_bucket, lake_keys.feature_run(plan.run, PLAN)))
    manifests = [
        BatchManifest.from_json(
            objects.get_json(s3, lake_bucket, lake_keys.feature_batch(plan.run, batch.index))
        )
        for batch in plan.batches
    ]
    source = catalog.schema(run.dataset, snapshot_id=run.snapshot_id)
    done, files = [], []
    for work in run.views:
        parts = [part for each in manifests for part in each.views if part.version == work.view.version]
        done.append(_record(run, source, work, parts))
        files += parts
    recorded = FeaturesRecorded(
        dataset=plan.dataset,
        feature_hash=plan.feature_hash,
        rows=sum(each.rows for each in done),
        online_rows=sum(each.stored for each in done),
        newer_there=sum(each.values - each.stored for each in done),
        without_key=sum(part.without_key for part in files),
        known_early=sum(part.known_early for part in files),
        coverage=min((each.coverage.share for each in done), default=1.0),
    )
    logger.info("recorded features", extra={"run": plan.run} | recorded.to_json())
    return recorded.to_json()


def _record(run: FeatureRun, source: pa.Schema, work: ViewRun, parts: Sequence[ViewFiles]) -> _Recorded:
    """Offline first, then online, and only then what the next run builds on: a half of it is done again."""
    view = work.view
    _append(run, source, work, parts)
    values, stored = 0, 0
    tables = [get_table(s3, lake_bucket, part.newest) for part in parts]
    for table in tables:
        for start in range(0, table.num_rows, ENTITIES_AT_ONCE):
            entities = newest(view, table.slice(start, ENTITIES_AT_ONCE))
            stored += online.write(dynamodb, online_table, view, entities)
            values += len(entities)
    written = pa.concat_tables([table.select(list(view.keys)) for table in tables])
    known = state.view(view.version)
    last = max(work.intervals[-1].stop, known.computed_to if known else work.intervals[-1].stop)
    found = coverage.measure(catalog, dynamodb, online_table, view, last=last, written=written)
    _remember(run, work, known, last, found)
    return _Recorded(rows=sum(part.rows for part in parts), values=values, stored=stored, coverage=found)


def _append(run: FeatureRun, source: pa.Schema, work: ViewRun, parts: Sequence[ViewFiles]) -> None:
    view = work.view
    uris = [_into_table(view, run.name, key) for part in parts for key in part.files]
    catalog.append_files(
        view.table,
        row_schema(view, source).append(pa.field("feature_hash", pa.string())),
        uris,
        key=f"{run.name}/{view.version}",
        describe=lambda *_: {
            "tidegate.dataset-snapshot": run.snapshot_id,
            "tidegate.feature-hash": view.hash,
        },
        # a tick that lost its last row gets no newer one that would stand before the old
        instead_of=_rows_of(work) if run.removed else None,
    )


def _into_table(view: ViewPlan, run: str, key: str) -> str:
    """Copy a file, inside S3, to where the table keeps its data; again if asked again."""
    target = lake_keys.feature_rows(view.table, run, key.rsplit("/", 1)[-1])
    s3.copy_object(Bucket=lake_bucket, Key=target, CopySource={"Bucket": lake_bucket, "Key": key})
    return f"s3://{lake_bucket}/{target}"


def _rows_of(work: ViewRun) -> str:
    spans = (
        f"(event_ts >= '{_iso(span.start)}' and event_ts <= '{_iso(span.stop)}')" for span in work.intervals
    )
    return f"feature_hash == '{work.view.hash}' and ({' or '.join(spans)})"


def _remember(run: FeatureRun, work: ViewRun, known: ViewState | None, last: int, found: Coverage) -> None:
    if known is None and not work.whole:
        logger.warning("retired meanwhile: the next run computes it anew", extra={"view": work.view.version})
        return
    now = snapshots.iso(datetime.now(UTC))
    first = work.intervals[0].start
    state.record_view(
        work.view.version,
        ViewState(
            computed_from=min(first, known.computed_from) if known else first,
            computed_to=last,
            revision=run.revision,
            entities=found.entities,
            online=found.online,
            coverage=found.share,
            recorded_at=now,
            needed_at=now,
        ),
    )


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat()
