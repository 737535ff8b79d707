"""The one clock of the local cloud: schedules, bakes, cooldowns, alarm periods and timeouts all read it."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Real time plus an offset; `advance` moves the offset and wakes everyone who waits."""

    def __init__(self) -> None:
        self._offset_seconds = 0.0
        self._moved = threading.Condition()
        self._waiting: list[threading.Condition] = []

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
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()

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

    def wait_for(
        self, condition: threading.Condition, predicate: Callable[[], bool], seconds: float | None = None
    ) -> bool:
        """`Condition.wait_for` with its timeout on this clock: the last value of `predicate`.

        Unlike `wait` it looks up only when it is notified, or when the clock is advanced.
        """
        until = None if seconds is None else self.time() + seconds
        with self._moved:
            self._waiting.append(condition)
        try:
            with condition:
                while not (done := predicate()):
                    left = None if until is None else until - self.time()
                    if left is not None and left <= 0:
                        break
                    condition.wait(left)
                return done
        finally:
            with self._moved:
                self._waiting.remove(condition)
