"""Mean and squared deviations that merge, by Chan, Golub and LeVeque (1979)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.profile.distinct import BLOCK


@dataclass
class Moments:
    """Of the finite numbers seen so far; `m2` is the sum of squared deviations from the mean."""

    count: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def add(self, other: "Moments") -> None:
        if not other.count:
            return
        if not self.count:  # what is infinite times 0 is not a number
            self.count, self.mean, self.m2 = other.count, other.mean, other.m2
            return
        total = self.count + other.count
        delta = other.mean - self.mean
        self.mean += delta * other.count / total
        self.m2 += other.m2 + delta * delta * self.count * other.count / total
        self.count = total


def of_values(values: NDArray[Any]) -> Moments:
    """Of at least one value. What lies beyond a float becomes infinite, never an error."""
    count, floats = len(values), values.astype(np.float64, copy=False)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(floats.mean())
        if not np.isfinite(mean):  # the sum is beyond a float, the mean is not
            mean = float((floats / count).sum())
        m2 = 0.0
        for start in range(0, count, BLOCK):
            deviations = floats[start : start + BLOCK] - mean
            m2 += float(np.square(deviations, out=deviations).sum())
    return Moments(count, mean, m2)


def of_counted(values: NDArray[Any], counts: NDArray[np.int64]) -> Moments:
    """The same of values that occur `counts` times each."""
    count = int(counts.sum())
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float((values * counts).sum(dtype=np.float64)) / count
        if not np.isfinite(mean):
            mean = float((values * (counts / count)).sum(dtype=np.float64))
        m2 = float((np.square(values - np.float64(mean)) * counts).sum())
    return Moments(count, mean, m2)
