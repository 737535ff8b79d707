"""Whether a candidate may have more traffic: judged so that looking often costs nothing.

Pure. The chance that a candidate that is no worse is ever rolled back by its guardrails is at most `alpha`
for the whole rollout; by its outcomes at most `outcome_alpha`. Missing data never advances it.
"""

import math
from dataclasses import dataclass
from typing import Literal

from tidegate.messages.deployment import (
    BadEvent,
    GuardrailEvidence,
    OutcomeEvidence,
    RolloutStep,
    SplitEvidence,
    VariantCounts,
)
from tidegate.rollout import guardrails, sample_ratio, sequences
from tidegate.rollout.evidence import in_words
from tidegate.rollout.guardrails import GUARDRAILS, Traffic
from tidegate.rollout.sequences import Moments
from tidegate.settings.config import DeploymentSection

SPLIT_ALPHA = 0.001  # chance that a split as told is ever called a mismatch


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All there is to know of the current step."""

    candidate: VariantCounts  # in this step
    champion: VariantCounts
    split: tuple[int, int] = (0, 0)  # requests of the candidate and the champion at this step's weights alone
    ringing: tuple[str, ...] = ()  # names of the candidate's alarms in ALARM
    held: str | None = None  # why a person holds the rollout
    hours: float = 0.0  # since the step's weights were reached
    losses: tuple[Moments, Moments] | None = None  # of the champion and the candidate; None: nobody looked


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`hold` is a wait that no one counts: it was asked for."""

    decision: Literal["advance", "wait", "hold", "roll-back"]
    reason: str
    evidence: float
    needed: float  # roll back at so much evidence
    more_requests: int  # of the candidate until it has the least that the step asks for
    guardrails: tuple[GuardrailEvidence, ...]
    outcomes: OutcomeEvidence | None
    split: SplitEvidence | None


def judge(section: DeploymentSection, steps: tuple[RolloutStep, ...], number: int, seen: Seen) -> Decision:
    """Roll back on an alarm or on evidence; advance with enough good traffic; wait otherwise.

    Args:
        number: of the current step, from 0.
    """
    step = steps[number]
    traffic = Traffic(weight=step.weight, candidate=seen.candidate, champion=seen.champion)
    found = guardrails.evidence(traffic, limits(section))
    evidence = guardrails.combined(found)
    needed = 1 / guardrails.alpha_of_step(section.alpha, number, len(steps))
    outcomes = _outcomes(section, seen)
    split = _split(step, seen)
    more = max(0, _least(step) - seen.candidate.requests)

    def decide(decision: Literal["advance", "wait", "hold", "roll-back"], reason: str) -> Decision:
        return Decision(
            decision=decision,
            reason=reason,
            evidence=evidence,
            needed=needed,
            more_requests=more,
            guardrails=found,
            outcomes=outcomes,
            split=split,
        )

    if seen.ringing:
        return decide("roll-back", f"alarm {', '.join(seen.ringing)} rings")
    if evidence >= needed:
        return decide("roll-back", _accusation(section, seen, found, evidence, needed))
    if outcomes and outcomes.lower is not None and outcomes.lower > outcomes.margin:
        return decide("roll-back", f"outcomes are worse: {told(outcomes)}")
    waiting = _waiting(section, step, traffic, split, outcomes)
    if seen.held is not None:
        return decide("hold", f"held: {seen.held}" + (f"; {waiting}" if waiting else ""))
    if seen.hours < step.hold_hours:
        wait = f"{seen.hours:.1f} of {step.hold_hours:g} hours this step lasts"
        return decide("hold", wait + (f"; {waiting}" if waiting else ""))
    if waiting:
        return decide("wait", waiting)
    good = f"{seen.candidate.errors} of {seen.candidate.requests} requests failed"
    return decide("advance", good + (f"; {told(outcomes)}" if outcomes else ""))


def limits(section: DeploymentSection) -> dict[BadEvent, float]:
    """Share of the candidate's requests that may be bad at most, by kind."""
    return {
        kind: section.maximum_slow_share if kind == "slow" else section.maximum_error_share
        for kind in GUARDRAILS
    }


