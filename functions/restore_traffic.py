"""RestoreTraffic: after a rollout that ended without undoing anything, gives the champion all the traffic.

Invoked by  state RestoreTraffic of step_functions/restoration.asl.json, again after each step
Takes       {"rollout": name of the execution of the deployment machine that is over}
Returns     messages.Restoration; `return` is done by then, all else is the machine's
Raises      nothing on purpose
Needs       sagemaker:DescribeEndpoint, sagemaker:UpdateEndpointWeightsAndCapacities on the endpoint;
            dynamodb:GetItem, dynamodb:DeleteItem on the state table; ENDPOINT_NAME, STATE_TABLE
"""

import os
from dataclasses import replace
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from tidegate.aws.state import State
from tidegate.messages.deployment import Restoration
from tidegate.rollout.restoration import next_step
from tidegate.rollout.weights import returned

logger = Logger()
sagemaker = boto3.client("sagemaker")
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
endpoint_name = os.environ["ENDPOINT_NAME"]
NOT_NOW = "ValidationException"  # how SageMaker says both "not found" and "an update is in progress"


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    package = state.deployment_locked_by(event["rollout"])
    if package is None:  # it undid what it did, or another rollout runs
        return Restoration(do="nothing").to_json()
    champion, described = state.champion(), _described()
    found = next_step(described, None if champion is None else champion.variant)
    if found.do == "return" and described is not None:
        found = _return(found, described)
    logger.warning("a rollout ended without undoing", extra={"rollout": event["rollout"], "do": found.do})
    version = None if champion is None else champion.model_version
    return replace(found, model_package_arn=package, champion_version=version).to_json()


def _described() -> dict[str, Any] | None:
    try:
        return dict(sagemaker.describe_endpoint(EndpointName=endpoint_name))
    except ClientError as error:
        if error.response["Error"]["Code"] != NOT_NOW:
            raise
        return None


def _return(found: Restoration, described: dict[str, Any]) -> Restoration:
    """Change the weights; somebody may have begun another change since the endpoint was described."""
    state.forget_entities()  # before the weights, so that nobody is dealt to the candidate
    try:
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=endpoint_name,
            DesiredWeightsAndCapacities=returned(described, found.champion_variant),
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != NOT_NOW:
            raise
        return replace(found, do="wait", reason=str(error))
    return found
