"""Data capture records as SageMaker writes them, read into instances and predictions.

Pure. A line that cannot be read (a truncated file, another container's format) is counted, never raised. The
golden rows and the copied requests of a rollout are captured too, and are nobody's traffic.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidegate.serving.answers import measured

GOLDEN = "golden-"  # begins the inference id of golden rows
MIRROR = "mirror-"  # and that of copied requests
CHUNK_ROWS = 16_384  # that are held as objects at a time, some 2 KB each


@dataclass
class Rows:
    """Requests and what was answered: rows of the lists belong together."""

    instances: list[Mapping[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)  # as tidegate.answers.measured gives them
    vectors: list[Sequence[Any] | None] = field(default_factory=list)  # features as the model saw them
    ids: list[str] = field(default_factory=list)  # of the event and the place in it, like no other's


class Seen(Protocol):
    """Hashes of events: what is asked of a set."""

    def __len__(self) -> int: ...
    def __contains__(self, hashed: object, /) -> bool: ...
    def add(self, hashed: int, /) -> None: ...


@dataclass
class Captured(Rows):
    """What a window's files held."""

    golden: int = 0  # records of golden rows and copied requests, left out
    unreadable: int = 0
    fallen_short: int = 0  # records with another number of answers than instances
    repeated: int = 0  # records of an event that was there before
    seen: Seen = field(default_factory=set[int])  # hashes of events, not their texts

    def add(self, line: bytes) -> None:
        """Read one line."""
        if not line.strip():
            return
        try:
            record = json.loads(line)
            event, sides = record.get("eventMetadata", {}), record["captureData"]
            golden = not is_traffic(str(event.get("inferenceId", "")))
            instances = [_object(i) for i in payload(sides["endpointInput"])["instances"]]
            answered = payload(sides["endpointOutput"])
            answers = [measured(a) for a in answered["predictions"]]
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            self.unreadable += 1
            return
        if golden:
            self.golden += 1
            return
        if len(instances) != len(answers):
            self.fallen_short += 1
            return
        name = str(event.get("eventId") or f"without an id {len(self.seen)}")
        if hash(name) in self.seen:
            self.repeated += 1
            return
        self.seen.add(hash(name))
        vectors = answered.get("vectors")
        known = isinstance(vectors, list) and len(vectors) == len(instances)
        self.instances += instances
        self.answers += answers
        self.vectors += vectors if known else [None] * len(instances)
        self.ids += [f"{name}#{number}" for number in range(len(instances))]

    def take(self) -> Rows:
        """The rows that were read since they were last taken."""
        taken = Rows(self.instances, self.answers, self.vectors, self.ids)
        self.instances, self.answers, self.vectors, self.ids = [], [], [], []
        return taken


def is_traffic(inference_id: str) -> bool:
    """Whether somebody asked it, not a rollout."""
    return not inference_id.startswith((GOLDEN, MIRROR))


@dataclass(frozen=True, kw_only=True)
class Request:
    """One captured request that can be asked again, and its answers."""

    instances: tuple[dict[str, Any], ...]
    answers: tuple[Mapping[str, Any], ...]  # one for each instance


def requests(lines: Iterable[bytes]) -> Iterator[Request]:
    """Requests that somebody made and that were answered whole; other lines are passed over."""
    for line in lines:
        try:
            record = json.loads(line)
            if not is_traffic(str(record["eventMetadata"].get("inferenceId", ""))):
                continue
            sides = record["captureData"]
            instances = [dict(_object(i)) for i in payload(sides["endpointInput"])["instances"]]
            answers = [_object(a) for a in payload(sides["endpointOutput"])["predictions"]]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            continue
        if len(instances) == len(answers):
            yield Request(instances=tuple(instances), answers=tuple(answers))


def read(lines: Iterable[bytes]) -> Captured:
    found = Captured()
    for line in lines:
        found.add(line)
    return found


def chunks(found: Captured, lines: Iterable[bytes], *, rows: int = CHUNK_ROWS) -> Iterator[Rows]:
    """The same in chunks of about so many rows, at least one; `found` keeps the counts."""
    for line in lines:
        found.add(line)
        if len(found.instances) >= rows:
            yield found.take()
    yield found.take()


def payload(side: Mapping[str, str]) -> Any:
    """The JSON document of one side of a record.

    Raises:
        ValueError, KeyError: there is none.
    """
    data = side["data"]
    return json.loads(base64.b64decode(data) if side.get("encoding") == "BASE64" else data)


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("an instance is an object")
    return value
