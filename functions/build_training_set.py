"""BuildTrainingSet: labels joined to features as they were known, split by time, with their baseline.

Invoked by  state BuildTrainingSet of step_functions/training.asl.json; `tidegate replay` when rows are gone
Takes       {"run": messages.TrainingLock.run, "again": messages.TrainingTrigger.again}, or
            {"run": of an earlier one, "rebuild": {"tag": its tag, "train_sha256": of its rows}}
Returns     messages.TrainingSet; of a rebuild {"train_sha256": what came of it}: kept only if it is the same
Raises      InsufficientDataError (the run ends as skipped), DatasetConflictError (retried)
Needs       glue:GetDatabase, glue:GetTable, glue:UpdateTable on the database and its tables;
            s3:GetObject, s3:PutObject on the lake's warehouse/, s3:DeleteObject on its tables' metadata;
            s3:PutObject on the lake's training/, lineage/ and features/sets/; s3:GetObject on its models/;
            dynamodb:GetItem on the state table; sagemaker:DescribeModelPackage on the package group;
            PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, STATE_TABLE
"""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pyarrow as pa
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws import feature_sets, registry
from tidegate.aws.catalog import Catalog
from tidegate.aws.earlier_runs import earlier_run
from tidegate.aws.objects import put_json
from tidegate.aws.profiles import parquet, put_profile, put_table
from tidegate.aws.state import State
from tidegate.errors import InsufficientDataError
from tidegate.feature_store.feature_plan import ViewPlan
from tidegate.feature_store.point_in_time import columns_of
from tidegate.messages.training import TrainingSet
from tidegate.monitoring import monitor_files
from tidegate.plan import Plan
from tidegate.profile import BASELINE_RANKS, Profile, profile_batches
from tidegate.training import lineage, training_inputs, tuning
from tidegate.training.training_set import Period, Split, labelled, split

logger = Logger()
s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
lake_bucket = os.environ["LAKE_BUCKET"]
catalog = Catalog(s3, lake_bucket=lake_bucket, database=os.environ["GLUE_DATABASE"])
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
folder = Path(os.environ["PIPELINE_DIR"])
plan = Plan.load(folder)


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    run, training = event["run"], plan.config.training
    dataset = plan.features.source.dataset
    if "rebuild" in event:
        return _rebuild(run, dataset, **event["rebuild"])
    head = catalog.head(dataset)
    if head is None:
        raise InsufficientDataError(f"dataset `{dataset}` has no rows yet", hint="deliver a drop first")
    parts = _split(dataset, head.snapshot_id)
    prefix = f"training/{run}/"
    train_sha256 = put_table(s3, lake_bucket, f"{prefix}train/part-0.parquet", parts.train)
    test_sha256 = put_table(s3, lake_bucket, f"{prefix}test/part-0.parquet", parts.test)
    _write_baseline(f"{prefix}baseline/", parts.train)
    feature_sets.put(s3, lake_bucket, plan.features)  # the model may outlive this features.py
    tag = f"run-{run}"
    catalog.tag(dataset, head.snapshot_id, tag, move=True)  # a retry may find a newer head than it tagged
    champion = state.champion()
    logger.info(
        "built training set", extra={"run": run, "rows": parts.train.num_rows, "test": parts.test.num_rows}
    )
    content_id = training_inputs.content_id(
        training_inputs.of_plan(plan, folder), {"train": train_sha256, "test": test_sha256}
    )
    reuse = plan.config.training.reuse and not event.get("again", False)
    made = TrainingSet(
        run=run,
        train_uri=f"s3://{lake_bucket}/{prefix}train/",
        test_uri=f"s3://{lake_bucket}/{prefix}test/",
        baseline_uri=f"s3://{lake_bucket}/{prefix}baseline/",
        rows=parts.train.num_rows,
        test_rows=parts.test.num_rows,
        snapshot=f"{dataset}@{head.snapshot_id}",
        tag=tag,
        feature_hash=plan.features.hash,
        champion_package_arn=champion.model_package_arn if champion else None,
        champion_model_uri=registry.describe(sagemaker, champion.model_package_arn).model_uri
        if champion
        else None,
        tuning=tuning.request(
            training,
            parents=state.searches(tuning.kind(training)) if training.tuning.warm_start else (),
            checkpoints_uri=f"s3://{lake_bucket}/checkpoints/{run}/",
        ),
        content_id=content_id,
        contract_hash=plan.contract.hash,
        code_version=plan.code_version,
        train_sha256=train_sha256,
        test_sha256=test_sha256,
        earlier=earlier_run(state, s3, sagemaker, content_id) if reuse else None,
    )
    if made.earlier is None or made.earlier.package_arn is None:  # else the run ends here
        _tell_start(made, context)
    return made.to_json()


