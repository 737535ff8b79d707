"""MirrorTraffic: the champion's latest requests, asked of the candidate before any user's request reaches it.

Invoked by  state MirrorTraffic of step_functions/deployment.asl.json
Takes       {"plan": messages.RolloutPlan, "now": ISO 8601, by the machine's clock}
Returns     {"report": messages.MirrorReport, "counts": [messages.VariantCounts]}, the traffic so far, so that
            steps count from here
Raises      CandidateUnhealthyError (rolled back)
Needs       sagemaker:InvokeEndpoint on the endpoint; s3:GetObject, s3:ListBucket on the lake's captures/;
            cloudwatch:GetMetricData on *; PIPELINE_DIR, LAKE_BUCKET, ENDPOINT_NAME, PREFIX
"""

import itertools
import os
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import captures, endpoint, traffic
from tidegate.aws.endpoint import EndpointUnavailableError
from tidegate.errors import CandidateUnhealthyError
from tidegate.messages.deployment import RolloutPlan
from tidegate.monitoring.capture import MIRROR, Request, requests
from tidegate.plan import Plan
from tidegate.rollout import mirror
from tidegate.rollout.mirror import Copied

logger = Logger()
config = Plan.load(Path(os.environ["PIPELINE_DIR"])).config
runtime = boto3.client("sagemaker-runtime", config=endpoint.deadline(config.serving.timeout_ms))
s3 = boto3.client("s3")
cloudwatch = boto3.client("cloudwatch")
lake_bucket = os.environ["LAKE_BUCKET"]
source = traffic.Source(
    endpoint=os.environ["ENDPOINT_NAME"],
    namespace=os.environ["POWERTOOLS_METRICS_NAMESPACE"],
    service=os.environ["PREFIX"],
    objective_ms=config.latency_objective_ms,
)
THREADS = 4  # one instance must not be drowned by what nobody waits for
SECONDS = 40  # of copying; the function has more


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan, now = RolloutPlan.from_json(event["plan"]), datetime.fromisoformat(event["now"])
    copied = _copy(plan, now) if plan.champion_variant else []
    report = mirror.report(config.training.task, copied, config.deployment, config.latency_objective_ms)
    logger.info("copied traffic", extra={"report": report.to_json()})
    if refusal := mirror.refusal(report):
        raise CandidateUnhealthyError(
            f"version {plan.model_version} failed on copied traffic",
            cause=refusal,
            hint=f"its log says why: /aws/sagemaker/Endpoints/{source.endpoint}",
        )
    variants = tuple(name for name in (plan.candidate_variant, plan.champion_variant) if name is not None)
    since, until = datetime.fromisoformat(plan.started), now + timedelta(seconds=1 + SECONDS)
    counts = traffic.total(traffic.minutes(cloudwatch, source, variants, since, until), variants)
    return {"report": report.to_json(), "counts": [count.to_json() for count in counts]}


def _copy(plan: RolloutPlan, now: datetime) -> list[Copied]:
    """The answers to as many requests as are asked for, fit into the time, or were captured of late."""
    until = time.monotonic() + SECONDS

    def ask(request: Request) -> Copied | None:
        began = time.monotonic()
        if began > until:
            return None
        try:
            answer = endpoint.invoke(
                runtime,
                source.endpoint,
                list(request.instances),
                inference_id=f"{MIRROR}{uuid.uuid4()}",
                variant=plan.candidate_variant,
            ).predictions
        except EndpointUnavailableError:
            answer = None
        taken = (time.monotonic() - began) * 1000
        return Copied(champion=request.answers, candidate=answer, milliseconds=taken)

    wanted = itertools.islice(_captured(plan, now), config.deployment.mirror_rows)
    with ThreadPoolExecutor(THREADS) as threads:
        return [each for each in threads.map(ask, wanted) if each is not None]


def _captured(plan: RolloutPlan, now: datetime) -> Iterator[Request]:
    """The champion's requests of the last minutes, newest file first."""
    since = now - timedelta(minutes=config.deployment.mirror_minutes)
    prefix = f"captures/{source.endpoint}/{plan.champion_variant}/"
    for file in reversed([*captures.since(s3, lake_bucket, prefix, since)]):
        lines = s3.get_object(Bucket=lake_bucket, Key=file.key)["Body"].iter_lines(1 << 20)
        yield from requests(lines)
