"""PlanFeatures: which ticks of which views a dataset version or a backfill asks for, and who computes them.

Invoked by  state PlanFeatures of step_functions/features.asl.json
Takes       messages.DatasetVersion, or {"backfill": {"start": "...", "stop": "...", "reason": "..."}}
Returns     messages.FeaturePlan
Raises      BackfillRefusedError, SchemaConflictError (the run fails)
Needs       glue:GetTable on the database and its tables; s3:GetObject on the lake's warehouse/ and
            features/sets/, s3:ListBucket on the latter; s3:PutObject on the lake's features/;
            dynamodb:GetItem on the state table; PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, STATE_TABLE
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws import feature_sets, needed_views, objects
from tidegate.aws.catalog import Catalog
from tidegate.aws.event_times import EventTimes
from tidegate.aws.feature_batches import PLAN
from tidegate.aws.state import State
from tidegate.errors import BackfillRefusedError
from tidegate.feature_store import feature_run
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.feature_run import FeatureRun, ViewRun
from tidegate.feature_store.ticks import Interval, count, horizon, to_compute
from tidegate.ingestion import snapshots
from tidegate.messages.features import FeaturePlan
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the run is for: a state of the dataset, and an interval to compute whatever is there already."""

    snapshot: snapshots.Snapshot
    reason: str
    interval: Interval | None = None


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    feature_sets.put(s3, lake_bucket, plan.features)
    asked = _asked(event)
    now = int(datetime.now(UTC).timestamp())
    source = plan.features.source
    times = catalog.event_times(
        source.dataset, source.event_ts, snapshot_id=asked.snapshot.snapshot_id, now=now
    )
    needed = [view for view in _needed_views() if view.source == source]
    gap = min((view.window_seconds for view in needed), default=0)
    views, removed, future_rows = [], False, 0
    for view in needed:
        each = _view_run(view, times, asked, gap)
        future_rows = max(future_rows, each.future_rows)
        if each.run.intervals:
            views.append(each.run)
            removed = removed or each.removed
    run = FeatureRun(
        dataset=source.dataset,
        snapshot_id=str(asked.snapshot.snapshot_id),
        revision=asked.snapshot.sequence,
        views=tuple(views),
        removed=removed,
    )
    planned = _planned(run, times, asked, future_rows)
    logger.info(
        "planned features",
        extra=planned.to_json() | {"intervals": {each.view.version: len(each.intervals) for each in views}},
    )
    return planned.to_json()


def _asked(event: dict[str, Any]) -> _Asked:
    dataset = plan.features.source.dataset
    if "backfill" not in event:
        snapshot = catalog.resolve(dataset, snapshot_id=event["snapshot_id"])
        return _Asked(snapshot=snapshot, reason=f"dataset version {event['version'][:12]}")
    wanted = event["backfill"]
    start, stop = _start_of(str(wanted.get("start"))), snapshots.moment(str(wanted.get("stop")))
    if start is None or stop is None or start > stop:
        raise BackfillRefusedError(
            f"there is nothing between {wanted.get('start')} and {wanted.get('stop')} to compute",
            cause="`start` and `stop` are times, and `start` is not after `stop`",
            hint="write 2013-01-01 or 2013-01-01T00:00:00Z",
        )
    if (head := catalog.head(dataset)) is None:
        raise BackfillRefusedError(f"dataset `{dataset}` has no rows yet", hint="deliver a drop first")
    interval = Interval(start=int(start.timestamp()), stop=int(stop.timestamp()))
    return _Asked(snapshot=head, reason=f"backfill: {wanted.get('reason', '')}", interval=interval)


def _start_of(text: str) -> datetime | None:
    """The time that a text names; of a date alone the day's first moment."""
    return snapshots.moment(f"{text}T00:00:00Z") or snapshots.moment(text)


def _needed_views() -> list[ViewPlan]:
    """Those of the deployed feature set, and of models that serve though features.py has moved on."""
    found, unknown = needed_views.of_sets(s3, lake_bucket, plan.features, state.live_feature_sets())
    if unknown:
        logger.warning("a model serves on features that are not in the lake", extra={"hashes": unknown})
    return list(found.values())


@dataclass(frozen=True, kw_only=True)
class _Found:
    run: ViewRun
    removed: bool = False
    future_rows: int = 0


def _view_run(view: ViewPlan, times: EventTimes, asked: _Asked, gap: int) -> _Found:
    """The ticks that the state of the dataset, or the backfill, asks for: none where all are computed."""
    if times.first is None or times.newest is None:
        return _Found(run=ViewRun(view=view, intervals=(), whole=False), future_rows=times.future_rows())
    known = state.view(view.version)
    if known is not None and known.revision > asked.snapshot.sequence:  # a later run has seen this state too
        return _Found(run=ViewRun(view=view, intervals=(), whole=False))
    changes = None if known is None else times.changes_since(known.revision, gap)
    intervals = to_compute(
        view,
        first_event=times.first,
        # where the newest rows were taken back, ticks that saw them are computed all the same
        last=max(horizon(view, times.newest, times.now), known.computed_to if known else times.first),
        # without the state that it was computed from nobody knows what has changed: all, then
        computed_to=known.computed_to if known is not None and changes is not None else None,
        changed=changes.spans if changes else (),
        asked=asked.interval,
    )
    return _Found(
        run=ViewRun(view=view, intervals=intervals, whole=changes is None),
        removed=known is not None and (changes is None or changes.removed),
        future_rows=changes.future_rows if changes else times.future_rows(),
    )


def _planned(run: FeatureRun, times: EventTimes, asked: _Asked, future_rows: int) -> FeaturePlan:
    config = plan.config.features
    rows, work = 0, 0
    for each in run.views:
        seen = [
            Interval(start=span.start - each.view.window_seconds, stop=span.stop) for span in each.intervals
        ]
        in_view = times.rows_between(seen)
        rows = max(rows, in_view)
        work += feature_run.work(each.view, each.intervals, in_view)
    limits = {"partitions": config.partitions, "batch_work": config.lambda_rows}
    engine = feature_run.engine(rows=rows, work=work, **limits)
    key = lake_keys.feature_run(run.name, PLAN)
    objects.put_json(s3, lake_bucket, key, run.to_json())
    batches = (
        feature_run.job_batches() if engine == "job" else feature_run.batches(rows=rows, work=work, **limits)
    )
    return FeaturePlan(
        run=run.name,
        dataset=run.dataset,
        snapshot_id=run.snapshot_id,
        revision=run.revision,
        feature_hash=plan.features.hash,
        reason=asked.reason,
        plan_key=key,
        engine=engine,
        batches=batches if run.views else (),
        views=len(run.views),
        ticks=sum(count(each.view, each.intervals) for each in run.views),
        rows=rows,
        future_rows=future_rows,
    )
