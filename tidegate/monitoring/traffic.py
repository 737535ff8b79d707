"""A window's captured traffic, read once in chunks: kept are profiles, broken rules and an even sample.

Memory grows with the number of columns; of records only a hash of each is kept, to tell repeated ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tidegate.columns.list_values import array_of_list
from tidegate.features import Array
from tidegate.monitoring.capture import Captured
from tidegate.monitoring.capture_chunk import Chunk
from tidegate.monitoring.capture_reader import CaptureReader
from tidegate.monitoring.even_sample import EvenSample, Sampled
from tidegate.monitoring.inputs import Inputs
from tidegate.monitoring.request_columns import Pieces
from tidegate.plan import Plan
from tidegate.profile import Profile
from tidegate.profile.table import ProfileBuilder
from tidegate.serving.instances import from_json

BATCH_ROWS = 16_384  # that are checked and profiled at once: both take time for each batch
_PLAIN = {pa.string(): {str, type(None)}, pa.float64(): {float, type(None)}}
_MISFITS = (pa.ArrowException, OverflowError, UnicodeError)


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """What a window's files held. Rows are those of readable records, each event once."""

    captured: Captured  # its counts
    rows: int
    requests: Profile  # of the columns a caller sends
    answers: Profile
    inputs: Inputs
    sample: list[Sampled]


def read(plan: Plan, blocks: Iterable[bytes], *, answers: Sequence[str], sample: int) -> Traffic:
    """Read capture files.

    Args:
        blocks: of whole lines.
        answers: columns of the champion's answers; another task's answers count as missing.
        sample: rows to keep.
    """
    captured, inputs = Captured(), Inputs(plan.contract, plan.features.request)
    kept, rows = EvenSample(sample), 0
    requests, told = _Profiled(), _Profiled()
    names = [name for name in plan.features.request if name != plan.features.source.event_ts]
    types = {name: plan.instance_types[name] for name in plan.features.request}
    pieces, answered = Pieces(inputs.columns), list[pa.RecordBatch]()

    def together() -> None:
        requests.add(inputs.add_columns(*pieces.take()).select(names))
        told.add(_one(answered))
        answered.clear()

    for chunk in CaptureReader(captured, types, answers).chunks(blocks):
        pieces.add(chunk.columns, chunk.rows)
        answered.append(_answers(chunk, answers))
        kept.add(chunk)
        rows += chunk.rows
        del chunk  # before the next is made
        if pieces.rows >= BATCH_ROWS:
            together()
    if answered:
        together()
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


def _one(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    arrays = [
        pa.concat_arrays([batch.column(index) for batch in batches])
        for index in range(batches[0].num_columns)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batches[0].schema)


def _answers(chunk: Chunk, names: Sequence[str]) -> pa.RecordBatch:
    types = [pa.string() if name == "label" else pa.float64() for name in names]
    arrays = [_array(chunk.answers[name], type_) for name, type_ in zip(names, types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, names=list(names))


def _array(values: list[Any], target: pa.DataType) -> pa.Array:
    if _PLAIN[target].issuperset(map(type, values)):
        return array_of_list(values, target)
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
