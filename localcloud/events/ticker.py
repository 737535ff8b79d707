"""One thread that runs what is due on the cloud's clock: schedules, alarm evaluation, delayed retries."""

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from localcloud import cloud

_logger = logging.getLogger(__name__)

# How long nobody looks when nothing is due: a call of `every` or `after` ends the wait at once.
_QUIET_SECONDS = 3600.0


class Ticker:
    """A heap of due times. Work runs in the ticker's own thread, so it must be short or hand itself on."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._regular: set[int] = set()  # orders of those that `every` brings back
        self._order = itertools.count()  # two entries due at once keep the order of their calls
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._stopped = False
        self._working = False

    def start(self) -> None:
        threading.Thread(target=self._loop, name="ticker", daemon=True).start()

    def stop(self) -> None:
        self._stopped = True
        self._changed.set()

    def after(self, seconds: float, function: Callable[[], None], *, regular: bool = False) -> None:
        """Run `function` once, that long from now on the cloud's clock."""
        with self._lock:
            due = cloud.current().clock.time() + seconds
            order = next(self._order)
            heapq.heappush(self._due, (due, order, function))
            if regular:
                self._regular.add(order)
        self._changed.set()

    def every(self, seconds: float, function: Callable[[], None]) -> None:
        """Run `function` again and again; a jump of the clock over many periods runs it once."""

        def again() -> None:
            try:
                function()
            finally:
                self.after(seconds, again, regular=True)

        self.after(seconds, again, regular=True)

    def next_due(self) -> float | None:
        """When the next thing happens that somebody asked for once."""
        with self._lock:
            return min((due for due, order, _ in self._due if order not in self._regular), default=None)

    def settled(self) -> bool:
        """Whether all that has come due has been done."""
        with self._lock:
            late = bool(self._due) and self._due[0][0] <= cloud.current().clock.time()
            return self._stopped or not (late or self._working)

    def _loop(self) -> None:
        clock = cloud.current().clock
        while not self._stopped:
            self._changed.clear()
            with self._lock:
                left = self._due[0][0] - clock.time() if self._due else _QUIET_SECONDS
                work = self._pop() if left <= 0 else None
                self._working = work is not None
            if work is None:
                clock.wait(left, self._changed)
                continue
            try:
                work()
            except Exception:  # one bad alarm must not stop the clock for everyone else
                _logger.exception("a timed task of the local cloud failed")

    def _pop(self) -> Callable[[], None]:
        _, order, work = heapq.heappop(self._due)
        self._regular.discard(order)
        return work


_ticker = Ticker()


def start() -> None:
    """Begin to tick for the cloud that is current; it stops when that cloud closes."""
    global _ticker  # noqa: PLW0603  one ticker for each cloud of a process, found by every room
    _ticker.stop()
    _ticker = Ticker()
    cloud.current().on_close(_ticker.stop)
    _ticker.start()


def every(seconds: float, function: Callable[[], None]) -> None:
    _ticker.every(seconds, function)


def after(seconds: float, function: Callable[[], None]) -> None:
    _ticker.after(seconds, function)


def next_due() -> float | None:
    return _ticker.next_due()


def settled() -> bool:
    return _ticker.settled()
