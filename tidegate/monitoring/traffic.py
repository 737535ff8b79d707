"""A window's captured traffic, read once in chunks: kept are profiles, broken rules and an even sample.

Memory grows with the number of columns; of records only a hash of each is kept, to tell repeated ones.
"""

import heapq
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import pyarrow as pa

from tidegate.features import Array
from tidegate.monitoring.capture import Captured, Rows
from tidegate.monitoring.capture import read as read_plainly
from tidegate.monitoring.capture_reader import CaptureReader, Chunk
from tidegate.monitoring.inputs import Inputs
from tidegate.plan import Plan
from tidegate.profile import Profile
from tidegate.profile.table import ProfileBuilder
from tidegate.serving.instances import from_json

_ODD, _MODULUS = 0x9E3779B97F4A7C15, 1 << 64
_MISFITS = (pa.ArrowException, OverflowError, UnicodeError)


@dataclass(frozen=True)
class Sampled:
    """One request and the feature vector its answer came from, where it was captured."""

    instance: Mapping[str, Any]
    vector: Sequence[Any] | None


@dataclass
class EvenSample:
    """At most `most` rows, by their ids alone: the same whatever the order of files."""

    most: int
    _kept: list[tuple[int, str, bytes]] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        for name, line in zip(chunk.ids, chunk.lines, strict=True):
            # a heap gives its smallest away; multiplied, a checksum's order says nothing of its text's
            rank = -(zlib.crc32(name.encode(errors="surrogatepass")) * _ODD % _MODULUS)
            if len(self._kept) < self.most:
                heapq.heappush(self._kept, (rank, name, line))
            elif rank > self._kept[0][0]:
                heapq.heapreplace(self._kept, (rank, name, line))

    @property
    def rows(self) -> list[Sampled]:
        """Read once more: of most records nobody ever wants more than their columns."""
        return [
            _sampled(name, line) for _, name, line in sorted(self._kept, key=itemgetter(0, 1), reverse=True)
        ]


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What a window's files held. Rows are those of readable records, each event once."""

    captured: Captured  # its counts
    rows: int
    requests: Profile  # of the columns a caller sends
    answers: Profile
    inputs: Inputs
    sample: list[Sampled]


def read(plan: Plan, lines: Iterable[bytes], *, answers: Sequence[str], sample: int) -> Traffic:
    """Read capture files.

    Args:
        answers: columns of the champion's answers; another task's answers count as missing.
        sample: rows to keep.
    """
    captured, inputs = Captured(), Inputs(plan.contract, plan.features.request)
    kept, rows = EvenSample(sample), 0
    requests, told = _Profiled(), _Profiled()
    names = [name for name in plan.features.request if name != plan.features.source.event_ts]
    types = {name: plan.instance_types[name] for name in plan.features.request}
    for chunk in CaptureReader(captured, types, answers).chunks(lines):
        batch = inputs.add_columns(chunk.columns, chunk.rows)
        requests.add(batch.select(names))
        told.add(_answers(chunk, answers))
        kept.add(chunk)
        rows += chunk.rows
    return Traffic(
        captured=captured,
        rows=rows,
        requests=requests.finish(),
        answers=told.finish(),
        inputs=inputs,
        sample=kept.rows,
    )


def columns(instances: Sequence[Mapping[str, Any]], types: Mapping[str, str]) -> dict[str, Array]:
    """Members as tidegate.instances has them; a value of another type counts as missing."""
    found: dict[str, Array] = {}
    for name, kind in types.items():
        rows = [{name: each.get(name)} for each in instances]
        try:
            found |= from_json(rows, {name: kind})
        except ValueError:
            found |= from_json([row if _is_of(row, name, kind) else {} for row in rows], {name: kind})
    return found


def _is_of(row: Mapping[str, Any], name: str, kind: str) -> bool:
    try:
        from_json([row], {name: kind})
    except ValueError:
        return False
    return True


class _Profiled:
    """A profile whose schema is that of the first batch."""

    def __init__(self) -> None:
        self._builder: ProfileBuilder | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        if self._builder is None:
            self._builder = ProfileBuilder(batch.schema)
        self._builder.add(batch)

    def finish(self) -> Profile:
        if self._builder is None:
            raise ValueError("nothing was read, not even a batch without rows")
        return self._builder.finish()


def _sampled(name: str, line: bytes) -> Sampled:
    found: Rows = read_plainly([line])
    number = int(name.rpartition("#")[2])
    return Sampled(found.instances[number], found.vectors[number])


def _answers(chunk: Chunk, names: Sequence[str]) -> pa.RecordBatch:
    arrays = {
        name: _array(chunk.answers[name], pa.string() if name == "label" else pa.float64()) for name in names
    }
    return pa.RecordBatch.from_pydict(arrays)


def _array(values: list[Any], target: pa.DataType) -> pa.Array:
    try:
        return pa.array(values, target)
    except _MISFITS:
        return pa.array([value if _fits(value, target) else None for value in values], target)


def _fits(value: Any, target: pa.DataType) -> bool:
    try:
        pa.array([value], target)
    except _MISFITS:
        return False
    return True
