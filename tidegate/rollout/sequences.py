"""Bounds on the difference of two means that hold at all times at once: a confidence sequence.

Pure. Asymptotic (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, "Time-uniform central limit theory and
asymptotic confidence sequences", 2021): for shares of a quarter and more, and 100 values a side. At a
canary's share and rare events it alarms falsely in a third of simulations; there `evidence` is exact.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self

MINIMUM_COUNT = 100  # of values on each side, before anything is said
TIGHTEST_AT = 5000  # values on both sides together, where the bounds are closest
FORESEEN = 1 << 30  # values of a side; what takes more is as good as never


@dataclass(frozen=True, kw_only=True)
class Moments:
    """Of values seen so far; the variance is the population's."""

    count: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Self:
        found = list(values)
        if not found:
            return cls(count=0, mean=0.0, variance=0.0)
        mean = math.fsum(found) / len(found)
        variance = math.fsum((value - mean) ** 2 for value in found) / len(found)
        return cls(count=len(found), mean=mean, variance=variance)


def difference(champion: Moments, candidate: Moments, alpha: float) -> tuple[float, float] | None:
    """Bounds on mean(candidate) - mean(champion); None while a side has too few values.

    Args:
        alpha: chance that the bounds ever miss the truth, in (0, 1).
    """
    if min(champion.count, candidate.count) < MINIMUM_COUNT:
        return None
    total = champion.count + candidate.count
    variance = champion.variance / champion.count + candidate.variance / candidate.count
    radius = math.sqrt(total * variance) * _radius(total, alpha)
    between = candidate.mean - champion.mean
    return between - radius, between + radius


def more_until_decided(champion: Moments, candidate: Moments, alpha: float, margin: float) -> int | None:
    """How many more of the candidate's values until the bounds lie on one side of `margin`.

    If both sides go on with these means, variances and shares; None when that is never, or not known yet.
    """
    if difference(champion, candidate, alpha) is None:
        return None

    def decided(count: int) -> bool:
        times = count / candidate.count
        bounds = difference(_longer(champion, times), replace(candidate, count=count), alpha)
        return bounds is not None and (bounds[0] > margin or bounds[1] <= margin)

    if decided(candidate.count):
        return 0
    low = high = candidate.count
    while not decided(high):
        if high > FORESEEN:
            return None
        low, high = high, high * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high - candidate.count


def _longer(values: Moments, times: float) -> Moments:
    return replace(values, count=round(values.count * times))


def _radius(total: int, alpha: float) -> float:
    """Half the width for values of unit variance."""
    log = -2 * math.log(alpha)
    rho = (log + math.log(log) + 1) / TIGHTEST_AT
    spread = total * rho + 1
    return math.sqrt(2 * spread / (total * total * rho) * math.log(math.sqrt(spread) / alpha))
