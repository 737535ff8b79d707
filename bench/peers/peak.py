"""The most memory that this process has held so far."""

import resource
from pathlib import Path


def megabytes() -> float:
    """Linux's high-water mark of this program; `ru_maxrss` would count the one that started it."""
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS
