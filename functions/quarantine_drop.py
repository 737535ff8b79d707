"""QuarantineDrop: keep a drop where it lies, write down why it goes no further.

Invoked by  state QuarantineDrop of step_functions/ingestion.asl.json
Takes       {drop: messages.Drop, verdict: messages.Verdict or null, reason: text or null}
Returns     {drop_id, report_key, reason}
Raises      nothing on purpose
Needs       s3:PutObject on quarantine/ of the lake; dynamodb:UpdateItem on the ledger;
            LAKE_BUCKET, LEDGER_TABLE
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.aws.ledger import Ledger
from tidegate.messages.ingestion import Drop, Verdict

logger = Logger()
metrics = Metrics()
lake_bucket = os.environ["LAKE_BUCKET"]
s3 = boto3.client("s3")
ledger = Ledger(boto3.client("dynamodb"), os.environ["LEDGER_TABLE"])

_REASON_LENGTH = 1000


@logger.inject_lambda_context
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    drop = Drop.from_json(event["drop"])
    verdict = Verdict.from_json(event["verdict"]) if event.get("verdict") else None
    reason = event.get("reason") or (_summary(verdict) if verdict else "no reason was given")
    report_key = lake_keys.reasons(drop)
    document = {"drop": drop.to_json(), "reason": reason, "verdict": verdict.to_json() if verdict else None}
    objects.put_json(s3, lake_bucket, report_key, document)
    ledger.finish(
        drop.drop_id,
        "quarantined",
        reason[:_REASON_LENGTH],
        rows=verdict.rows if verdict else 0,
        verdict="quarantine",
        report_key=report_key,
    )
    metrics.add_metric("DropsQuarantined", MetricUnit.Count, 1)
    logger.warning("quarantined a drop", extra={"key": drop.key, "reason": reason[:_REASON_LENGTH]})
    return {"drop_id": drop.drop_id, "report_key": report_key, "reason": reason[:_REASON_LENGTH]}


def _summary(verdict: Verdict) -> str:
    """The errors, in one line; warnings did not bring it here."""
    return "; ".join(reason.message for reason in verdict.reasons if reason.severity == "error")
