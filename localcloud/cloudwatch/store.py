"""The values of every metric, in buckets of a second for three hours and of a minute for fifteen days.

These are the two retentions of CloudWatch that a laptop can outlive; its five-minute and one-hour archives
are not kept. A datapoint of standard resolution lies at the start of its minute, as in CloudWatch.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from localcloud.cloudwatch.distribution import COARSE_DIGITS, Distribution

MINUTE = 60
FINE_SECONDS = 3 * 3600
KEPT_SECONDS = 15 * 24 * 3600


@dataclass(frozen=True)
class Metric:
    """What identifies a metric: each combination of dimensions is a metric of its own."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]  # by name

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Mapping[str, str]) -> "Metric":
        return cls(namespace, name, tuple(sorted(dimensions.items())))

    @classmethod
    def from_request(cls, metric: Mapping[str, object]) -> "Metric":
        """From the API's shape, which holds Namespace, MetricName and a list of Dimensions."""
        dimensions: Iterable[Mapping[str, str]] = metric.get("Dimensions") or []  # type: ignore[assignment]
        named = {dimension["Name"]: dimension["Value"] for dimension in dimensions}
        return cls.of(str(metric["Namespace"]), str(metric["MetricName"]), named)

    def dimension_list(self) -> list[dict[str, str]]:
        return [{"Name": name, "Value": value} for name, value in self.dimensions]


@dataclass(frozen=True, kw_only=True)
class Datum:
    """A sample of a metric at one moment, in epoch seconds; `resolution` is StorageResolution, 1 or 60."""

    metric: Metric
    sample: Distribution
    unit: str = "None"
    when: float
    resolution: int = MINUTE

    @classmethod
    def of(cls, metric: Metric, value: float, unit: str, when: float) -> "Datum":
        """A single value."""
        sample = Distribution()
        sample.add(value)
        return cls(metric=metric, sample=sample, unit=unit, when=when)


@dataclass
class _Series:
    """One metric in one unit, twice: fine and recent, coarse and long. Keys are epoch seconds."""

    seconds: dict[int, Distribution] = field(default_factory=dict)
    minutes: dict[int, Distribution] = field(default_factory=dict)
    compacted_until: int = 0


class MetricStore:
    """Thread-safe; readers get distributions of their own."""

    def __init__(self) -> None:
        self._series: dict[Metric, dict[str, _Series]] = {}
        # models of bands by what they are of, each with the moment it was trained until
        self.trained: dict[tuple[str, str], tuple[int | None, Any]] = {}
        self._lock = threading.Lock()
        self._swept_at = 0.0

    def record(self, datum: Datum, now: float) -> None:
        """Add a sample; what is older than everything kept is dropped."""
        if datum.when <= now - KEPT_SECONDS:
            return
        minute = int(datum.when) // MINUTE * MINUTE
        second = int(datum.when) if datum.resolution == 1 else minute
        with self._lock:
            series = self._series.setdefault(datum.metric, {}).setdefault(datum.unit, _Series())
            series.seconds.setdefault(second, Distribution()).merge(datum.sample)
            series.minutes.setdefault(minute, Distribution()).merge(datum.sample)
            if now - self._swept_at >= MINUTE:
                self._sweep(now)

    def metrics(self) -> dict[Metric, int]:
        """Every metric with data, and the start of its newest minute."""
        with self._lock:
            return {
                metric: max(max(series.minutes) for series in units.values())
                for metric, units in self._series.items()
            }

    def slots(self, metric: Metric, *, since: float, until: float, fine: bool) -> list[int]:
        """Starts of the minutes with data in [since, until], or of the seconds where those are kept."""
        step = 1 if fine else MINUTE
        asked = range(-(-int(since) // step) * step, int(until) + 1, step)
        found: set[int] = set()
        with self._lock:
            for series in self._series.get(metric, {}).values():
                buckets = series.seconds if fine else series.minutes
                if len(asked) < len(buckets):
                    found.update(slot for slot in asked if slot in buckets)
                else:
                    found.update(slot for slot in buckets if asked.start <= slot < asked.stop)
        return sorted(found)

    def newest(self, metric: Metric) -> int | None:
        """The second of its last datapoint, of those kept by the second."""
        with self._lock:
            units = self._series.get(metric, {}).values()
            return max((max(series.seconds) for series in units if series.seconds), default=None)

    def units(self, metric: Metric) -> list[str]:
        with self._lock:
            return sorted(self._series.get(metric, {}))

    def read(
        self, metric: Metric, unit: str, *, start: int, end: int, period: int
    ) -> dict[int, Distribution]:
        """Distributions over [start + k * period, start + (k + 1) * period), by their start, up to `end`.

        `start` lies on a whole minute unless the period is shorter than one.
        """
        with self._lock:
            series = self._series.get(metric, {}).get(unit)
            if series is None:
                return {}
            coarse = period % MINUTE == 0 and start % MINUTE == 0
            buckets, step = (series.minutes, MINUTE) if coarse else (series.seconds, 1)
            periods = -(-(end - start) // period)
            slots = range(start, start + periods * period, step)
            if len(slots) < len(buckets):
                inside = [slot for slot in slots if slot in buckets]
            else:
                inside = sorted(slot for slot in buckets if slots.start <= slot < slots.stop)
            result: dict[int, Distribution] = {}
            for slot in inside:
                window = start + (slot - start) // period * period
                result.setdefault(window, Distribution()).merge(buckets[slot])
            return result

    def _sweep(self, now: float) -> None:
        self._swept_at = now
        fine, kept = int(now) - FINE_SECONDS, int(now) - KEPT_SECONDS
        for metric, units in list(self._series.items()):
            for unit, series in list(units.items()):
                series.seconds = {second: d for second, d in series.seconds.items() if second > fine}
                series.minutes = {minute: d for minute, d in series.minutes.items() if minute > kept}
                for minute, distribution in series.minutes.items():
                    if series.compacted_until <= minute <= fine:
                        distribution.compact(COARSE_DIGITS)
                series.compacted_until = fine
                if not series.minutes:
                    del units[unit]
            if not units:
                del self._series[metric]