def more_to_roll_back(requests: int, evidence: float, needed: float) -> int | None:
    """How many more of its requests a rollback takes if they go on as so far; None when they lead elsewhere.

    Evidence grows by a factor with each request.
    """
    if evidence <= 1 or not requests:
        return None
    return max(0, math.ceil(requests * (math.log(needed) / math.log(evidence) - 1)))


def told(outcomes: OutcomeEvidence) -> str:
    """The bounds in words."""
    counts = f"{outcomes.candidate} outcomes of the candidate, {outcomes.champion} of the champion"
    if outcomes.lower is None or outcomes.upper is None:
        return counts
    bounds = f"loss differs by {outcomes.lower:+.4g} to {outcomes.upper:+.4g}"
    return f"{counts}: {bounds}, at most {outcomes.margin:+.4g} may"


def _least(step: RolloutStep) -> int:
    """Even a step that asks for no request waits for one: missing data never advances."""
    return max(1, step.minimum_requests)


def _outcomes(section: DeploymentSection, seen: Seen) -> OutcomeEvidence | None:
    if seen.losses is None:
        return None
    champion, candidate = seen.losses
    bounds = sequences.difference(champion, candidate, section.outcome_alpha)
    margin = section.outcome_margin * champion.mean
    return OutcomeEvidence(
        champion=champion.count,
        candidate=candidate.count,
        champion_loss=champion.mean,
        candidate_loss=candidate.mean,
        margin=margin,
        lower=None if bounds is None else bounds[0],
        upper=None if bounds is None else bounds[1],
        more=sequences.more_until_decided(champion, candidate, section.outcome_alpha, margin),
    )


def _split(step: RolloutStep, seen: Seen) -> SplitEvidence | None:
    if not any(seen.split) or step.weight >= 1:
        return None
    return SplitEvidence(
        candidate=seen.split[0],
        champion=seen.split[1],
        evidence=sample_ratio.e_value(*seen.split, step.weight),
        needed=1 / SPLIT_ALPHA,
    )


def _waiting(
    section: DeploymentSection,
    step: RolloutStep,
    traffic: Traffic,
    split: SplitEvidence | None,
    outcomes: OutcomeEvidence | None,
) -> str:
    """Why the candidate may not have more yet; empty when it may."""
    if split is not None and split.evidence >= split.needed:
        share = split.candidate / (split.candidate + split.champion)
        return f"the candidate gets {share:.1%} of the requests instead of {step.weight:.1%}: mend the split"
    if traffic.candidate.requests < _least(step):
        return f"{traffic.candidate.requests} of {_least(step)} requests the candidate needs in this step"
    if beyond := [*guardrails.beyond(traffic, limits(section))]:
        return f"{'; '.join(beyond)}: too many to advance, too few to roll back"
    if not step.minimum_outcomes:
        return ""
    if outcomes is None or outcomes.upper is None or outcomes.candidate < step.minimum_outcomes:
        known = 0 if outcomes is None else outcomes.candidate
        least = max(step.minimum_outcomes, sequences.MINIMUM_COUNT)
        return f"{known} of {least} outcomes of the candidate are known"
    if outcomes.upper > outcomes.margin:
        return f"not shown to be as good: {told(outcomes)}"
    return ""


def _accusation(
    section: DeploymentSection,
    seen: Seen,
    found: tuple[GuardrailEvidence, ...],
    evidence: float,
    needed: float,
) -> str:
    worst = max(found, key=lambda each: GUARDRAILS[each.name][0] * each.evidence)
    did = GUARDRAILS[worst.name][1]
    return (
        f"{worst.candidate} of {seen.candidate.requests} requests {did}, of the champion's "
        f"{worst.champion} of {seen.champion.requests}; at most {limits(section)[worst.name]:.1%} may: "
        f"evidence {in_words(evidence)} of {in_words(needed)}"
    )
