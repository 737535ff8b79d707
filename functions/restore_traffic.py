"""RestoreTraffic: after a rollout that ended without undoing anything, gives the champion all the traffic.

Invoked by  the EventBridge rule RolloutEnded: an execution of the deployment machine was aborted, timed out
            or failed; a machine that is killed runs no Catch
Takes       {"detail": {"name": of the execution, ...}}
Returns     {"returned": whether weights were changed}
Raises      nothing on purpose; Lambda tries again while the endpoint cannot be changed
Needs       sagemaker:DescribeEndpoint, sagemaker:UpdateEndpointWeightsAndCapacities on the endpoint;
            dynamodb:GetItem, dynamodb:DeleteItem on the state table; ENDPOINT_NAME, STATE_TABLE
"""

import os
import time
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tidegate.aws.state import State
from tidegate.rollout.weights import returned

logger = Logger()
sagemaker = boto3.client("sagemaker")
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
endpoint_name = os.environ["ENDPOINT_NAME"]
PATIENCE_SECONDS = 240  # an update of weights takes minutes on AWS; the function has five
PAUSE_SECONDS = 1.0


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    holder = event["detail"]["name"]
    if not state.deployment_is_locked_by(holder):  # it undid what it did, or another rollout runs
        return {"returned": False}
    changed = _return()
    state.unlock_deployment(holder)
    logger.warning("a rollout ended without undoing", extra={"execution": holder, "returned": changed})
    return {"returned": changed}


def _return() -> bool:
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        champion = state.champion()
        variant = None if champion is None else champion.variant
        try:
            described = sagemaker.describe_endpoint(EndpointName=endpoint_name)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationException":  # how SageMaker says "not found"
                raise
            return False
        wanted = returned(described, variant)
        if not wanted:
            return False
        if described["EndpointStatus"] == "InService":
            state.forget_entities()  # before the weights, so that nobody is dealt to the candidate
            sagemaker.update_endpoint_weights_and_capacities(
                EndpointName=endpoint_name, DesiredWeightsAndCapacities=wanted
            )
            return True
        time.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"endpoint `{endpoint_name}` is being changed for {PATIENCE_SECONDS} s")
