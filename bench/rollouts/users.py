"""Users who ask the endpoint by its weights, some in each second of the cloud's clock, and what came back."""

import http.client
import json
import math
import time
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from bench.rollouts import model
from bench.rollouts.endpoint import Endpoint
from bench.rollouts.place import POLL_SECONDS, Place

PER_SECOND = 10
OBJECTIVE_SECONDS = 0.7
Kind = Literal["good", "failed", "invalid", "slow", "wrong"]


@dataclass(frozen=True)
class Answered:
    kind: Kind
    variant: str  # empty where nobody says
    inference_id: str
    hour: int


class Users:
    """Ask in step with the clock.

    Args:
        per_second: requests in a second of the cloud's clock.
        labels: whether what came of an answer is told at once.
    """

    def __init__(self, place: Place, per_second: int = PER_SECOND, *, labels: bool = False) -> None:
        self._place = place
        self._per_second = per_second
        self._labels = labels
        self._endpoint = Endpoint(place.url, place.endpoint)
        self._threads = ThreadPoolExecutor(max(1, per_second))
        self._champion = place.champion()
        self.kinds: Counter[Kind] = Counter()
        self.slow_of_champion = 0

    @property
    def answers(self) -> int:
        return self.kinds.total()

    @property
    def bad(self) -> int:
        """A champion's slow answer is the fault of a busy machine."""
        return self.answers - self.kinds["good"] - self.slow_of_champion

    @property
    def slow(self) -> int:
        """Of the bad ones."""
        return self.kinds["slow"] - self.slow_of_champion

    def second(self) -> None:
        """One second: the requests at its beginning, then what is left of it; longer where nobody asks."""
        until = self._place.clock.time() + (1 if self._per_second else POLL_SECONDS)
        self.ask()
        self._place.pass_until(until)

    def ask(self) -> None:
        """The requests of one second."""
        found = list(self._threads.map(self._one, range(self._per_second)))
        self.kinds.update(each.kind for each in found)
        self.slow_of_champion += sum(e.kind == "slow" and e.variant == self._champion for e in found)
        for variant, count in Counter(e.variant for e in found if e.kind == "invalid").items():
            self._place.count_invalid(variant, count)
        if self._labels:
            told = [each for each in found if each.kind in ("good", "wrong")]
            list(self._threads.map(lambda e: self._place.tell(e.inference_id, model.outcome(e.hour)), told))

    def close(self) -> None:
        self._threads.shutdown()

    def _one(self, number: int) -> Answered:
        hour, inference_id = number % 24, str(uuid.uuid4())
        began = time.monotonic()
        status, headers, body = self._endpoint.ask(hour, inference_id)
        seconds = time.monotonic() - began
        variant = headers.get("x-Amzn-Invoked-Production-Variant", "")
        return Answered(_kind(status, body, hour, seconds), variant, inference_id, hour)


def _kind(status: int, body: bytes, hour: int, seconds: float) -> Kind:
    if status != http.HTTPStatus.OK:
        return "failed"
    try:
        [prediction] = json.loads(body)["predictions"]
        probability = prediction["probability"]
    except (ValueError, KeyError, TypeError):
        return "invalid"
    if not math.isfinite(probability):
        return "invalid"
    if abs(probability - model.expected(hour)) > 1e-9:  # noqa: PLR2004  what the last bits may differ
        return "wrong"
    return "slow" if seconds > OBJECTIVE_SECONDS else "good"
