"""JudgeRollout: after a bake, say whether the candidate may have more traffic.

Invoked by  state JudgeRollout of step_functions/deployment.asl.json
Takes       {"plan": messages.RolloutPlan, "step": index, "counts": [messages.VariantCounts] at its start}
Returns     messages.RolloutJudgement
Raises      nothing on purpose
Needs       cloudwatch:GetMetricData, cloudwatch:DescribeAlarms on *; PIPELINE_DIR, ENDPOINT_NAME, PREFIX
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import traffic
from tidegate.messages import RolloutJudgement, RolloutPlan, VariantCounts
from tidegate.plan import Plan
from tidegate.rollout import StepTraffic, judge

logger = Logger()
cloudwatch = boto3.client("cloudwatch")
endpoint_name = os.environ["ENDPOINT_NAME"]
prefix = os.environ["PREFIX"]
deployment = Plan.load(Path(os.environ["PIPELINE_DIR"])).config.deployment


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan = RolloutPlan.from_json(event["plan"])
    before = {c.variant: c for c in map(VariantCounts.from_json, event["counts"])}
    variants = tuple(name for name in (plan.candidate_variant, plan.champion_variant) if name is not None)
    until = datetime.now(UTC) + timedelta(seconds=1)
    totals = traffic.counts(cloudwatch, endpoint_name, variants, datetime.fromisoformat(plan.started), until)
    step = {total.variant: _since(total, before.get(total.variant)) for total in totals}
    candidate = step[plan.candidate_variant]
    champion = step[plan.champion_variant] if plan.champion_variant else (0, 0)
    decision = judge(
        deployment,
        plan.steps[event["step"]],
        StepTraffic(
            candidate_requests=candidate[0],
            candidate_errors=candidate[1],
            champion_requests=champion[0],
            champion_errors=champion[1],
        ),
        traffic.ringing(cloudwatch, f"{prefix}-{plan.candidate_variant}-"),
    )
    logger.info("judged rollout", extra={"decision": decision.decision, "reason": decision.reason})
    return RolloutJudgement(
        decision=decision.decision,
        reason=decision.reason,
        candidate_requests=candidate[0],
        candidate_errors=candidate[1],
        champion_requests=champion[0],
        champion_errors=champion[1],
        evidence=decision.evidence,
        totals=totals,
    ).to_json()


def _since(total: VariantCounts, before: VariantCounts | None) -> tuple[int, int]:
    """Requests and errors since the step began; a count that CloudWatch does not tell yet is 0, not less."""
    if before is None:
        return total.requests, total.errors
    return max(0, total.requests - before.requests), max(0, total.errors - before.errors)
