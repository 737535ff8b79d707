"""Which variant answers a request: each with its share of the sum of weights; pure."""

import bisect
import itertools
from collections.abc import Mapping


class NoTrafficError(ValueError):
    """No variant has a weight above 0."""


class Weights:
    """A fixed set of weights; a change of weights is another set."""

    def __init__(self, weights: Mapping[str, float]) -> None:
        """`weights` is variant -> weight, each >= 0."""
        self._names = tuple(weights)
        self._bounds = tuple(itertools.accumulate(weights.values()))

    def choose(self, fraction: float) -> str:
        """The variant at `fraction` of the sum, 0 <= fraction < 1; a weight of 0 is never chosen.

        Raises:
            NoTrafficError: all weights are 0.
        """
        total = self._bounds[-1] if self._bounds else 0.0
        if total <= 0:
            raise NoTrafficError("no production variant has a weight above 0")
        last = bisect.bisect_left(self._bounds, total)  # a product may round up to the whole sum
        return self._names[min(bisect.bisect_right(self._bounds, fraction * total), last)]
