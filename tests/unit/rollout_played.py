"""Rollouts played against the real judge, as the history of the machine that would have asked it."""

import json
import random
from datetime import UTC, datetime, timedelta

from tidegate.messages.deployment import (
    MirrorReport,
    RolloutJudgement,
    RolloutPlan,
    RolloutStep,
    VariantCounts,
)
from tidegate.rollout.history import Rollout, read
from tidegate.rollout.judge import Seen, judge
from tidegate.rollout.sequences import Moments
from tidegate.settings.config import DeploymentSection, StepSection

BEGAN = datetime(2026, 11, 2, 8, tzinfo=UTC)
STEPS = (
    RolloutStep(weight=0.05, bake_seconds=1800, minimum_requests=1000),
    RolloutStep(weight=0.5, bake_seconds=3600, minimum_requests=5000, hold_hours=6, minimum_outcomes=500),
    RolloutStep(weight=1.0, bake_seconds=3600, minimum_requests=1000),
)
SECTION = DeploymentSection(
    steps=(StepSection(weight=1.0, bake_seconds=1),), maximum_error_share=0.05, outcome_margin=0.1
)
SAID = ("decision", "reason", "evidence", "needed", "more_requests", "guardrails", "outcomes", "split")
PLAN = RolloutPlan(
    model_package_arn="arn:aws:sagemaker:us-east-1:123456789012:model-package/flights-dev/7",
    model_version=7,
    model_name="flights-dev-v7",
    config_name="flights-dev-v7-rollout",
    final_config_name="flights-dev-v7-final",
    candidate_variant="variant-b",
    champion_variant="variant-a",
    champion_model_name="flights-dev-v6",
    champion_config_name="flights-dev-v6-final",
    manifest_sha256="0" * 64,
    started=BEGAN.isoformat(),
    steps=STEPS,
    champion_version=6,
)
MIRROR = MirrorReport(
    requests=200,
    rows=480,
    failed=0,
    invalid=0,
    slow=1,
    flipped=12,
    median_difference=0.004,
    p99_difference=0.09,
    largest_difference=0.2,
    median_ms=3.1,
    p99_ms=9.7,
    evidence=0.4,
    needed=1000.0,
)


class Told:
    """Events of a history, one after the other."""

    def __init__(self):
        self.now = BEGAN
        self.events = []

    def enter(self, state):
        self._add("TaskStateEntered", stateEnteredEventDetails={"name": state})

    def succeed(self, answer):
        self._add("TaskSucceeded", taskSucceededEventDetails={"output": json.dumps(answer)})

    def ask(self, state, payload):
        self.enter(state)
        self.succeed({"Payload": payload})

    def _add(self, kind, **details):
        self.events.append({"type": kind, "timestamp": self.now, **details})


def played(*, error_share=0.01, loss=0.18, looks=60, plan=PLAN, **ended) -> Rollout:
    """A rollout of a candidate that fails so often and loses so much; the champion fails in 1 %, loses 0.18.

    6000 requests an hour, a tenth of them with a known outcome.

    Args:
        looks: after which it is told as it then stands.
        ended: of DescribeExecution's answer.
    """
    draw, told = random.Random(7), Told()  # noqa: S311  no secret
    told.ask("PreflightCandidate", plan.to_json())
    told.now += timedelta(minutes=6)
    told.ask("CheckCandidate", {"rows": 64})
    told.ask("MirrorTraffic", {"report": MIRROR.to_json(), "counts": []})
    number, decision = -1, "advance"
    for _ in range(looks):
        if decision == "advance":
            told.enter("NextStep")
            number, counts, began = number + 1, ([0, 0], [0, 0]), told.now
        step = plan.steps[number]
        told.now += timedelta(seconds=step.bake_seconds)
        for side, share, failing in ((0, step.weight, error_share), (1, 1 - step.weight, 0.01)):
            asked = sum(draw.random() < share for _ in range(step.bake_seconds * 6000 // 3600))
            counts[side][0] += asked
            counts[side][1] += sum(draw.random() < failing for _ in range(asked))
        hours = (told.now - began).total_seconds() / 3600
        losses = _losses(counts, loss) if step.minimum_outcomes else None
        found = judge(SECTION, plan.steps, number, _seen(counts, hours, losses))
        told.ask("JudgeRollout", _judgement(found, counts).to_json())
        decision = found.decision
        if decision == "roll-back" or (decision == "advance" and step is plan.steps[-1]):
            break
    told.enter({"roll-back": "StopRollout", "advance": "RecordChampion"}.get(decision, "BakeCandidate"))
    if decision == "advance":
        told.succeed({})
    described = {"executionArn": "arn:e", "status": "RUNNING", "startDate": BEGAN, **ended}
    return read(told.events, described)


def _losses(counts, loss):
    candidate, champion = (each[0] // 10 for each in counts)
    return (
        Moments(count=champion, mean=0.18, variance=0.05),
        Moments(count=candidate, mean=loss, variance=0.05),
    )


def _seen(counts, hours, losses):
    (asked, failed), (others, theirs) = counts
    return Seen(
        candidate=VariantCounts(variant="variant-b", requests=asked, errors=failed),
        champion=VariantCounts(variant="variant-a", requests=others, errors=theirs),
        split=(asked, others),
        hours=hours,
        losses=losses,
    )


def _judgement(found, counts):
    (asked, failed), (others, theirs) = counts
    return RolloutJudgement(
        **{name: getattr(found, name) for name in SAID},
        candidate_requests=asked,
        candidate_errors=failed,
        champion_requests=others,
        champion_errors=theirs,
        totals=(),
    )
