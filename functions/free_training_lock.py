"""FreeTrainingLock: an execution that was aborted, timed out or failed holds the training lock no longer.

A machine that is stopped by a person, or ends with its time, runs no state that could release it.

Invoked by  rule TrainingStopped of infra/constructs/training.py
Takes       Step Functions Execution Status Change
Returns     {"freed": whether it held the lock}
Raises      nothing on purpose
Needs       dynamodb:DeleteItem on the state table; PIPELINE_DIR, STATE_TABLE
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
    execution = event["detail"]["executionArn"]
    freed = state.free_training_lock(execution)
    logger.info(
        "training ended early",
        extra={"execution": execution, "status": event["detail"]["status"], "freed": freed},
    )
    return {"freed": freed}
