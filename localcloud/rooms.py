"""The parts of the local cloud that plug into moto, in the order in which they do."""

import importlib
from collections.abc import Callable

# Each has `install() -> None`, and `idle() -> bool` where it works in the background. Where that work has
# timers, `next_due(now) -> float | None` is when the first comes due; where waiting for one is not idle,
# `rests() -> bool` says whether it does nothing but wait. What looks once a second of real time may have
# `look() -> None`, which looks now: nobody who moves the clock waits for that second.
# Events come before those that register with its ticker.
ROOMS = (
    "s3",
    "glue",
    "kms",
    "events",
    "cloudwatch",
    "lambda_",
    "stepfunctions",
    "sagemaker",
    "autoscaling",
    "cloudformation",
)

_idle: dict[str, Callable[[], bool]] = {}
_rests: dict[str, Callable[[], bool]] = {}
_timers: dict[str, Callable[[float], float | None]] = {}
_looks: dict[str, Callable[[], None]] = {}


def install(names: tuple[str, ...] = ROOMS) -> None:
    """Install the named rooms for the cloud that is current."""
    for probes in (_idle, _rests, _timers, _looks):
        probes.clear()
    for name in names:
        room = importlib.import_module(f"localcloud.{name}")
        room.install()
        if hasattr(room, "idle"):
            _idle[name] = room.idle
            _rests[name] = getattr(room, "rests", room.idle)
        if hasattr(room, "next_due"):
            _timers[name] = room.next_due
        if hasattr(room, "look"):
            _looks[name] = room.look


def idle_probes() -> list[tuple[str, Callable[[], bool]]]:
    """(room, whether nothing runs there now) of each room that works in the background."""
    return list(_idle.items())


def rest_probes() -> list[tuple[str, Callable[[], bool]]]:
    """(room, whether nothing runs there but what waits for a timer)."""
    return list(_rests.items())


def timers() -> list[tuple[str, Callable[[float], float | None]]]:
    """(room, when its next timer after `now` comes due, or None), in epoch seconds."""
    return list(_timers.items())


def looks() -> dict[str, Callable[[], None]]:
    """Of rooms that look once a second of real time: how they look now."""
    return dict(_looks)
