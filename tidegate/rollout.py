"""Whether a candidate may have more traffic: bad events alone, judged so that looking often costs nothing.

Pure. Under "the candidate is no worse", each failed request belongs to it with its share f of the traffic.
The e-value multiplies up, failure by failure, how much better that is explained by a candidate that fails r
times as often; it exceeds 1 / alpha with probability at most alpha, however often it is looked at (Ville's
inequality).
"""

import math
from dataclasses import dataclass
from typing import Literal

from tidegate.config import DeploymentSection
from tidegate.messages import RolloutStep

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 8.0)  # how many times as often a bad candidate may fail; mixed evenly
MINIMUM_FOR_SHARE = 20  # requests before the plain limit on the share of errors counts


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


def e_value(candidate_errors: int, champion_errors: int, share: float) -> float:
    """Evidence that the candidate fails more often; 1 means none, large means much.

    Args:
        share: of the requests that went to the candidate, in [0, 1]; at 0 and 1 there is no comparison.
    """
    if not 0 < share < 1:
        return 1.0
    logs = []
    for ratio in RATIOS:
        p = share * ratio / (share * ratio + 1 - share)
        logs.append(
            candidate_errors * math.log(p / share) + champion_errors * math.log((1 - p) / (1 - share))
        )
    top = max(logs)
    return math.exp(min(top, 700.0)) * sum(math.exp(log - top) for log in logs) / len(logs)


def judge(
    section: DeploymentSection, step: RolloutStep, traffic: StepTraffic, ringing: tuple[str, ...] = ()
) -> Decision:
    """Roll back on an alarm or evidence; advance with enough traffic; wait otherwise.

    Args:
        ringing: names of the candidate's alarms in ALARM.
    """
    seen = traffic.candidate_requests
    total = seen + traffic.champion_requests
    share = step.weight if step.weight < 1 else (seen / total if total else 1.0)
    evidence = e_value(traffic.candidate_errors, traffic.champion_errors, share)
    if ringing:
        return Decision(decision="roll-back", reason=f"alarm {', '.join(ringing)} rings", evidence=evidence)
    if evidence >= 1 / section.alpha:
        return Decision(
            decision="roll-back",
            reason=(
                f"{traffic.candidate_errors} of {seen} requests failed, "
                f"of the champion's {traffic.champion_errors} of {traffic.champion_requests}: "
                f"evidence {evidence:.3g} of {1 / section.alpha:.3g}"
            ),
            evidence=evidence,
        )
    failed = traffic.candidate_errors / seen if seen else 0.0
    if seen >= MINIMUM_FOR_SHARE and failed > section.maximum_error_share:
        return Decision(
            decision="roll-back",
            reason=f"{failed:.1%} of {seen} requests failed, at most {section.maximum_error_share:.1%} may",
            evidence=evidence,
        )
    if seen < step.minimum_requests:
        return Decision(
            decision="wait",
            reason=f"{seen} of {step.minimum_requests} requests the candidate needs in this step",
            evidence=evidence,
        )
    return Decision(
        decision="advance", reason=f"{traffic.candidate_errors} of {seen} requests failed", evidence=evidence
    )
