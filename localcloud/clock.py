"""The one clock of the local cloud: schedules, bakes, cooldowns, alarm periods and timeouts all read it."""

import threading
import time
from datetime import UTC, datetime


class Clock:
    """Real time plus an offset; `advance` moves the offset and wakes everyone who waits."""

    def __init__(self) -> None:
        self._offset_seconds = 0.0
        self._moved = threading.Condition()

    def time(self) -> float:
        """Seconds since the epoch, in this cloud."""
        return time.time() + self._offset_seconds

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def advance(self, seconds: float) -> None:
        """Jump ahead, never back: AWS's clocks do not run backwards either."""
        if seconds < 0:
            raise ValueError(f"a clock moves forwards only, got {seconds} s")
        with self._moved:
            self._offset_seconds += seconds
            self._moved.notify_all()

    def wait(self, seconds: float, interrupt: threading.Event | None = None) -> bool:
        """Wait that long on this clock; True when `interrupt` was set meanwhile."""
        until = self.time() + seconds
        while (left := until - self.time()) > 0:
            if interrupt is not None and interrupt.is_set():
                return True
            with self._moved:
                # an interrupt is not a notification, so look up at least every 50 ms when there is one
                self._moved.wait(min(left, 0.05) if interrupt is not None else left)
        return interrupt is not None and interrupt.is_set()
