"""`[retraining]` and `[incidents]` of pipeline.toml, and values in them that are wrong together."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tidegate.settings.toml_reader import Problem

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


def _limits(minimum: float | None = None, maximum: float | None = None) -> dict[str, float | None]:
    return {"minimum": minimum, "maximum": maximum}


@dataclass(frozen=True, kw_only=True)
class RetrainingSection:
    """What makes the monitoring start a training run by itself, and how often it may."""

    windows: int = field(default=2, metadata=_limits(1, 50))
    of_windows: int = field(default=3, metadata=_limits(1, 50))
    drifted_share: float = field(default=0.3, metadata=_limits(0, 1))
    out_of_contract: float = field(default=0.05, metadata=_limits(0, 1))
    budget_per_day: int = field(default=2, metadata=_limits(0, 100))
    every_days: float | None = field(default=None, metadata=_limits(0.01, 400))


@dataclass(frozen=True, kw_only=True)
class IncidentsSection:
    """When incidents are told."""

    quiet_hours: str | None = None  # HH:MM-HH:MM, UTC; may reach over midnight
    hold_seconds: int = field(default=900, metadata=_limits(0, 86400))
    storm: int = field(default=5, metadata=_limits(1, 1000))

    @property
    def quiet_minutes(self) -> tuple[int, int] | None:
        """Minutes of the day at which quiet hours begin and end."""
        if self.quiet_hours is None or not (found := _HOURS.fullmatch(self.quiet_hours)):
            return None
        hour, minute, to_hour, to_minute = map(int, found.groups())
        return 60 * hour + minute, 60 * to_hour + to_minute


def problems(retraining: RetrainingSection, incidents: IncidentsSection) -> Iterator[Problem]:
    """Values that are well-formed each by itself and wrong together."""
    if retraining.windows > retraining.of_windows:
        sentence = f"`retraining.windows` is {retraining.windows}, of {retraining.of_windows} at most"
        yield "retraining.windows", sentence
    if incidents.quiet_hours is not None:
        minutes = incidents.quiet_minutes
        if minutes is None or minutes[0] == minutes[1]:
            sentence = "`incidents.quiet_hours` must be HH:MM-HH:MM in UTC, such as 22:00-07:00"
            yield "incidents.quiet_hours", sentence
