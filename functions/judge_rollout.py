"""JudgeRollout: after a bake, say whether the candidate may have more traffic.

Invoked by  state JudgeRollout of step_functions/deployment.asl.json
Takes       {"plan": messages.RolloutPlan, "step": index, "counts": [messages.VariantCounts] at its start,
            "shifted": when its weights were reached, "now": ISO 8601, both by the machine's clock}
Returns     messages.RolloutJudgement
Raises      nothing on purpose
Needs       cloudwatch:GetMetricData, cloudwatch:DescribeAlarms on *; dynamodb:GetItem on the state table;
            s3:GetObject on the lake's captures/ and ground-truth/, s3:ListBucket on its captures/;
            PIPELINE_DIR, ENDPOINT_NAME, PREFIX, STATE_TABLE, LAKE_BUCKET
"""

import os
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from tidegate.aws import outcome_losses, traffic
from tidegate.aws.state import State
from tidegate.messages.deployment import RolloutJudgement, RolloutPlan, VariantCounts
from tidegate.plan import Plan
from tidegate.rollout.judge import Decision, Seen, judge
from tidegate.rollout.sequences import Moments

logger = Logger()
cloudwatch = boto3.client("cloudwatch")
s3 = boto3.client("s3", config=outcome_losses.CONFIG)
state = State(boto3.client("dynamodb"), os.environ["STATE_TABLE"])
lake_bucket = os.environ["LAKE_BUCKET"]
prefix = os.environ["PREFIX"]
config = Plan.load(Path(os.environ["PIPELINE_DIR"])).config
source = traffic.Source(
    endpoint=os.environ["ENDPOINT_NAME"],
    namespace=os.environ["POWERTOOLS_METRICS_NAMESPACE"],
    service=prefix,
    objective_ms=config.latency_objective_ms,
)
SPLIT_SECONDS = 5  # until every process of Predict deals requests by a step's weights


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    plan, number = RolloutPlan.from_json(event["plan"]), event["step"]
    champion = plan.champion_variant or ""
    variants = tuple(name for name in (plan.candidate_variant, plan.champion_variant) if name is not None)
    shifted = datetime.fromisoformat(event["shifted"])
    now = datetime.fromisoformat(event["now"])
    minutes = traffic.minutes(
        cloudwatch, source, variants, datetime.fromisoformat(plan.started), now + timedelta(seconds=1)
    )
    totals = traffic.total(minutes, variants)
    step = _of_step(minutes, totals, [VariantCounts.from_json(c) for c in event["counts"]], shifted)
    settled = shifted + timedelta(seconds=SPLIT_SECONDS)
    alone = {c.variant: c.requests for c in traffic.total(traffic.whole(minutes, settled, now), variants)}
    held = state.item(State.HOLD)
    decision = judge(
        config.deployment,
        plan.steps,
        number,
        Seen(
            candidate=step[plan.candidate_variant],
            champion=step.get(champion) or VariantCounts(variant=champion, requests=0, errors=0),
            split=_split(alone, plan),
            ringing=traffic.ringing(cloudwatch, f"{prefix}-{plan.candidate_variant}-"),
            held=None if held is None else held["reason"]["S"],
            hours=(now - shifted).total_seconds() / 3600,
            losses=_losses(plan, shifted) if plan.steps[number].minimum_outcomes else None,
        ),
    )
    logger.info("judged rollout", extra={"decision": decision.decision, "reason": decision.reason})
    return _judgement(decision, step, plan, totals).to_json()


def _split(alone: dict[str, int], plan: RolloutPlan) -> tuple[int, int]:
    """Requests of candidate and champion; none where entities are dealt: one may ask as often as the rest."""
    if config.serving.sticky:
        return 0, 0
    return alone[plan.candidate_variant], alone.get(plan.champion_variant or "", 0)


def _of_step(
    minutes: tuple[traffic.Minute, ...],
    totals: tuple[VariantCounts, ...],
    before: list[VariantCounts],
    shifted: datetime,
) -> dict[str, VariantCounts]:
    """Counts of each variant since the step began.

    What was counted before it is known from then; what CloudWatch told late of earlier minutes lies before
    the minute it began in. The smaller of the two counts is free of both.
    """
    floor = shifted.timestamp() // traffic.PERIOD_SECONDS * traffic.PERIOD_SECONDS
    variants = tuple(each.variant for each in totals)
    since = traffic.total(tuple(minute for minute in minutes if minute.start >= floor), variants)
    known = {each.variant: each for each in before}
    return {
        total.variant: traffic.smaller(traffic.minus(total, known.get(total.variant)), after)
        for total, after in zip(totals, since, strict=True)
    }


def _losses(plan: RolloutPlan, shifted: datetime) -> tuple[Moments, Moments]:
    """Of the champion and the candidate."""
    sides = (plan.champion_variant or "", plan.candidate_variant)
    champion, candidate = (
        outcome_losses.of_variant(
            s3, lake_bucket, f"captures/{source.endpoint}/{side}/", task=config.training.task, since=shifted
        )
        for side in sides
    )
    return champion, candidate


def _judgement(
    decision: Decision,
    step: dict[str, VariantCounts],
    plan: RolloutPlan,
    totals: tuple[VariantCounts, ...],
) -> RolloutJudgement:
    candidate, champion = step[plan.candidate_variant], step.get(plan.champion_variant or "")
    return RolloutJudgement(
        decision=decision.decision,
        reason=decision.reason,
        candidate_requests=candidate.requests,
        candidate_errors=candidate.errors,
        champion_requests=champion.requests if champion else 0,
        champion_errors=champion.errors if champion else 0,
        evidence=decision.evidence,
        needed=decision.needed,
        more_requests=decision.more_requests,
        guardrails=decision.guardrails,
        outcomes=decision.outcomes,
        split=decision.split,
        totals=totals,
    )
