"""Captured requests with the feature vectors the model saw: an even sample, the same one each time.

Pure. Which rows are taken depends on their inference ids alone, so that a repeated measurement measures the
same; what cannot be compared is counted under its reason, never dropped in silence.
"""

import hashlib
import heapq
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tidegate.moments import seconds
from tidegate.monitoring.capture import is_traffic, payload

NO_VECTORS = "the answer holds no vectors"
UNREADABLE = "the record cannot be read"


@dataclass(frozen=True, kw_only=True)
class CapturedVector:
    """One instance of a captured request, and what the model saw of it."""

    inference_id: str  # the event's own where the caller gave none
    row: int  # position in its request
    at: float  # when it was answered by the wall clock, in whole seconds since the epoch
    model: str  # the training run whose model answered
    instance: Mapping[str, Any]  # request columns, and `views`: view@hash -> what was looked up
    vector: Sequence[Any]  # features in declared order: numbers, texts, None for missing
    answer: Any = None  # what it said, as tidegate.answers has it


@dataclass
class Sample:
    """At most `most` rows out of all that were seen."""

    most: int
    seen: int = 0  # rows with a vector
    golden: int = 0  # records of golden rows, which are nobody's traffic
    left_out: Counter[str] = field(default_factory=Counter)  # reason -> records
    _kept: list[tuple[int, int, CapturedVector]] = field(default_factory=list)

    def add(self, line: bytes) -> None:
        """Read one line of a capture file."""
        if not line.strip():
            return
        try:
            rows = _rows(json.loads(line))
        except (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError):
            self.left_out[UNREADABLE] += 1
            return
        if rows is None:
            self.left_out[NO_VECTORS] += 1
        elif rows and not is_traffic(rows[0].inference_id):
            self.golden += 1
        else:
            for row in rows:
                self._offer(row)

    @property
    def rows(self) -> list[CapturedVector]:
        """In order of time."""
        return sorted((each[-1] for each in self._kept), key=lambda row: (row.at, row.inference_id, row.row))

    def _offer(self, row: CapturedVector) -> None:
        self.seen += 1
        name = f"{row.inference_id}#{row.row}".encode()
        rank = int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big")
        entry = (-rank, -self.seen, row)  # a heap gives its smallest away: the highest rank, seen last
        if len(self._kept) < self.most:
            heapq.heappush(self._kept, entry)
        else:
            heapq.heappushpop(self._kept, entry)


def sample(lines: Iterable[bytes], *, most: int) -> Sample:
    found = Sample(most)
    for line in lines:
        found.add(line)
    return found


def _rows(record: Mapping[str, Any]) -> list[CapturedVector] | None:
    """The record's rows; None when the answer holds no vectors.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: it is no record of ours.
    """
    sides, event = record["captureData"], record["eventMetadata"]
    instances = payload(sides["endpointInput"])["instances"]
    answer = payload(sides["endpointOutput"])
    vectors = answer.get("vectors")
    if vectors is None:
        return None
    if len(instances) != len(vectors):
        raise ValueError(f"{len(vectors)} vectors for {len(instances)} instances")
    answers = answer.get("predictions")
    if not isinstance(answers, list) or len(answers) != len(vectors):
        answers = [None] * len(vectors)
    if not all(isinstance(each, dict) for each in instances) or not all(isinstance(v, list) for v in vectors):
        raise TypeError("an instance is an object, a vector a list")
    return [
        CapturedVector(
            inference_id=str(event.get("inferenceId") or event["eventId"]),
            row=number,
            at=seconds(event["inferenceTime"]),
            model=str(answer["model"]),
            instance=instance,
            vector=vector,
            answer=told,
        )
        for number, (instance, vector, told) in enumerate(zip(instances, vectors, answers, strict=True))
    ]
