"""What a metric did in a stretch of time: count, sum, extremes and, where known, the values behind them."""

import math
from dataclasses import dataclass, field

DISTINCT_VALUES = 1000  # above this, values are rounded: percentiles stay within half a percent
FINE_DIGITS = 3
COARSE_DIGITS = 2  # at most 90 values for each power of ten


@dataclass
class Distribution:
    """A mergeable summary. `weights` is None once a statistic set hid the values it was made from."""

    count: float = 0.0
    total: float = 0.0
    minimum: float = math.inf
    maximum: float = -math.inf
    weights: dict[float, float] | None = field(default_factory=dict)

    def add(self, value: float, count: float = 1.0) -> None:
        self._summarise(count, value * count, value, value)
        if self.weights is not None:
            self.weights[value] = self.weights.get(value, 0.0) + count
            if len(self.weights) > DISTINCT_VALUES:
                self.compact(FINE_DIGITS)

    def add_statistic_set(self, count: float, total: float, minimum: float, maximum: float) -> None:
        """A pre-aggregated set; its values are known only when there is one of them or all are equal."""
        if count == 1 or minimum == maximum:
            self.add(minimum, count)
            return
        self._summarise(count, total, minimum, maximum)
        self.weights = None

    def merge(self, other: "Distribution") -> None:
        self._summarise(other.count, other.total, other.minimum, other.maximum)
        if self.weights is None or other.weights is None:
            self.weights = None
            return
        for value, count in other.weights.items():
            self.weights[value] = self.weights.get(value, 0.0) + count
        if len(self.weights) > DISTINCT_VALUES:
            self.compact(FINE_DIGITS)

    def compact(self, digits: int) -> None:
        """Round the values to so many significant digits; count, sum and extremes stay exact."""
        if self.weights is None:
            return
        rounded: dict[float, float] = {}
        for value, count in self.weights.items():
            short = min(max(float(f"{value:.{digits - 1}e}"), self.minimum), self.maximum)
            rounded[short] = rounded.get(short, 0.0) + count
        self.weights = rounded

    def _summarise(self, count: float, total: float, minimum: float, maximum: float) -> None:
        self.count += count
        self.total += total
        self.minimum = min(self.minimum, minimum)
        self.maximum = max(self.maximum, maximum)
