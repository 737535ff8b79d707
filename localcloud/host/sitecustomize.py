"""The clock of the machine, as the processes of the local cloud see it: real time plus the cloud's offset.

In AWS a function reads its host's clock, which is the cloud's. Here the host is this machine, whose clock
does not jump when somebody advances the cloud, so every process the cloud starts finds this module first on
its PYTHONPATH (Python imports `sitecustomize` by itself) and reads the time from here: the code that runs
calls `datetime.now` and `time.time` as anywhere else and cannot tell. Monotonic clocks, sleeps, the times
of files and native libraries that ask the kernel stay on real time.

The patching itself is time-machine's C extension, which changes the functions of `time` and `datetime` in
place, whoever has already imported them. Its Python half is left out: only a stack is asked of it, and
importing it costs each worker 40 ms.
"""

import mmap
import os
import struct
import sys
import time
import types
from pathlib import Path

import _time_machine

CLOCK_FILE = "LOCALCLOUD_CLOCK"  # names the file with the offset, nanoseconds as a native int64
_OFFSET = struct.Struct("=q")
_NAME = "time_machine"


class CloudTime:
    """What time-machine asks for the time: nanoseconds since the epoch, in the cloud."""

    def __init__(self, file: Path) -> None:
        with file.open("rb") as opened:
            self._shared = mmap.mmap(opened.fileno(), _OFFSET.size, access=mmap.ACCESS_READ)

    def time_ns(self) -> int:
        real: int = _time_machine.original_time_ns()
        return real + int(_OFFSET.unpack_from(self._shared)[0])


def write(file: Path, offset_ns: int) -> None:
    """Let every process that reads this file see the new offset at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("r+b" if file.exists() else "w+b") as opened:
        opened.write(_OFFSET.pack(offset_ns))


def follow(file: Path) -> CloudTime:
    """From now on this process lives at the time of the cloud that writes `file`."""
    travellers = _travellers()
    followed = CloudTime(file)
    travellers.append(followed)
    if len(travellers) == 1:
        _time_machine.patch()
    return followed


def leave(followed: CloudTime) -> None:
    """Back to the clock this process had before, whatever the order in which clouds are left."""
    travellers = _travellers()
    if travellers == [followed]:
        _time_machine.unpatch()
    travellers.remove(followed)


def _travellers() -> list[CloudTime]:
    found: list[CloudTime] = sys.modules[_NAME].traveller_stack
    return found


def real_time_ns() -> int:
    """Of this machine, whatever cloud this process follows."""
    try:
        return int(_time_machine.original_time_ns())
    except ValueError:  # nothing is patched
        return time.time_ns()


def _stand_in() -> None:
    """The extension looks itself and the stack of travellers up in the module whose half is left out."""
    if _NAME not in sys.modules:
        module = types.ModuleType(_NAME)
        module.__dict__.update(traveller_stack=[], _time_machine=_time_machine)
        sys.modules[_NAME] = module


_stand_in()
if CLOCK_FILE in os.environ:
    follow(Path(os.environ[CLOCK_FILE]))
