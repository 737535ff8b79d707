"""How often each operation was called, refused for its role, refused for its form, or not understood."""

import threading
from collections import Counter


class Record:
    """Counters by `service:Operation`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[str]] = {
            kind: Counter() for kind in ("calls", "denied", "invalid", "unread")
        }

    def call(self, name: str) -> None:
        self._add("calls", name)

    def denied(self, name: str) -> None:
        self._add("denied", name)

    def invalid(self, name: str) -> None:
        self._add("invalid", name)

    def unread(self, service: str) -> None:
        """A request that reached moto unchecked."""
        self._add("unread", service)

    def to_json(self) -> dict[str, dict[str, int]]:
        with self._lock:
            return {kind: dict(sorted(counter.items())) for kind, counter in self._counts.items()}

    def _add(self, kind: str, name: str) -> None:
        with self._lock:
            self._counts[kind][name] += 1
