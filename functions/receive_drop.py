"""ReceiveDrop: look at the envelope of every object that arrives, claim it, start its ingestion.

Invoked by  the queue of drops (S3 by EventBridge), or S3 or EventBridge directly
Takes       any form of S3 notification
Returns     {batchItemFailures: [{itemIdentifier}]}
Raises      nothing on purpose; a message that cannot be handled is reported as failed and redelivered
Needs       dynamodb:PutItem, dynamodb:GetItem and dynamodb:UpdateItem on the ledger;
            states:StartExecution on the ingestion machine; PIPELINE_DIR, LEDGER_TABLE, INGESTION_MACHINE
"""

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.ledger import Ledger
from tidegate.ingestion import envelope, notifications
from tidegate.ingestion.notifications import Delivery, ObjectNotification
from tidegate.messages.ingestion import Drop
from tidegate.plan import Plan

logger = Logger()
metrics = Metrics()
plan = Plan.load(Path(os.environ["PIPELINE_DIR"]))
ledger = Ledger(boto3.client("dynamodb"), os.environ["LEDGER_TABLE"])
step_functions = boto3.client("stepfunctions")
machine_arn = os.environ["INGESTION_MACHINE"]


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    deliveries = notifications.parse(event)
    metrics.add_metric("DropMessages", MetricUnit.Count, len(deliveries))
    failures = []
    for delivery in deliveries:
        try:
            _receive(delivery)
        except Exception:
            if delivery.message_id is None:
                raise
            # At the edge of the process: one bad message must not have its neighbours redelivered too.
            logger.exception("could not receive a drop", extra={"message_id": delivery.message_id})
            failures.append({"itemIdentifier": delivery.message_id})
    return {"batchItemFailures": failures}


def _receive(delivery: Delivery) -> None:
    if delivery.refusal is not None:
        raise notifications.UnknownNotificationError(delivery.refusal)
    for notification in delivery.notifications:
        if notification.is_created:
            _receive_object(notification)


def _receive_object(notification: ObjectNotification) -> None:
    drop, decision = envelope.inspect(
        notification,
        dataset=plan.contract.dataset,
        maximum_mebibytes=plan.config.ingestion.max_mebibytes,
    )
    drop = replace(drop, arrived_at=drop.arrived_at or datetime.now(UTC).isoformat(timespec="seconds"))
    claimed = ledger.claim(drop, state=decision.state, reason=decision.reason)
    logger.info(
        "received an object",
        extra={"key": drop.key, "drop_id": drop.drop_id, "state": decision.state, "claimed": claimed},
    )
    if claimed:
        metrics.add_metric(f"Drops{decision.state.capitalize()}", MetricUnit.Count, 1)
    if decision.state != "received":
        return
    if not claimed and (ledger.get(drop.drop_id) or {}).get("state") != "received":
        return  # delivered before, and its machine was started
    _start(drop)


def _start(drop: Drop) -> None:
    """Start the machine under a name made of the drop: started twice, it runs once."""
    name = f"drop-{drop.drop_id}"
    try:
        started = step_functions.start_execution(
            stateMachineArn=machine_arn, name=name, input=json.dumps(drop.to_json())
        )
        arn = started["executionArn"]
    except step_functions.exceptions.ExecutionAlreadyExists:
        arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
    ledger.mark_running(drop.drop_id, arn)
