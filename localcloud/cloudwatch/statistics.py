"""CloudWatch's statistics by name: Average to Maximum, percentiles, and the trimmed family.

Source: CloudWatch User Guide, "CloudWatch statistics definitions". AWS does not publish how it interpolates a
percentile; this is the linear one (Hyndman and Fan's type 7, NumPy's default) over all values of the period.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from localcloud.cloudwatch.distribution import Distribution

Statistic = Callable[[Distribution], float | None]
Weights = list[tuple[float, float]]  # (value, how often), by value

SIMPLE: dict[str, Statistic] = {
    "SampleCount": lambda d: d.count,
    "Average": lambda d: d.total / d.count if d.count else None,
    "Sum": lambda d: d.total,
    "Minimum": lambda d: d.minimum,
    "Maximum": lambda d: d.maximum,
}
_NUMBER = r"\d+(?:\.\d+)?"
_SHORT = re.compile(rf"(p|tm|tc|ts|wm)({_NUMBER})")
_RANGE = re.compile(rf"(TM|TC|TS|WM|PR)\((-?{_NUMBER}%?)?:(-?{_NUMBER}%?)?\)")


def statistic(name: str) -> Statistic:
    """The function behind a statistic's name.

    Returns:
        A function of a non-empty distribution. It answers None where the statistic is not defined: the values
        are hidden in a statistic set, one of them is negative (AWS gives no percentiles then), or a trim left
        nothing.

    Raises:
        ValueError: CloudWatch has no statistic of that name.
    """
    if name in SIMPLE:
        return SIMPLE[name]
    if name == "IQM":
        return _over_values(_Trim("TM", 0.25, 0.75, relative=True).apply)
    if match := _SHORT.fullmatch(name):
        share = float(match[2]) / 100
        if share > 1:
            raise ValueError(f"{name}: a percentile lies between 0 and 100")
        if match[1] == "p":
            return _over_values(lambda weights: percentile(weights, share), refuse_negative=True)
        return _over_values(_Trim(match[1].upper(), 0.0, share, relative=True).apply)
    if match := _RANGE.fullmatch(name):
        return _over_values(_trim(*match.groups()).apply)
    raise ValueError(f"{name} is not a statistic of CloudWatch")


def is_percentile(name: str) -> bool:
    match = _SHORT.fullmatch(name)
    return match is not None and match[1] == "p"


def percentile(weights: Weights, share: float) -> float:
    """The value below which `share` (0 to 1) of the values lie, linear between neighbours."""
    position = (sum(count for _, count in weights) - 1) * share
    below = _value_at(weights, int(position))
    above = _value_at(weights, int(position) + 1)
    return below + (above - below) * (position - int(position))


def _value_at(weights: Weights, index: int) -> float:
    passed = 0.0
    for value, count in weights:
        passed += count
        if passed > index:
            return value
    return weights[-1][0]


def _over_values(compute: Callable[[Weights], float | None], *, refuse_negative: bool = False) -> Statistic:
    def over(distribution: Distribution) -> float | None:
        if not distribution.weights or (refuse_negative and distribution.minimum < 0):
            return None
        return compute(sorted(distribution.weights.items()))

    return over


def _trim(kind: str, low: str | None, high: str | None) -> "_Trim":
    given = [bound for bound in (low, high) if bound]
    relative = all(bound.endswith("%") for bound in given)
    if not given or (not relative and any(bound.endswith("%") for bound in given)):
        raise ValueError(f"{kind}({low or ''}:{high or ''}): give both bounds in % or both as values")
    if kind == "PR" and relative:
        raise ValueError("PR takes values, not percentages")
    scale = 100 if relative else 1
    lowest, highest = (0.0, 1.0) if relative else (float("-inf"), float("inf"))
    return _Trim(
        kind,
        float(low.rstrip("%")) / scale if low else lowest,
        float(high.rstrip("%")) / scale if high else highest,
        relative=relative,
    )


@dataclass(frozen=True)
class _Trim:
    """Trimmed mean, count and sum, winsorised mean, percentile rank between two bounds.

    `relative` bounds are shares of the count; others are values, the lower exclusive, the upper inclusive.
    """

    kind: str
    low: float
    high: float
    relative: bool

    def apply(self, weights: Weights) -> float | None:
        everything = sum(count for _, count in weights)
        kept = self._kept(weights, everything)
        count = sum(c for _, c in kept)
        total = sum(v * c for v, c in kept)
        match self.kind:
            case "TC":
                return count
            case "TS":
                return total
            case "PR":
                return 100 * count / everything
            case "WM":
                return self._winsorised(weights, kept, everything)
        return total / count if count else None

    def _kept(self, weights: Weights, everything: float) -> Weights:
        if not self.relative:
            return [(v, c) for v, c in weights if self.low < v <= self.high]
        kept, passed = [], 0.0
        for value, count in weights:
            inside = min(passed + count, self.high * everything) - max(passed, self.low * everything)
            passed += count
            if inside > 0:
                kept.append((value, inside))
        return kept

    def _winsorised(self, weights: Weights, kept: Weights, everything: float) -> float | None:
        if not kept:
            return None
        low, high = (kept[0][0], kept[-1][0]) if self.relative else (self.low, self.high)
        return sum(min(max(value, low), high) * count for value, count in weights) / everything
