"""What the page of a window is made of: documents as the machine's states wrote them, None if missing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.profile import Profile

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Window:
    run: str
    pipeline: str
    start: str  # ISO 8601; empty where nothing was planned
    end: str
    records: int
    ready: bool
    reason: str  # why it is not
    model_run: str
    model_version: int | None


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """What an earlier window measured; None for what it did not."""

    run: str
    worst_psi: float | None
    prediction_psi: float | None
    drifted: bool  # a column of the requests
    prediction_drifted: bool
    estimate: float | None


@dataclass(frozen=True, kw_only=True)
class Alarm:
    name: str
    state: str  # OK | ALARM | INSUFFICIENT_DATA
    since: str  # ISO 8601
    reason: str
    description: str


@dataclass(frozen=True, kw_only=True)
class AlarmChange:
    name: str
    at: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Everything on the page. Profiles are of requests and of answers, in the window and in training."""

    window: Window
    measurement: Document | None = None
    quality: Document | None = None
    skew: Document | None = None
    operations: Document | None = None
    decision: Document | None = None
    violations: Document | None = None
    requests: Profile | None = None
    baseline: Profile | None = None
    answers: Profile | None = None
    expected: Profile | None = None
    earlier: tuple[Earlier, ...] = ()  # oldest first
    alarms: tuple[Alarm, ...] = ()
    changes: tuple[AlarmChange, ...] = ()  # newest first

    def metric(self, name: str) -> float | None:
        """A metric that the window published."""
        for each in (self.measurement or {}).get("metrics", ()):
            if each.get("MetricName") == name:
                return float(each["Value"])
        return None
