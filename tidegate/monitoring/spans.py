"""A span of time and the periods it is counted in: short enough to be exact, few enough for one answer."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

MINUTE, HOUR, DAY = 60, 3600, 86400
# CloudWatch keeps minutes for 15 days, five minutes for 63, hours for 455
_COUNTED: Sequence[tuple[float, int]] = ((DAY, MINUTE), (5 * DAY, 5 * MINUTE), (float("inf"), HOUR))
_LATENCY_PERIODS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY)
_MOST_LATENCIES = 24  # a percentile of few requests is one of them


@dataclass(frozen=True, kw_only=True)
class Span:
    """[start, end) in seconds since the epoch, on whole minutes, at least one of them."""

    start: int
    end: int

    @classmethod
    def touching(cls, start: float, end: float) -> "Span":
        """The whole minutes that [start, end] touches."""
        first = int(start) // MINUTE * MINUTE
        return cls(start=first, end=max(first + MINUTE, math.ceil(end / MINUTE) * MINUTE))

    @property
    def seconds(self) -> int:
        return self.end - self.start

    @property
    def count_period(self) -> int:
        """Seconds of a period in which requests are counted."""
        return next(period for longest, period in _COUNTED if self.seconds <= longest)

    @property
    def latency_period(self) -> int:
        """Seconds of a period of which a percentile is taken: those of two periods do not add up to one."""
        fitting = (period for period in _LATENCY_PERIODS if self.seconds <= period * _MOST_LATENCIES)
        return next(fitting, _LATENCY_PERIODS[-1])