def _rebuild(run: str, dataset: str, *, tag: str, train_sha256: str) -> dict[str, Any]:
    """Make the rows of an earlier run again, of the state of the dataset that its tag keeps."""
    try:
        snapshot_id = catalog.resolve(dataset, tag=tag).snapshot_id
    except LookupError as cause:
        raise InsufficientDataError(f"`{dataset}` has no state `{tag}`", cause=str(cause)) from cause
    body = parquet(_split(dataset, int(snapshot_id)).train)
    found = hashlib.sha256(body).hexdigest()
    if found == train_sha256:
        s3.put_object(Bucket=lake_bucket, Key=f"training/{run}/train/part-0.parquet", Body=body)
    logger.info("rebuilt training rows", extra={"run": run, "same": found == train_sha256})
    return {"train_sha256": found}


def _tell_start(made: TrainingSet, context: LambdaContext) -> None:
    where = lineage.Catalog(arn=context.invoked_function_arn, database=catalog.database)
    views = {view.table: view.version for view in plan.features.views}
    document = lineage.event(
        "START",
        pipeline=plan.config.prefix,
        run=made.run,
        at=datetime.now(UTC).isoformat(),
        ids=made.ids(),
        inputs=lineage.sources(made, where, views),
    )
    put_json(s3, lake_bucket, lake_keys.lineage(made.run, "START"), document)


def _split(dataset: str, snapshot_id: int) -> Split:
    _check_computed()
    training = plan.config.training
    return split(
        labelled(plan.features, catalog.batches(dataset, snapshot_id=snapshot_id), _view_rows, training.task),
        test_days=training.test_days,
        gap_hours=training.gap_hours,
        minimum_rows=training.minimum_rows,
        task=training.task,
    )


def _check_computed() -> None:
    """Raise InsufficientDataError if nobody has computed a view: every aggregate would be missing."""
    for view in plan.features.views:
        found = catalog.head(view.table) is not None and any(
            batch.num_rows
            for batch in catalog.batches(view.table, columns=["ord"], row_filter=_of(view), limit=1)
        )
        if not found:
            raise InsufficientDataError(
                f"`{view.version}` has no rows",
                cause="the features machine has not recorded any since features.py changed, or it failed",
                hint="start the features machine for the newest dataset version, or deliver a drop",
            )


def _view_rows(view: ViewPlan, period: Period) -> Iterator[pa.RecordBatch]:
    """The view's rows of this version in a period, one file at a time; others' files are not read."""
    first, last = (moment.isoformat() for moment in period)
    within = f"{_of(view)} and event_ts >= '{first}' and event_ts <= '{last}'"
    yield from catalog.batches(view.table, columns=columns_of(view), row_filter=within)


def _of(view: ViewPlan) -> str:
    return f"feature_hash == '{view.hash}'"


def _write_baseline(prefix: str, train: pa.Table) -> None:
    """What the champion's monitoring compares requests with: the columns a caller sends, but their time."""
    columns = [name for name in plan.features.request if name != plan.features.source.event_ts]
    profile: Profile = profile_batches(train.select(columns).to_batches(), ranks=BASELINE_RANKS)
    put_profile(s3, lake_bucket, f"{prefix}profile.parquet", profile)
    put_json(s3, lake_bucket, f"{prefix}statistics.json", monitor_files.statistics(profile))
    put_json(s3, lake_bucket, f"{prefix}constraints.json", monitor_files.constraints(profile))
