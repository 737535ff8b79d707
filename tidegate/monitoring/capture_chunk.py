"""Some rows of captured traffic as columns, and which line of which file's block each was read from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Chunk:
    """Some rows; values are as JSON has them, None where a row has none."""

    rows: int
    columns: Mapping[str, list[Any]]  # of the instances
    answers: Mapping[str, list[Any]]  # as tidegate.answers.measured names them
    events: Sequence[str]  # of each row, like no other's
    places: Sequence[int]  # of each row in its request
    block: bytes  # of whole lines
    stops: Sequence[int]  # where each line of the block ends
    lines: Sequence[int]  # the line of each row in the block, from 0

    def name(self, row: int) -> str:
        """Of the event and the place in it, like no other row's."""
        return f"{self.events[row]}#{self.places[row]}"

    def line(self, row: int) -> bytes:
        line = self.lines[row]
        return self.block[self.stops[line - 1] + 1 if line else 0 : self.stops[line]]
