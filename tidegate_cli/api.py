"""Calls of the pipeline's HTTP API, signed, over kept connections."""

import http.client
import json
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tidegate_cli.failure import CommandError
from tidegate_cli.place import Place

TIMEOUT_SECONDS = 35  # an HTTP API ends an integration after 30
CALLERS = 4


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]

    @property
    def ok(self) -> bool:
        return self.status // 100 == 2  # noqa: PLR2004  HTTP's family of successes


class Api:
    """The two routes of a deployed pipeline. One connection for each thread that calls."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.url = place.outputs["ApiUrl"].rstrip("/")
        self._local = threading.local()

    def predict(self, request: dict[str, Any]) -> Answer:
        return self._post("/predict", request)

    def feedback(self, inference_id: str, outcome: float) -> Answer:
        return self._post("/feedback", {"inference_id": inference_id, "outcome": outcome})

    def _post(self, path: str, data: dict[str, Any]) -> Answer:
        url = f"{self.url}{path}"
        body = json.dumps(data).encode()
        headers = self.place.signed("POST", url, body)
        for attempt in (1, 2):  # a kept connection may have been closed meanwhile: once more on a new one
            connection = self._connection()
            try:
                connection.request("POST", urlsplit(url).path, body, headers)
                response = connection.getresponse()
                text = response.read()
            except (OSError, http.client.HTTPException) as cause:
                self._local.connection = None
                if attempt == 1:
                    continue
                raise CommandError(f"`{self.url}` does not answer", cause=str(cause)) from cause
            return Answer(response.status, _object(text))
        raise AssertionError  # the loop returns or raises

    def _connection(self) -> http.client.HTTPConnection:
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            parts = urlsplit(self.url)
            kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
            connection = kind(parts.netloc, timeout=TIMEOUT_SECONDS)
            self._local.connection = connection
        return connection


def many(call: Callable[[Any], Answer], items: Iterable[Any]) -> Iterator[Answer]:
    """`call` for every item, a few at a time, answers in the order of the items."""
    with ThreadPoolExecutor(CALLERS) as callers:
        yield from callers.map(call, items)


def _object(text: bytes) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return {"message": text.decode(errors="replace")}
    return data if isinstance(data, dict) else {"answer": data}
