"""A time series on its grid, and the ways to give it points it does not have.

What FILL, DIFF, RATE and RUNNING_SUM do, by the CloudWatch User Guide's table of metric math functions.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class TimeSeries:
    """Points by epoch second, on the grid [start, end) of `period` seconds."""

    points: Mapping[int, float]
    start: int
    end: int
    period: int

    def grid(self) -> range:
        return range(self.start, self.end, self.period)

    def with_points(self, points: Mapping[int, float]) -> "TimeSeries":
        return replace(self, points=dict(sorted(points.items())))

    def filled(self, filler: "float | TimeSeries") -> "TimeSeries":
        """A number, or the point of another series, wherever a point is missing."""
        other = filler.points if isinstance(filler, TimeSeries) else dict.fromkeys(self.grid(), filler)
        return self.with_points({t: other[t] for t in self.grid() if t in other} | dict(self.points))

    def repeated(self) -> "TimeSeries":
        """The last known point until the next; nothing before the first."""
        points: dict[int, float] = {}
        last: float | None = None
        for when in self.grid():
            last = self.points.get(when, last)
            if last is not None:
                points[when] = last
        return self.with_points(points)

    def interpolated(self) -> "TimeSeries":
        """Straight lines between known points; before the first and after the last there is no line."""
        points = dict(self.points)
        for left, right in itertools.pairwise(sorted(self.points)):
            slope = (self.points[right] - self.points[left]) / (right - left)
            for when in range(left + self.period, right, self.period):
                points[when] = self.points[left] + slope * (when - left)
        return self.with_points(points)

    def differences(self, *, per_second: bool) -> "TimeSeries":
        """Each point less the one before it; the first has none."""
        return self.with_points(
            {
                right: (self.points[right] - self.points[left]) / (right - left if per_second else 1)
                for left, right in itertools.pairwise(sorted(self.points))
            }
        )

    def running_sum(self) -> "TimeSeries":
        times = sorted(self.points)
        sums = itertools.accumulate(self.points[when] for when in times)
        return self.with_points(dict(zip(times, sums, strict=True)))
