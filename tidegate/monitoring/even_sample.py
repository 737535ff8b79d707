"""An even sample of captured rows: which are taken depends on their ids alone."""

import heapq
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.monitoring.capture import Captured, read
from tidegate.monitoring.capture_chunk import Chunk

_HALF = np.uint64(32)
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Sampled:
    """One request and the feature vector its answer came from, where it was captured."""

    instance: Mapping[str, Any]
    vector: Sequence[Any] | None


@dataclass
class EvenSample:
    """At most `most` rows, the same whatever the order of files."""

    most: int
    _kept: list[tuple[int, str, bytes]] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        ranks = _ranks(chunk)
        full = len(self._kept) >= self.most
        within = np.flatnonzero(ranks < -self._kept[0][0]) if full else np.arange(len(ranks))
        for row, rank in zip(within.tolist(), ranks[within].tolist(), strict=True):
            if len(self._kept) < self.most:  # a heap gives its smallest away
                heapq.heappush(self._kept, (-rank, chunk.name(row), chunk.line(row)))
            elif -rank > self._kept[0][0]:
                heapq.heapreplace(self._kept, (-rank, chunk.name(row), chunk.line(row)))

    @property
    def rows(self) -> list[Sampled]:
        """Read once more, each line once: of most records nobody ever wants more than their columns."""
        kept = sorted(self._kept, key=itemgetter(0, 1), reverse=True)
        requests = {line: read([line]) for line in {line for _, _, line in kept}}
        return [_sampled(int(name.rpartition("#")[2]), requests[line]) for _, name, line in kept]


def _ranks(chunk: Chunk) -> NDArray[np.uint64]:
    """Of each row by its event and place. Multiplied, a checksum's order says nothing of its text's."""
    try:
        events = list(map(str.encode, chunk.events))
    except UnicodeEncodeError:  # half of a character
        events = [event.encode(errors="surrogatepass") for event in chunk.events]
    checksums = np.fromiter(map(zlib.crc32, events), np.uint64, len(events))
    places = np.array(chunk.places, np.uint64)
    return (checksums << _HALF | places) * _ODD  # wraps around at 64 bits


def _sampled(place: int, request: Captured) -> Sampled:
    return Sampled(request.instances[place], request.vectors[place])
