"""RecordOutcome: how a training run ended, for later runs of the same inputs and for lineage.

Invoked by  state RecordOutcome of step_functions/training.asl.json
Takes       messages.RunEnd
Returns     {"events": [keys in the lake]}
Raises      nothing on purpose
Needs       dynamodb:PutItem on the state table; s3:PutObject on the lake's lineage/;
            PIPELINE_DIR, LAKE_BUCKET, GLUE_DATABASE, STATE_TABLE
"""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws.objects import put_json
from tidegate.aws.state import State
from tidegate.messages.training import EarlierRun, RunEnd
from tidegate.plan import Plan
from tidegate.training import lineage
from tidegate.training.lineage import Catalog, Kind

logger = Logger()
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
database = os.environ["GLUE_DATABASE"]
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    ended = RunEnd.from_json(event)
    _remember(ended)
    kinds: list[Kind] = ["COMPLETE" if ended.error is None else "FAIL"]
    if ended.set is None:
        kinds.insert(0, "START")  # BuildTrainingSet did not come to say so
    keys = [_tell(kind, ended, context) for kind in kinds]
    logger.info("recorded training run", extra={"run": ended.run, "error": ended.error})
    return {"events": keys}


def _remember(ended: RunEnd) -> None:
    if ended.error is not None or ended.set is None or ended.hyperparameters is None:
        return
    found = EarlierRun(
        run=ended.model_run or ended.run,
        hyperparameters=ended.hyperparameters,
        tuning_job=ended.tuning_job or "",
        training_job=ended.training_job or "",
        model_uri=ended.model_uri,
        package_arn=ended.package_arn,
    )
    state.record_trained(ended.set.content_id, found)


def _tell(kind: Kind, ended: RunEnd, context: LambdaContext) -> str:
    catalog = Catalog(arn=context.invoked_function_arn, database=database)
    views = {view.table: view.version for view in plan.features.views}
    outputs = (
        lineage.products(
            ended.set,
            model_uri=ended.model_uri,
            artefact_sha256=ended.artefact_sha256,
            package_arn=ended.package_arn,
        )
        if ended.set
        else []
    )
    document = lineage.event(
        kind,
        pipeline=plan.config.prefix,
        run=ended.run,
        at=datetime.now(UTC).isoformat(),
        ids={**ended.ids(), **(ended.set.ids() if ended.set else {})},
        inputs=lineage.sources(ended.set, catalog, views) if ended.set else [],
        outputs=[] if kind == "START" else outputs,
        error=f"{ended.error}: {ended.cause}" if kind == "FAIL" else None,
    )
    key = lake_keys.lineage(ended.run, kind)
    put_json(s3, lake_bucket, key, document)
    return key
