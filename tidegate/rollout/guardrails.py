"""Guardrails: the kinds of bad events of a variant, and the evidence that they speak against the candidate.

Pure. Of each kind two things are asked: does it fall on the candidate more often than its share of traffic
explains, and more often than any model may? Every question is an e-value, their mean is one too, so one
threshold holds for all of them at once. The mean's weights say where a small fault must be found soon.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tidegate.messages.deployment import BadEvent, GuardrailEvidence, VariantCounts
from tidegate.rollout.evidence import e_value

# kind -> (its weight in the mean, what a request did)
GUARDRAILS: dict[BadEvent, tuple[float, str]] = {
    "errors": (0.6, "failed"),
    "slow": (0.1, "took longer than the objective"),
    "timeouts": (0.1, "passed the deadline"),
    "fallbacks": (0.1, "were answered by a fallback"),
    "invalid": (0.1, "had an invalid answer"),
}
BESIDE_CHAMPION = 0.8  # of a kind's weight; the rest is for the absolute limit
SMALLEST_SHARE = 1e-4  # what a limit of 0 means: of no finite number of requests can less be known


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What happened in the current step."""

    weight: float  # share of the traffic that the candidate should get, in (0, 1]
    candidate: VariantCounts
    champion: VariantCounts

    @property
    def share(self) -> float:
        """The candidate's share of requests: what it should be, or what it is when that is more.

        Too high a share accuses nobody; too low a one, as when one caller makes many requests, would.
        """
        total = self.candidate.requests + self.champion.requests
        return max(self.weight, self.candidate.requests / total if total else 0.0)


def evidence(traffic: Traffic, limits: dict[BadEvent, float]) -> tuple[GuardrailEvidence, ...]:
    """Each kind's two e-values in one.

    Args:
        limits: share of the candidate's requests that may be bad at most, for each kind.
    """
    return tuple(_of_kind(kind, traffic, limits[kind]) for kind in GUARDRAILS)


def combined(found: tuple[GuardrailEvidence, ...]) -> float:
    """The weighted mean over kinds, itself an e-value."""
    return sum(GUARDRAILS[each.name][0] * each.evidence for each in found)


def alpha_of_step(alpha: float, step: int, steps: int) -> float:
    """The chance of a false alarm that a step may spend: half of it the first, the rest is shared evenly.

    Most bad candidates are met in the canary, so there the least evidence is asked for. The sum over steps is
    `alpha`.
    """
    if steps == 1:
        return alpha
    return alpha / 2 if step == 0 else alpha / 2 / (steps - 1)


def beyond(traffic: Traffic, limits: dict[BadEvent, float]) -> Iterator[str]:
    """Sentences on kinds of which the candidate has a larger share than it may."""
    requests = traffic.candidate.requests
    for kind, (_, what) in GUARDRAILS.items():
        bad = getattr(traffic.candidate, kind)
        if requests and bad / requests > limits[kind]:
            yield f"{bad} of {requests} requests {what}, at most {limits[kind]:.1%} may"


def _of_kind(kind: BadEvent, traffic: Traffic, limit: float) -> GuardrailEvidence:
    bad, champions = getattr(traffic.candidate, kind), getattr(traffic.champion, kind)
    fine = max(0, traffic.candidate.requests - bad)
    beside = e_value(bad, champions, traffic.share)
    unfit = e_value(bad, fine, max(limit, SMALLEST_SHARE))
    return GuardrailEvidence(
        name=kind,
        candidate=bad,
        champion=champions,
        evidence=BESIDE_CHAMPION * beside + (1 - BESIDE_CHAMPION) * unfit,
        limit=limit,
    )
