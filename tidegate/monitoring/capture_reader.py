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


# gc=False: they hold no cycles, and 16,384 of them would be looked through again and again


class _Side(msgspec.Struct, gc=False):
    data: str
    encoding: Literal["JSON", "BASE64", "CSV"] = "JSON"  # another is left to the plain reader


class _Sides(msgspec.Struct, rename="camel", gc=False):
    endpoint_input: _Side
    endpoint_output: _Side


class _Event(msgspec.Struct, rename="camel", gc=False):
    inference_id: str = ""


class _Record(msgspec.Struct, rename="camel", gc=False):
    capture_data: _Sides
    event_metadata: _Event = msgspec.field(default_factory=_Event)


class CaptureReader:
    """Reads lines; the counts are those of `Captured` and hold for what has been read so far."""

    def __init__(self, columns: Mapping[str, str], answers: Sequence[str]) -> None:
        """What to read.

        Args:
            columns: members of an instance by name, each with its type in the contract.
            answers: names of `tidegate.answers.measured`; a row whose answer lacks one has None there.
        """
        self.rows = self.golden = self.unreadable = self.fallen_short = 0
        self.columns = dict(columns)
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
        """All rows in order, some CHUNK_ROWS at a time."""
        instances: list[Any] = []
        answers: list[Any] = []
        record_of, request_of, response_of = self._record.decode, self._request.decode, self._response.decode
        for line in lines:
            try:
                record = record_of(line)
                sides = record.capture_data
                asked = request_of(_data(sides.endpoint_input)).instances
                answered = self._answered(response_of(_data(sides.endpoint_output)).predictions)
            except (msgspec.DecodeError, ValueError, KeyError, RecursionError):
                self._otherwise(line, instances, answers)
            else:
                if record.event_metadata.inference_id.startswith((GOLDEN, MIRROR)):
                    self.golden += 1
                elif len(asked) != len(answered):
                    self.fallen_short += 1
                else:
                    instances += asked
                    answers += answered
            if len(instances) >= CHUNK_ROWS:
                yield self._chunk(instances, answers)
                instances, answers = [], []
        if instances:
            yield self._chunk(instances, answers)

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

    def _otherwise(self, line: bytes, instances: list[Any], answers: list[Any]) -> None:
        """A line of another shape: truncated, of another container, or with values the contract refuses."""
        slow = Captured()
        slow.add(line)
        self.golden += slow.golden
        self.unreadable += slow.unreadable
        self.fallen_short += slow.fallen_short
        instances += [self._instance(*map(each.get, self.columns)) for each in slow.instances]
        for each in slow.answers:
            values = tuple(map(each.get, self._answers))
            answers.append(values if self._number is None else values[0])

    def _chunk(self, instances: list[Any], answers: list[Any]) -> Chunk:
        self.rows += len(instances)
        columns = {name: list(map(attrgetter(f"c{i}"), instances)) for i, name in enumerate(self.columns)}
        if self._number is not None:
            return Chunk(len(instances), columns, {self._answers[0]: answers})
        told = map(list, zip(*answers, strict=True))
        return Chunk(len(instances), columns, dict(zip(self._answers, told, strict=True)))


def _data(side: _Side) -> str | bytes:
    return base64.b64decode(side.data) if side.encoding == _BASE64 else side.data
