"""A resource of the API: what Describe answers about it, and its tags."""

import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from localcloud import cloud


def now() -> datetime:
    return cloud.current().clock.now()


class Resource:
    """An answer that is replaced, never changed in place: a reader always holds a consistent one.

    moto's tagging reads `arn` and `tags`; its Search reads `gen_response_object`.
    """

    def __init__(self, arn: str, answer: Mapping[str, Any], tags: list[dict[str, str]] | None = None) -> None:
        self.arn = arn
        self.tags = list(tags or [])
        self._answer: dict[str, Any] = {"CreationTime": now(), **answer}
        self._lock = threading.RLock()

    @property
    def answer(self) -> dict[str, Any]:
        return self._answer

    def update(self, **changes: Any) -> None:
        """Replace members; a change to None removes one."""
        with self._lock:
            merged = {**self._answer, "LastModifiedTime": now(), **changes}
            self._answer = {name: value for name, value in merged.items() if value is not None}

    def gen_response_object(self) -> dict[str, Any]:
        return self._answer


def without_tags(request: Mapping[str, Any]) -> dict[str, Any]:
    """The request as Describe repeats it: tags are asked for apart, tokens not at all."""
    return {name: value for name, value in request.items() if name not in {"Tags", "ClientToken"}}
