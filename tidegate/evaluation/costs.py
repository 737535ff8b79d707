"""From probabilities to decisions: the threshold that costs least, what it costs, and whose decisions err."""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.evaluation.resampling import Draws, Floats, Interval, interval
from tidegate.settings.gate_section import CostsSection

Labels = NDArray[Any]
NEVER = math.nextafter(1.0, 2.0)  # no probability reaches it


@dataclass(frozen=True)
class Threshold:
    """Decide for 1 where the probability is at least `value`; `cost` a decision on `rows` held-out rows."""

    value: float
    cost: float
    rows: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def per_row(costs: CostsSection, labels: Labels, decisions: NDArray[np.bool_]) -> Floats:
    """What each decision cost, shape (n,)."""
    positive = labels == 1
    return np.where(
        decisions,
        np.where(positive, costs.true_positive, costs.false_positive),
        np.where(positive, costs.false_negative, costs.true_negative),
    )


def threshold(costs: CostsSection, labels: Labels, probabilities: Floats) -> Threshold:
    """The cheapest of all thresholds on these rows; of equal ones the highest.

    Args:
        labels: shape (n,), n >= 1, of rows the model has not seen and the gate does not test on.
    """
    values, codes = np.unique(probabilities, return_inverse=True)
    all_zero = per_row(costs, labels, np.zeros(labels.size, bool))
    # deciding for 1 instead of 0 changes the cost of each row by this much
    change = per_row(costs, labels, np.ones(labels.size, bool)) - all_zero
    by_value = np.bincount(codes, weights=change, minlength=values.size)
    totals = all_zero.sum() + np.append(np.cumsum(by_value[::-1])[::-1], 0.0)
    best = int(totals.size - 1 - np.argmin(totals[::-1]))
    # halfway to the next, for another runtime's last bits must not turn a step of equal answers
    below = values[max(best - 1, 0)] if best < values.size else NEVER
    value = NEVER if best == values.size else float(values[best] + below) / 2
    return Threshold(value, float(totals[best]) / labels.size, labels.size)


def curve(
    costs: CostsSection, labels: Labels, probabilities: Floats, points: int = 101
) -> list[tuple[float, float]]:
    """(threshold, cost a decision) at equal steps of [0, 1]."""
    at = np.linspace(0, 1, points)
    return [(float(t), float(per_row(costs, labels, probabilities >= t).mean())) for t in at]


def expected(paid: Floats, draws: Draws) -> tuple[Interval, Floats]:
    """Cost a decision with its interval, and in each draw. `paid`, shape (n,), as `per_row` has it."""
    drawn = draws.means(paid)
    return interval(float(paid.mean()), drawn, draws.days.count), drawn


@dataclass(frozen=True)
class McNemar:
    """Rows on which just one of two models decided rightly, and the chance of so uneven a division."""

    only_candidate: int
    only_champion: int
    p_value: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def mcnemar(labels: Labels, candidate: NDArray[np.bool_], champion: NDArray[np.bool_]) -> McNemar:
    """McNemar's exact test, two-sided. Rows count as independent, which those of one day are not.

    Source:
        McNemar (1947); the exact binomial form.
    """
    truth = labels == 1
    mine, theirs = candidate == truth, champion == truth
    only_mine, only_theirs = int((mine & ~theirs).sum()), int((theirs & ~mine).sum())
    return McNemar(only_mine, only_theirs, _even_division(only_mine, only_theirs))


def _even_division(one: int, other: int) -> float:
    """P(a fair coin divides one + other tosses as unevenly), two-sided."""
    tosses = one + other
    if tosses == 0:
        return 1.0
    logs = (
        math.lgamma(tosses + 1) - math.lgamma(k + 1) - math.lgamma(tosses - k + 1) - tosses * math.log(2)
        for k in range(min(one, other) + 1)
    )
    return min(1.0, 2 * math.fsum(math.exp(each) for each in logs))
