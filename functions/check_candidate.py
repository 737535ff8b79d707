"""CheckCandidate: the golden rows, asked of the candidate alone before any user's request reaches it.

Invoked by  state CheckCandidate of step_functions/deployment.asl.json
Takes       {"plan": messages.RolloutPlan}
Returns     {"rows": n}
Raises      CandidateUnhealthyError (rolled back)
Needs       sagemaker:DescribeModelPackage on the package group; sagemaker:InvokeEndpoint on the endpoint;
            s3:GetObject on the lake's evaluations/;
            PIPELINE_DIR, LAKE_BUCKET, ENDPOINT_NAME
"""

import os
import uuid
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import endpoint, registry
from tidegate.aws.endpoint import EndpointUnavailableError
from tidegate.aws.objects import get_json
from tidegate.errors import CandidateUnhealthyError
from tidegate.messages.deployment import RolloutPlan
from tidegate.monitoring.capture import GOLDEN
from tidegate.plan import Plan
from tidegate.serving.answers import distance

logger = Logger()
config = Plan.load(Path(os.environ["PIPELINE_DIR"])).config
runtime = boto3.client("sagemaker-runtime", config=endpoint.deadline(config.serving.timeout_ms * 5))
sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")
lake_bucket = os.environ["LAKE_BUCKET"]
endpoint_name = os.environ["ENDPOINT_NAME"]
TOLERANCE = 1e-9  # other processors differ in the last bits


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan = RolloutPlan.from_json(event["plan"])
    run = registry.describe(sagemaker, plan.model_package_arn).metadata["run"]
    rows = get_json(s3, lake_bucket, f"evaluations/{run}/golden.json")["rows"]
    _compare(plan, rows)
    logger.info("golden rows answered", extra={"rows": len(rows), "variant": plan.candidate_variant})
    return {"rows": len(rows)}


def _compare(plan: RolloutPlan, rows: list[dict[str, Any]]) -> None:
    what = f"version {plan.model_version} failed on its golden rows"
    try:
        answer = endpoint.invoke(
            runtime,
            endpoint_name,
            [row["instance"] for row in rows],
            inference_id=f"{GOLDEN}{uuid.uuid4()}",
            variant=plan.candidate_variant,
        )
        pairs = zip(rows, answer.predictions, strict=True)
        distances = [distance(row["answer"], given) for row, given in pairs]
    except (EndpointUnavailableError, KeyError, TypeError, ValueError) as cause:
        raise CandidateUnhealthyError(what, cause=f"{type(cause).__name__}: {cause}"[:500]) from cause
    wrong = [apart for apart in distances if apart > TOLERANCE]
    if wrong:
        raise CandidateUnhealthyError(
            what,
            cause=f"{len(wrong)} of {len(rows)} answers differ from the evaluation's, one by {wrong[0]:.3g}",
            hint="the container does not compute what was trained: compare image and feature versions",
        )
