"""Captured predictions that an outcome can be told of: one answer, its id and its moment.

Pure standard library. Which are kept depends on their ids alone, so that a repeated look sees the same. A
record of several instances has one id for all of them: no outcome tells of one, and they are counted.
"""

import hashlib
import heapq
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from tidegate.moments import seconds
from tidegate.monitoring.capture import is_traffic, payload
from tidegate.serving.answers import measured


@dataclass(frozen=True, kw_only=True)
class Prediction:
    inference_id: str
    at: float  # when it was answered, in whole seconds since the epoch
    model: str  # the training run whose model answered
    answer: Mapping[str, Any]  # as tidegate.answers has it
    slices: Mapping[str, str]  # the request's texts by column
    variant: str = ""  # of the endpoint, that answered
    champion: bool = True  # whether its model was the champion then


@dataclass
class Predictions:
    """At most `most` of the predictions seen, each once however often its record is there."""

    most: int
    columns: Sequence[str] = ()  # of the request, to slice by
    champion: bool = True  # whether those who answer are the champion
    repeated: int = 0
    batched: int = 0  # answers of records with several
    golden: int = 0  # golden rows and copied requests: no outcome is ever told of them
    unreadable: int = 0
    seen: int = 0  # different predictions; a repeated record that was not kept counts again
    _kept: dict[str, Prediction] = field(default_factory=dict)
    _order: list[tuple[int, str]] = field(default_factory=list)

    def add(self, line: bytes, variant: str = "") -> None:
        """Read one line of a capture file of `variant`."""
        if not line.strip():
            return
        try:
            found = self._read(json.loads(line), variant)
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            self.unreadable += 1
            return
        if found is None:
            return
        if found.inference_id in self._kept:
            self.repeated += 1
            return
        self.seen += 1
        digest = hashlib.blake2b(found.inference_id.encode(errors="surrogatepass"), digest_size=8).digest()
        place = (-int.from_bytes(digest, "big"), found.inference_id)
        self._kept[found.inference_id] = found
        heapq.heappush(self._order, place)
        if len(self._order) > self.most:
            del self._kept[heapq.heappop(self._order)[1]]

    @property
    def rows(self) -> list[Prediction]:
        """The kept ones in order of id."""
        return [self._kept[inference_id] for inference_id in sorted(self._kept)]

    def _read(self, record: Mapping[str, Any], variant: str) -> Prediction | None:
        event, sides = record["eventMetadata"], record["captureData"]
        inference_id = event.get("inferenceId") or event["eventId"]
        if not isinstance(inference_id, str):
            raise TypeError("an id is a text")
        if not is_traffic(inference_id):
            self.golden += 1
            return None
        instances = payload(sides["endpointInput"])["instances"]
        answered = payload(sides["endpointOutput"])
        if len(answered["predictions"]) != len(instances):
            raise ValueError("not as many answers as instances")
        if len(instances) != 1:
            self.batched += len(instances)
            return None
        [instance], [answer] = instances, answered["predictions"]
        measured(answer)  # raises when it is none
        texts = {name: instance[name] for name in self.columns if isinstance(instance.get(name), str)}
        return Prediction(
            inference_id=inference_id,
            at=seconds(event["inferenceTime"]),
            model=str(answered.get("model", "")),
            answer=answer,
            slices=texts,
            variant=variant,
            champion=self.champion,
        )


def as_lines(rows: Iterable[Prediction]) -> bytes:
    """JSON Lines that `of_lines` reads."""
    return b"".join(json.dumps(asdict(row)).encode() + b"\n" for row in rows)


def of_lines(data: bytes) -> Iterator[Prediction]:
    return (Prediction(**json.loads(line)) for line in data.splitlines())
