"""What happens next by itself, and the clock brought there: a month passes while somebody watches.

The clock never jumps over anything: it stops at each timer (a Wait state, a schedule, a retry, a message that
becomes visible, the minute in which an alarm looks at new data), and moves on only when all that ran there
has ended or waits for a timer of its own. What runs, runs in real time: jobs and handlers cannot be hurried.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from localcloud import rooms
from localcloud.cloud import Cloud
from localcloud.events import ticker

LOOK_SECONDS = 0.005
QUIET_SECONDS = 0.002
QUIET_LOOKS = 3  # rooms are asked one after another, and what one hands to one asked before is not seen
GRACE_SECONDS = 0.001  # beyond a timer, so that whoever compares with it finds it past


class BusyError(RuntimeError):
    """Something still runs after all the time it was given; `str()` names the rooms."""


@dataclass(frozen=True)
class Stop:
    """Where the clock stands now, and what it stopped for: a room's name, or `limit`."""

    time: float  # seconds since the epoch
    what: str


def next_stop(cloud: Cloud, most_seconds: float, patience_seconds: float) -> Stop:
    """Wait until everything rests, then move to the next timer, at most that far, and let it fire.

    Raises:
        BusyError: something ran all the real time that `patience_seconds` gives it.
    """
    rest(cloud, patience_seconds)
    return _move(cloud, cloud.clock.time() + most_seconds)


def run(cloud: Cloud, seconds: float, patience_seconds: float, stop_at: str = "") -> tuple[int, str]:
    """Let so much time pass, from timer to timer: how often the clock stopped, and what for the last time.

    A timer of the room `stop_at` is the last, where one is named.

    Raises:
        BusyError: something ran for longer than `patience_seconds` of real time.
    """
    end, stops, what = cloud.clock.time() + seconds, 0, "limit"
    rest(cloud, patience_seconds)
    while cloud.clock.time() < end and what != (stop_at or None) and not cloud.closing.is_set():
        what = _move(cloud, end).what
        stops += 1
        # what a timer starts is counted before its thread is done, so one look tells whether it started any
        if _busy():
            rest(cloud, patience_seconds)
    return stops, what


def rest(cloud: Cloud, patience_seconds: float) -> None:
    """Wait in real time until nothing runs that is not waiting for a timer.

    Raises:
        BusyError: it did not come to that.
    """
    until, quiet = time.monotonic() + patience_seconds, 0
    probes, looks = rooms.rest_probes(), rooms.looks()
    while True:
        # a room that works goes on working for many looks, so it is asked first: one question instead of all
        busy = next((place for place, (_, rests) in enumerate(probes) if not rests()), None)
        if busy is not None:
            probes.insert(0, probes.pop(busy))
            name = probes[0][0]
            if name in looks and all(rests() for _, rests in probes[1:]):
                looks[name]()  # all that there is to wait for is its next look
        quiet = 0 if busy is not None else quiet + 1
        if quiet == QUIET_LOOKS or cloud.closing.is_set():
            return
        if time.monotonic() > until and (names := _busy()):
            raise BusyError(f"still at work after {patience_seconds:g} s: {', '.join(names)}")
        time.sleep(QUIET_SECONDS if quiet else LOOK_SECONDS)


def _move(cloud: Cloud, end: float) -> Stop:
    now = cloud.clock.time()
    found = [(due, name) for name, next_due in rooms.timers() if (due := next_due(now)) is not None]
    due, what = min(found, default=(end, "limit"))
    if due >= end:
        due, what = end, "limit"
    cloud.clock.advance(max(0.0, due + GRACE_SECONDS - now))
    _until(ticker.settled)
    return Stop(cloud.clock.time(), what)


def _until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(QUIET_SECONDS / 4)


def _busy() -> list[str]:
    return [name for name, rests in rooms.rest_probes() if not rests()]
