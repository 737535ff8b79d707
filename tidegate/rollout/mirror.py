"""Copied traffic: the champion's requests asked of the candidate again, and how its answers differ.

Pure. A new model should answer otherwise, so differences are told and judged by nobody; answers that are
none, failures and slowness are, as in a rollout's steps: by an e-value against the share that may be bad.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.messages.deployment import MirrorReport
from tidegate.rollout.evidence import e_value
from tidegate.rollout.guardrails import SMALLEST_SHARE
from tidegate.serving.answers import distance, is_valid
from tidegate.settings.config import DeploymentSection, TaskName


@dataclass(frozen=True, kw_only=True)
class Copied:
    """One request that the champion answered, asked of the candidate."""

    champion: Sequence[Mapping[str, Any]]  # its answers, one for each row
    candidate: Sequence[Any] | None  # None when there was no answer
    milliseconds: float


def report(
    task: TaskName, copied: Sequence[Copied], section: DeploymentSection, objective_ms: float
) -> MirrorReport:
    """What the copies say.

    Args:
        objective_ms: a request that took longer was slow.
    """
    answered = [each for each in copied if each.candidate is not None]
    pairs = [
        (said, answer)
        for each in answered
        for said, answer in zip(each.champion, each.candidate or (), strict=False)
    ]
    valid = [(said, answer) for said, answer in pairs if is_valid(task, answer)]
    apart = sorted(_apart(said, answer) for said, answer in valid)
    slow = sum(each.milliseconds > objective_ms for each in copied)
    latencies = sorted(each.milliseconds for each in answered)
    failed, invalid = len(copied) - len(answered), len(pairs) - len(valid)
    bad_requests = failed + sum(
        not all(is_valid(task, answer) for answer in each.candidate or ()) for each in answered
    )
    return MirrorReport(
        requests=len(copied),
        rows=len(pairs),
        failed=failed,
        invalid=invalid,
        slow=slow,
        flipped=sum(_decision(task, said) != _decision(task, answer) for said, answer in valid),
        median_difference=_quantile(apart, 0.5),
        p99_difference=_quantile(apart, 0.99),
        largest_difference=_quantile(apart, 1.0),
        median_ms=_quantile(latencies, 0.5),
        p99_ms=_quantile(latencies, 0.99),
        evidence=(
            e_value(bad_requests, len(copied) - bad_requests, _limit(section.maximum_error_share))
            + e_value(slow, len(copied) - slow, _limit(section.maximum_slow_share))
        )
        / 2,
        needed=1 / section.alpha,
    )


def refusal(found: MirrorReport) -> str | None:
    """Why the candidate may have no traffic, or None."""
    if found.evidence < found.needed:
        return None
    return (
        f"of {found.requests} copied requests {found.failed} had no answer and {found.slow} were slow, of "
        f"{found.rows} answers {found.invalid} were none: evidence {found.evidence:.3g} of {found.needed:.3g}"
    )


def _limit(share: float) -> float:
    return max(share, SMALLEST_SHARE)


def _apart(said: Mapping[str, Any], answer: Mapping[str, Any]) -> float:
    try:
        return distance(said, answer)
    except (KeyError, TypeError):  # other classes than the champion's
        return math.inf


def _decision(task: TaskName, answer: Mapping[str, Any]) -> Any:
    """What follows from an answer where something does: a class, or the side of one half."""
    if task == "multiclass":
        return answer["label"]
    return answer["probability"] >= 0.5 if task == "binary" else None  # noqa: PLR2004


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    """The smallest value that `share` of them do not exceed; None without values or when infinite."""
    if not ordered:
        return None
    value = ordered[max(0, math.ceil(share * len(ordered)) - 1)]
    return value if math.isfinite(value) else None  # JSON has no infinity
