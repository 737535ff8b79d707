"""ReportRollout: the page of a rollout, and all it shows as JSON, into the lake.

Invoked by  the EventBridge rules RolloutOver, on every end of the deployment machine, and RolloutPromoted, as
            the old champion is kept warm for a while after it has lost its traffic
Takes       {"detail": {"executionArn": ...}}
Returns     {"report_key"}
Raises      nothing on purpose; Lambda tries again, and the page is made anew
Needs       states:DescribeExecution, states:GetExecutionHistory on the deployment machine's executions;
            s3:PutObject on the lake's rollouts/; LAKE_BUCKET
"""

import os
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate import lake_keys
from tidegate.aws import objects
from tidegate.report.rollout_page import page
from tidegate.rollout import history

logger = Logger()
stepfunctions = boto3.client("stepfunctions")
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    arn = event["detail"]["executionArn"]
    pages = stepfunctions.get_paginator("get_execution_history").paginate(executionArn=arn)
    found = history.read(
        (told for each in pages for told in each["events"]),
        stepfunctions.describe_execution(executionArn=arn),
    )
    name = arn.rpartition(":")[2]
    objects.put_json(s3, lake_bucket, lake_keys.rollout(name, "report.json"), found.to_json())
    key = lake_keys.rollout(name, "report.html")
    html = page(found, now=datetime.now(UTC)).encode()
    s3.put_object(Bucket=lake_bucket, Key=key, Body=html, ContentType="text/html; charset=utf-8")
    logger.info("told a rollout", extra={"outcome": found.outcome, "report_key": key})
    return {"report_key": key}
