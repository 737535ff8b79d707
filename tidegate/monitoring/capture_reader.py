"""Data capture files read as columns, chunk by chunk: what `tidegate.monitoring.capture` reads, but faster.

Pure. Lines in the shape that our container and SageMaker write are decoded straight into the columns that are
asked for; any other line is given to `capture`, so that both say the same of every line. Memory does not grow
with the number of lines.
"""

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import msgspec

from tidegate.monitoring.capture import GOLDEN, MIRROR, Captured

CHUNK_ROWS = 16_384
_JSON: dict[str, Any] = {"string": str | None, "integer": int | float | None, "number": int | float | None}
_BASE64 = "BASE64"


@dataclass(frozen=True)
class Chunk:
    """Some rows; values are as JSON has them, None where a row has none."""

    rows: int
    columns: dict[str, list[Any]]  # of the instances
    answers: dict[str, list[Any]]  # as tidegate.answers.measured names them
    ids: list[str]  # of the event and the place in it, like no other's
    lines: list[bytes]  # the line that each was read from


# gc=False: they hold no cycles, and 16,384 of them would be looked through again and again


class _Side(msgspec.Struct, gc=False):
    data: str
    encoding: Literal["JSON", "BASE64", "CSV"] = "JSON"  # another is left to the plain reader


class _Sides(msgspec.Struct, rename="camel", gc=False):
    endpoint_input: _Side
    endpoint_output: _Side


class _Event(msgspec.Struct, rename="camel", gc=False):
    event_id: str
    inference_id: str = ""


class _Record(msgspec.Struct, rename="camel", gc=False):
    capture_data: _Sides
    event_metadata: _Event


class CaptureReader:
    """Reads lines into chunks of rows; `Captured` counts what is left out."""

    def __init__(self, captured: Captured, columns: Mapping[str, str], answers: Sequence[str]) -> None:
        """What to read.

        Args:
            captured: keeps the counts, and the events that were read.
            columns: members of an instance by name, each with its type in the contract.
            answers: names of `answers.measured`; a row whose answer lacks one has None there.
        """
        self._captured = captured
        self._columns = dict(columns)
        self._answers = tuple(answers)
        fields = [(f"c{i}", _JSON.get(kind, Any), None) for i, kind in enumerate(columns.values())]
        names = {f"c{i}": name for i, name in enumerate(columns)}
        self._instance = msgspec.defstruct("Instance", fields, rename=names, gc=False)
        request = msgspec.defstruct("Request", [("instances", list[self._instance])])  # type: ignore[name-defined]
        number = msgspec.defstruct(
            "Number",
            [(name, int | float) for name in answers if name in {"probability", "value"}],
            forbid_unknown_fields=True,
            gc=False,
        )
        label = msgspec.defstruct("Label", [("label", str), ("probabilities", dict[str, int | float])])
        answer = label if "label" in answers else number
        response = msgspec.defstruct("Response", [("predictions", list[answer])])  # type: ignore[valid-type]
        self._record = msgspec.json.Decoder(_Record)
        self._request: msgspec.json.Decoder[Any] = msgspec.json.Decoder(request)
        self._response: msgspec.json.Decoder[Any] = msgspec.json.Decoder(response)
        self._number = None if "label" in answers else attrgetter(*answers)

    def chunks(self, lines: Iterable[bytes]) -> Iterator[Chunk]:
        """All rows in order, some CHUNK_ROWS at a time; a chunk without rows where there are none."""
        captured, kept, none = self._captured, _Kept(), True
        record_of, request_of, response_of = self._record.decode, self._request.decode, self._response.decode
        for line in lines:
            try:
                record = record_of(line)
                sides, event = record.capture_data, record.event_metadata
                asked = request_of(_data(sides.endpoint_input)).instances
                answered = self._answered(response_of(_data(sides.endpoint_output)).predictions)
            except (msgspec.DecodeError, ValueError, KeyError, RecursionError):
                self._otherwise(line, kept)
            else:
                if event.inference_id.startswith((GOLDEN, MIRROR)):
                    captured.golden += 1
                elif len(asked) != len(answered):
                    captured.fallen_short += 1
                elif not event.event_id:
                    self._otherwise(line, kept)
                elif (hashed := hash(event.event_id)) in captured.seen:
                    captured.repeated += 1
                else:
                    captured.seen.add(hashed)
                    kept.add(asked, answered, event.event_id, line)
            if len(kept.instances) >= CHUNK_ROWS:
                yield self._chunk(kept)
                kept, none = _Kept(), False
        if none or kept.instances:
            yield self._chunk(kept)

    def _answered(self, predictions: list[Any]) -> list[Any]:
        """The number of each answer, or of labels a tuple in the order asked for."""
        if self._number is not None:
            return [self._number(each) for each in predictions]
        return [
            tuple(
                each.label if name == "label" else float(each.probabilities[each.label])
                for name in self._answers
            )
            for each in predictions
        ]

    def _otherwise(self, line: bytes, kept: "_Kept") -> None:
        """A line of another shape: truncated, of another container, or with values the contract refuses."""
        self._captured.add(line)
        rows = self._captured.take()
        kept.instances += [self._instance(*map(each.get, self._columns)) for each in rows.instances]
        for each in rows.answers:
            values = tuple(map(each.get, self._answers))
            kept.answers.append(values if self._number is None else values[0])
        kept.ids += rows.ids
        kept.lines += [line] * len(rows.ids)

    def _chunk(self, kept: "_Kept") -> Chunk:
        instances, answers = kept.instances, kept.answers
        columns = {name: list(map(attrgetter(f"c{i}"), instances)) for i, name in enumerate(self._columns)}
        if self._number is not None:
            told = [answers]
        else:
            told = [list(values) for values in zip(*answers, strict=True)] or [[] for _ in self._answers]
        named = dict(zip(self._answers, told, strict=True))
        return Chunk(len(instances), columns, named, kept.ids, kept.lines)


class _Kept:
    """Rows read so far of the chunk to come."""

    def __init__(self) -> None:
        self.instances: list[Any] = []
        self.answers: list[Any] = []
        self.ids: list[str] = []
        self.lines: list[bytes] = []

    def add(self, asked: list[Any], answered: list[Any], event_id: str, line: bytes) -> None:
        self.instances += asked
        self.answers += answered
        if len(asked) == 1:
            self.ids.append(f"{event_id}#0")
            self.lines.append(line)
        else:
            self.ids += [f"{event_id}#{number}" for number in range(len(asked))]
            self.lines += [line] * len(asked)


def _data(side: _Side) -> str | bytes:
    return base64.b64decode(side.data) if side.encoding == _BASE64 else side.data
