"""Whether a candidate may have more traffic: failures alone, judged so that looking often costs nothing.

Pure. Two things speak against a candidate: it fails more often than the champion beside it, or more often
than any model may. Both are bets on how failures fall. Were the candidate no worse, each failed request would
be its own with its share of the traffic, and each of its requests would fail with the share that may fail at
most. An e-value multiplies up, event by event, how much better that is explained by odds r times as high; the
mean of the two exceeds 1 / alpha with probability at most alpha, however often it is looked at (Ville's
inequality). A rollout of n steps asks for n / alpha in each, so that alpha holds for all of it.
"""

import math
from dataclasses import dataclass
from typing import Literal

from tidegate.config import DeploymentSection
from tidegate.messages import RolloutStep

VARIANTS = ("variant-a", "variant-b")  # the champion lives in one, the candidate comes into the other

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 8.0)  # how many times the odds of a bad candidate may be; mixed evenly
SMALLEST_ERROR_SHARE = 1e-4  # what a limit of 0 means: of no finite number of requests can less be known


@dataclass(frozen=True, kw_only=True)
class StepTraffic:
    """What happened in the current step."""

    candidate_requests: int
    candidate_errors: int
    champion_requests: int
    champion_errors: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    decision: Literal["advance", "wait", "roll-back"]
    reason: str
    evidence: float


def e_value(hits: int, misses: int, share: float) -> float:
    """Evidence that an event is a hit more often than `share`; 1 means none, large means much.

    Args:
        share: of hits among the events at most, in [0, 1]; at 0 and 1 there is nothing to compare.
    """
    if not 0 < share < 1:
        return 1.0
    logs = []
    for ratio in RATIOS:
        p = share * ratio / (share * ratio + 1 - share)
        logs.append(hits * math.log(p / share) + misses * math.log((1 - p) / (1 - share)))
    top = max(logs)
    return math.exp(min(top, 700.0)) * sum(math.exp(log - top) for log in logs) / len(logs)


def judge(
    section: DeploymentSection, step: RolloutStep, traffic: StepTraffic, ringing: tuple[str, ...] = ()
) -> Decision:
    """Roll back on an alarm or on evidence; advance with enough good traffic; wait otherwise.

    Args:
        ringing: names of the candidate's alarms in ALARM.
    """
    seen, failed = traffic.candidate_requests, traffic.candidate_errors
    limit = section.maximum_error_share
    worse = e_value(failed, traffic.champion_errors, step.weight)
    unfit = e_value(failed, seen - failed, max(limit, SMALLEST_ERROR_SHARE))
    evidence = (worse + unfit) / 2
    needed = len(section.steps) / section.alpha
    share = failed / seen if seen else 0.0
    count = f"{failed} of {seen} requests failed"
    if ringing:
        return Decision(decision="roll-back", reason=f"alarm {', '.join(ringing)} rings", evidence=evidence)
    if evidence >= needed:
        beside = f"of the champion's {traffic.champion_errors} of {traffic.champion_requests}"
        reason = f"{count}, {beside}; at most {limit:.1%} may: evidence {evidence:.3g} of {needed:.3g}"
        return Decision(decision="roll-back", reason=reason, evidence=evidence)
    if seen < max(1, step.minimum_requests):
        reason = f"{seen} of {max(1, step.minimum_requests)} requests the candidate needs in this step"
        return Decision(decision="wait", reason=reason, evidence=evidence)
    if share > limit:
        reason = f"{count}, at most {limit:.1%} may: too many to advance, too few to roll back"
        return Decision(decision="wait", reason=reason, evidence=evidence)
    return Decision(decision="advance", reason=count, evidence=evidence)
