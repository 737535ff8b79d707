"""AwaitApproval: keeps the token by which a person lets the candidate have all the traffic.

Invoked by  state AwaitApproval of step_functions/deployment.asl.json, which waits for the token
Takes       {"token": "...", "execution": ARN, "model_version": n}
Returns     {}, which nobody reads
Raises      nothing on purpose
Needs       dynamodb:PutItem on the state table; STATE_TABLE
"""

import os
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws.state import State

logger = Logger()
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    state.record_approval(event["token"], event["execution"], event["model_version"])
    logger.info("a rollout waits for a person", extra={"model_version": event["model_version"]})
    return {}
