"""The parts of the local cloud that plug into moto, in the order in which they do."""

import importlib
from collections.abc import Callable

# Each has `install() -> None`, and `idle() -> bool` where it works in the background.
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
    "cloudformation",
)

_idle: dict[str, Callable[[], bool]] = {}


def install(names: tuple[str, ...] = ROOMS) -> None:
    """Install the named rooms for the cloud that is current."""
    _idle.clear()
    for name in names:
        room = importlib.import_module(f"localcloud.{name}")
        room.install()
        if hasattr(room, "idle"):
            _idle[name] = room.idle


def idle_probes() -> list[tuple[str, Callable[[], bool]]]:
    """(room, whether nothing runs there now) of each room that works in the background."""
    return list(_idle.items())
