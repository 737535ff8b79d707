"""DecideRetraining: whether this look of the monitoring starts a training run, and why or why not.

Invoked by  state DecideRetraining of step_functions/monitoring.asl.json
Takes       {"window": messages.CaptureWindow with a run, "skew": messages.SkewMeasured or null}
Returns     tidegate.incidents.decision.RetrainingDecision, also in the lake as monitoring/<run>/decision.json
Raises      nothing on purpose
Needs       s3:ListBucket on the lake; s3:GetObject, s3:PutObject on the lake's monitoring/;
            dynamodb:GetItem, dynamodb:PutItem, dynamodb:UpdateItem on the state table;
            dynamodb:Query on the ledger's index;
            states:StartExecution on the training machine, states:DescribeExecution on its executions;
            PIPELINE_DIR, LAKE_BUCKET, LEDGER_TABLE, STATE_TABLE, TRAINING_MACHINE
"""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tidegate.aws.ledger import Ledger
from tidegate.aws.objects import get_json, put_json
from tidegate.aws.retraining import Retraining
from tidegate.aws.state import State
from tidegate.incidents.decision import Circumstances, RetrainingDecision, decide
from tidegate.incidents.look import Look, look
from tidegate.messages.monitoring import CaptureWindow
from tidegate.plan import Plan

logger = Logger()
s3 = boto3.client("s3")
step_functions = boto3.client("stepfunctions")
dynamodb = boto3.client("dynamodb")
lake_bucket = os.environ["LAKE_BUCKET"]
training_machine = os.environ["TRAINING_MACHINE"]
state = State(dynamodb, os.environ["STATE_TABLE"])
retraining = Retraining(dynamodb, os.environ["STATE_TABLE"])
ledger = Ledger(dynamodb, os.environ["LEDGER_TABLE"])
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
config = plan.config


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    window = CaptureWindow.from_json(event["window"])
    key = f"monitoring/{window.run}/decision.json"
    if (earlier := _document(key)) is not None:  # asked again: one decision for each window
        return dict(earlier)
    last = retraining.last()
    now = datetime.now(UTC)
    looks = [_look(window, event.get("skew")), *(last.looks if last is not None else ())]
    decision = decide(looks, config.retraining, _circumstances(now, last), now.isoformat())
    if decision.action in ("train", "wait"):
        decision = _started(decision, now)
    put_json(s3, lake_bucket, key, decision.to_json())
    retraining.record(decision)
    logger.info("decided on retraining", extra={**decision.to_json(), "looks": len(decision.looks)})
    return decision.to_json()


def _look(window: CaptureWindow, skew: dict[str, Any] | None) -> Look:
    return look(
        window.run,
        window.model_package_arn,
        measured=window.ready,
        measurement=_document(f"monitoring/{window.run}/measurement.json"),
        quality=_document(f"monitoring/{window.run}/quality.json"),
        skew=skew,
    )


def _document(key: str) -> Any:
    try:
        return get_json(s3, lake_bucket, key)
    except s3.exceptions.NoSuchKey:
        return None


def _circumstances(now: datetime, last: RetrainingDecision | None) -> Circumstances:
    moment = now.timestamp()
    return Circumstances(
        now=moment,
        last_training=state.last_training(),
        cooldown_seconds=config.training.cooldown_seconds,
        training=_holder("lock#training", "run", moment),
        rollout=_holder("lock#deployment", "model_package_arn", moment),
        started_today=retraining.begun(f"{now:%Y-%m-%d}"),
        quarantined=_quarantined(),
        feature_skew=config.alarms.feature_skew,
        waiting=last if last is not None and last.action == "wait" else None,
    )


def _holder(lock: str, member: str, now: float) -> str | None:
    item = state.item(lock)
    if item is None or float(item["expires_at"]["N"]) < now:
        return None
    return str(item.get(member, {}).get("S", lock)).rpartition("model-package/")[2]


def _quarantined() -> str | None:
    newest = ledger.newest_judged(plan.contract.dataset)
    if newest is None or newest["state"] != "quarantined":
        return None
    return f"`{newest['key']}`: tidegate drops show {newest['drop_id'][:8]}"


def _started(decision: RetrainingDecision, now: datetime) -> RetrainingDecision:
    """The decision with its training run: started now, or by an earlier delivery of the same cause."""
    arn = f"{training_machine.replace(':stateMachine:', ':execution:')}:{decision.key}"
    if _exists(arn):
        return replace(decision, action="train", reason=decision.evidence[0], execution=arn)
    if decision.action == "wait":
        return decision
    budget = config.retraining.budget_per_day
    if not retraining.spend(f"{now:%Y-%m-%d}", decision.key, budget):  # two windows at once, one run left
        return replace(decision, action="wait", reason=f"{budget} of {budget} runs of this day have begun")
    given = {"trigger": decision.cause, "cause": decision.reason}
    try:
        step_functions.start_execution(
            stateMachineArn=training_machine, name=decision.key, input=json.dumps(given)
        )
    except step_functions.exceptions.ExecutionAlreadyExists:
        logger.info("the training run was started meanwhile", extra={"execution": arn})
    return replace(decision, execution=arn)


def _exists(arn: str) -> bool:
    try:
        step_functions.describe_execution(executionArn=arn)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ExecutionDoesNotExist":
            raise
        return False
    return True
