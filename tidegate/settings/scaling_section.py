"""`[serving.scaling]` of pipeline.toml: how many instances a variant may have, and what moves the count."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tidegate.settings.toml_reader import Problem

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_AT = re.compile(r"(cron|at|rate)\([A-Za-z0-9 ?*,/#:T-]+\)")
_ZONE = re.compile(r"[A-Za-z0-9_+/-]{1,64}")


@dataclass(frozen=True, kw_only=True)
class ScheduledLimits:
    """Other limits from a moment on."""

    name: str
    at: str  # cron(...), rate(...) or at(...)
    minimum: int = field(metadata={"minimum": 1, "maximum": 100})
    maximum: int = field(metadata={"minimum": 1, "maximum": 100})
    timezone: str = "UTC"


@dataclass(frozen=True, kw_only=True)
class ScalingSection:
    """Nothing scales while there is no `maximum`."""

    minimum: int = field(default=1, metadata={"minimum": 1, "maximum": 100})
    maximum: int | None = field(default=None, metadata={"minimum": 1, "maximum": 100})
    target_invocations_per_instance: float = field(default=1000, metadata={"minimum": 0.001})  # in a minute
    scale_in_cooldown_seconds: int = field(default=300, metadata={"minimum": 0, "maximum": 86400})
    schedule: tuple[ScheduledLimits, ...] = ()


def problems(scaling: ScalingSection, instances: int) -> Iterator[Problem]:
    """Limits that contradict each other, and texts that are no schedule.

    Args:
        instances: with which a variant starts.
    """
    if scaling.maximum is None:
        if scaling.schedule:
            yield "serving.scaling.schedule", "`serving.scaling.schedule` needs `serving.scaling.maximum`"
        return
    if not scaling.minimum <= instances <= scaling.maximum:
        sentence = "must have `minimum` <= `serving.instances` <= `maximum`"
        yield "serving.scaling.maximum", f"`serving.scaling` {sentence}"
    for position, each in enumerate(scaling.schedule):
        where = f"serving.scaling.schedule.{position}"
        if each.minimum > each.maximum:
            yield where, f"`{where}` has a minimum above its maximum"
        for value, pattern in ((each.name, _NAME), (each.at, _AT), (each.timezone, _ZONE)):
            if not pattern.fullmatch(value):
                yield where, f"`{where}` has {value!r}: it must match {pattern.pattern}"
