"""The one clock of the local cloud: schedules, bakes, cooldowns, alarm periods and timeouts all read it.

Whatever reads the machine's clock in this process or in one that the cloud starts (a handler's `now`, moto's
LastModified, a date in a header) reads it too: see localcloud/host.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from localcloud.host import sitecustomize as host

SECOND_NS = 1_000_000_000


class Clock:
    """Real time plus an offset; `advance` moves the offset and wakes everyone who waits.

    `file` is where the processes of the cloud find the offset; none have to without one.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._offset_ns = 0
        self._moved = threading.Condition()
        self._waiting: list[threading.Condition] = []
        self._sleepers: dict[object, tuple[float, object]] = {}
        if file is not None:
            host.write(file, 0)

    def time(self) -> float:
        """Seconds since the epoch, in this cloud."""
        return (host.real_time_ns() + self._offset_ns) / SECOND_NS

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.time(), UTC)

    def advance(self, seconds: float) -> None:
        """Jump ahead, never back: AWS's clocks do not run backwards either."""
        if seconds < 0:
            raise ValueError(f"a clock moves forwards only, got {seconds} s")
        with self._moved:
            self._offset_ns += round(seconds * SECOND_NS)
            if self._file is not None:
                host.write(self._file, self._offset_ns)
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

    def sleep(self, seconds: float, interrupt: threading.Event | None = None, *, who: object = None) -> None:
        """`wait` of someone for whom nothing happens before: a timer that `sleepers` tells of."""
        token = object()
        with self._asleep(token, self.time() + seconds, who):
            self.wait(seconds, interrupt)

    def sleepers(self) -> list[tuple[float, object]]:
        """(when it ends, who sleeps) of everyone in `sleep`, the first to wake first."""
        with self._moved:
            return sorted(self._sleepers.values(), key=lambda sleeper: sleeper[0])

    @contextlib.contextmanager
    def _asleep(self, token: object, until: float, who: object) -> Iterator[None]:
        with self._moved:
            self._sleepers[token] = (until, who)
        try:
            yield
        finally:
            with self._moved:
                del self._sleepers[token]

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
