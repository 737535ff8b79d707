"""The warm workers of one function version, and the reserved concurrency its versions share."""

import threading
import time
from collections.abc import Callable

from localcloud.lambda_.worker import Invocation, Launch, Outcome, Worker

# AWS keeps an idle sandbox for some minutes; so does a laptop, whose memory is scarcer than its patience.
IDLE_SECONDS = 600.0


class Gate:
    """How many invocations of a function run, over all its versions, and how many may."""

    def __init__(self) -> None:
        self.limit: int | None = None
        self.running = 0
        self._lock = threading.Lock()

    def __deepcopy__(self, memo: object) -> "Gate":
        return self  # moto copies a function to show it; the copies still are that function

    def enter(self) -> bool:
        with self._lock:
            if self.limit is not None and self.running >= self.limit:
                return False
            self.running += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self.running -= 1


class WorkerPool:
    """Idle workers, newest first: a second call at the same time starts a second worker."""

    def __init__(self, launch: Callable[[], Launch]) -> None:
        self._launch = launch
        self._idle: list[Worker] = []
        self._generation = 0
        self._used = False
        self._lock = threading.Lock()

    def run(self, invocation: Invocation) -> tuple[Worker, Outcome]:
        generation, self._used = self._generation, True
        worker = self._take() or Worker(self._launch())
        outcome = worker.invoke(invocation)
        self._give_back(worker, generation)
        return worker, outcome

    def warm_up(self) -> Worker | None:
        """Start a worker before anybody asks for one; None where there is one already, or no call may run."""
        with self._lock:
            if self._idle or self._used:
                return None
            self._used = True
            worker = Worker(self._launch())
            self._idle.append(worker)
            return worker

    def retire(self) -> None:
        """End all workers: the idle now, the busy after their call, for code or configuration has changed."""
        with self._lock:
            self._generation += 1
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()

    def end_idle(self) -> None:
        """End the workers that nobody has called for a while."""
        oldest = time.monotonic() - IDLE_SECONDS
        with self._lock:
            stale = [worker for worker in self._idle if worker.idle_since < oldest]
            self._idle = [worker for worker in self._idle if worker not in stale]
        for worker in stale:
            worker.close()

    def _take(self) -> Worker | None:
        while True:
            with self._lock:
                if not self._idle:
                    return None
                worker = self._idle.pop()
            if worker.alive():
                return worker
            worker.close()

    def _give_back(self, worker: Worker, generation: int) -> None:
        worker.idle_since = time.monotonic()
        with self._lock:
            if worker.alive() and generation == self._generation:
                self._idle.append(worker)
                return
        worker.close()
