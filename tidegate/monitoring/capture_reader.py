"""Data capture files read as columns, block by block: what `tidegate.monitoring.capture` reads, but faster.

Pure. Blocks in the shape that our container and SageMaker write are decoded as a whole into the columns that
are asked for. A block with another line is decoded line by line, and a line of another shape is given to
`capture`, so that all say the same of every line. Memory grows by a hash for each event, with nothing else.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, compress, repeat
from typing import Any

import msgspec
import numpy as np

from tidegate.monitoring.capture import GOLDEN, MIRROR, Captured
from tidegate.monitoring.capture_blocks import ends, parts
from tidegate.monitoring.capture_chunk import Chunk
from tidegate.monitoring.capture_shapes import (
    UNREADABLE,
    Answers,
    Event,
    Instances,
    Record,
    Side,
    each,
)
from tidegate.monitoring.seen_events import SeenEvents

_NOT_TRAFFIC = (GOLDEN, MIRROR)


@dataclass
class _Rows:
    """What was read of some events: their names, instances, answers and lines."""

    events: list[str]
    asked: list[list[Any]]
    answered: list[list[Any]]
    lines: Sequence[int]

    def only(self, kept: Iterable[object]) -> "_Rows":
        flags = list(kept)
        return _Rows(
            list(compress(self.events, flags)),
            list(compress(self.asked, flags)),
            list(compress(self.answered, flags)),
            list(compress(self.lines, flags)),
        )


class CaptureReader:
    """Reads blocks of lines into chunks of rows; `Captured` counts what is left out."""

    def __init__(self, captured: Captured, columns: Mapping[str, str], answers: Sequence[str]) -> None:
        """What to read.

        Args:
            captured: keeps the counts; without an event yet, for those to come are kept smaller here.
            columns: members of an instance by name, each with its type in the contract.
            answers: names of `answers.measured`; a row whose answer lacks one has None there.
        """
        self._captured = captured
        self._seen = captured.seen = SeenEvents()
        self._record = msgspec.json.Decoder(Record)
        self._instances = Instances(columns)
        self._answers = Answers(answers)

    def chunks(self, blocks: Iterable[bytes]) -> Iterator[Chunk]:
        """All rows in order, a chunk for each block that has some; one without rows where none has."""
        none = True
        for block in blocks:
            chunk = self._whole(block) or self._by_line(block)
            if chunk.rows:
                none = False
                yield chunk
            del (
                block,
                chunk,
            )  # before the next are made: what a processor's cache still holds is soonest reused
        if none:
            yield self._chunk(b"", [], _Rows([], [], [], []))

    def _whole(self, block: bytes) -> Chunk | None:
        """Without a call for each line; None when one of them needs a closer look."""
        stops = ends(block)
        if stops is None:
            return None
        rows, ours = _Rows([], [], [], range(len(stops))), list[bool]()
        try:
            for part in parts(block, stops):
                events, inputs, outputs = self._sides(part)
                rows.events += [event.event_id for event in events]
                ours += [not event.inference_id.startswith(_NOT_TRAFFIC) for event in events]
                rows.asked += [request.instances for request in each(self._instances.decoder, inputs)]
                del inputs
                responses = each(self._answers.decoder, outputs)
                del events, outputs
                rows.answered += [self._answers.told(response.predictions) for response in responses]
                del responses
        except UNREADABLE:
            return None
        if len(rows.events) != len(stops) or not all(rows.events):
            return None
        if not all(ours):
            self._captured.golden += ours.count(False)
            rows = rows.only(ours)
        equal = list(map(int.__eq__, map(len, rows.asked), map(len, rows.answered)))
        if not all(equal):
            self._captured.fallen_short += equal.count(False)
            rows = rows.only(equal)
        new = self._seen.add_all(np.fromiter(map(hash, rows.events), np.int64, len(rows.events)))
        if not new.all():
            self._captured.repeated += int(np.count_nonzero(~new))
            rows = rows.only(new)
        return self._chunk(block, stops.tolist(), rows)

    def _sides(self, part: memoryview) -> tuple[list[Event], list[Side], list[Side]]:
        records = self._record.decode_lines(part)
        return (
            [record.event_metadata for record in records],
            [record.capture_data.endpoint_input for record in records],
            [record.capture_data.endpoint_output for record in records],
        )

    def _by_line(self, block: bytes) -> Chunk:
        rows = _Rows([], [], [], lines := [])
        texts = block.split(b"\n")
        for number, line in enumerate(texts):
            found = self._one(line)
            if found is not None:
                event, asked, answered = found
                rows.events.append(event)
                rows.asked.append(asked)
                rows.answered.append(answered)
                lines.append(number)
        stops = [stop - 1 for stop in accumulate(len(text) + 1 for text in texts)]
        return self._chunk(block, stops, rows)

    def _one(self, line: bytes) -> tuple[str, list[Any], list[Any]] | None:
        """The event of a line with its instances and answers; None when the line is counted as another."""
        try:
            record = self._record.decode(line)
            sides, event = record.capture_data, record.event_metadata
            asked = self._instances.decoder.decode(sides.endpoint_input.text).instances
            predictions = self._answers.decoder.decode(sides.endpoint_output.text).predictions
            answered = self._answers.told(predictions)
        except UNREADABLE:
            return self._otherwise(line)
        if event.inference_id.startswith(_NOT_TRAFFIC):
            self._captured.golden += 1
        elif len(asked) != len(answered):
            self._captured.fallen_short += 1
        elif not event.event_id:
            return self._otherwise(line)
        elif (hashed := hash(event.event_id)) in self._seen:
            self._captured.repeated += 1
        else:
            self._seen.add(hashed)
            return event.event_id, asked, answered
        return None

    def _otherwise(self, line: bytes) -> tuple[str, list[Any], list[Any]] | None:
        """A line of another shape: truncated, of another container, or with values the contract refuses."""
        self._captured.add(line)
        rows = self._captured.take()
        if not rows.instances:
            return None
        event, _, _ = rows.ids[0].rpartition("#")
        return event, list(map(self._instances.of, rows.instances)), list(map(self._answers.of, rows.answers))

    def _chunk(self, block: bytes, stops: Sequence[int], rows: _Rows) -> Chunk:
        sizes = list(map(len, rows.asked))
        instances = list(chain.from_iterable(rows.asked))
        events, lines = rows.events, rows.lines
        places: list[int] = [0] * len(events)
        if set(sizes) - {1}:
            places = list(chain.from_iterable(map(range, sizes)))
            events = list(chain.from_iterable(map(repeat, events, sizes)))
            lines = list(chain.from_iterable(map(repeat, lines, sizes)))
        return Chunk(
            rows=len(instances),
            columns=self._instances.columns(instances),
            answers=self._answers.columns(list(chain.from_iterable(rows.answered))),
            events=events,
            places=places,
            block=block,
            stops=stops,
            lines=lines,
        )
