"""That something of this cloud has ended: a job or an execution. Who waits for one looks when it is told."""

import threading


class Endings:
    """A count of what has ended so far."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._count = 0

    @property
    def count(self) -> int:
        return self._count

    def tell(self) -> None:
        """Something has ended: everyone in `wait` looks up."""
        with self._changed:
            self._count += 1
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> None:
        """Until more has ended than the count that was `seen`, at most that long in real time."""
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen, seconds)
