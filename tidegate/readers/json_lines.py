"""The lines of a piece of JSON Lines: where they are, and whether pyarrow's parser may see them."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from tidegate.errors import DropUnreadableError
from tidegate.readers.json_values import MAXIMUM_DEPTH, depth_of, loads

_NEWLINE, _RETURN, _OPEN, _CLOSE, _ARRAY = b"\n\r{}["
_MAXIMUM_MEMBERS = 10_000
_SAMPLE_BYTES = 1 << 16


class Lines:
    """Lines of `body` that are not empty."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        content = np.frombuffer(body, np.uint8)
        ends = np.flatnonzero(content == _NEWLINE)
        starts = np.append(0, ends + 1)
        stops = np.append(ends, len(body))
        has_return = (stops > starts) & (content[np.maximum(stops, 1) - 1] == _RETURN)
        stops = stops - has_return
        filled = stops > starts
        self.starts: NDArray[np.int64] = starts[filled]
        self.stops: NDArray[np.int64] = stops[filled]
        # pyarrow dies of a line `null` and takes several objects on a line for several rows.
        self.are_objects = bool(
            (content[self.starts] == _OPEN).all() and (content[self.stops - 1] == _CLOSE).all()
        )

    def __len__(self) -> int:
        return len(self.starts)

    def __iter__(self) -> Iterator[bytes]:
        for start, stop in zip(self.starts.tolist(), self.stops.tolist(), strict=True):
            line = self.body[start:stop].strip()
            if line:
                yield line

    def name(self, member: str) -> bool:
        """Whether a line has a member of that name, even one that is null everywhere."""
        place, quoted = -1, b'"' + member.encode() + b'"'
        while (place := self.body.find(quoted, place + 1)) >= 0:
            index = int(np.searchsorted(self.starts, place, side="right")) - 1
            if member in loads(self.body[self.starts[index] : self.stops[index]]):
                return True
        return False

    def sampled(self, offset: int) -> Iterator[bytes]:
        """Those that begin in the first 64 KiB of the file, and one for every further 64 KiB.

        Which these are depends on the file alone, not on the piece of it that begins at `offset`.
        """
        for index in self._sampled_places(offset):
            line = self.body[self.starts[index] : self.stops[index]].strip()
            if line:
                yield line

    def _sampled_places(self, offset: int) -> list[int]:
        first = np.arange(np.searchsorted(self.starts, max(0, _SAMPLE_BYTES - offset)))
        marks = np.arange(-offset % _SAMPLE_BYTES, len(self.body), _SAMPLE_BYTES)
        marked = np.searchsorted(self.starts, marks, side="right") - 1
        marked = marked[(marked >= 0) & (marks < self.stops[marked])]
        places: list[int] = np.union1d(first, marked).tolist()
        return places

    def refuse_depth(self, rows: int) -> None:
        """Refuse values nested too deep: a parser that recurses would run out of stack.

        Raises:
            DropUnreadableError: names the line.
        """
        # The two opening brackets differ in one bit.
        opens = (np.frombuffer(self.body, np.uint8) | (_OPEN ^ _ARRAY)) == _OPEN
        if self.are_objects and np.count_nonzero(opens) < len(self) + MAXIMUM_DEPTH:
            return  # every line opens one bracket, its own, and few are left to nest
        opened = np.append(0, np.cumsum(opens))
        many = np.flatnonzero(opened[self.stops] - opened[self.starts] > MAXIMUM_DEPTH)
        for index in many.tolist():
            if depth_of(self.body[self.starts[index] : self.stops[index]]) > MAXIMUM_DEPTH:
                raise DropUnreadableError(
                    f"line {rows + index + 1} is nested more than {MAXIMUM_DEPTH} deep",
                    hint="flatten it, or leave the member out",
                )

    def refuse_members(self, offset: int, rows: int) -> None:
        """Refuse a line that has as many members as no table has columns.

        Raises:
            DropUnreadableError: names the line.
        """
        for index in self._sampled_places(offset):
            start, stop = int(self.starts[index]), int(self.stops[index])
            if self.body.count(b":", start, stop) <= _MAXIMUM_MEMBERS:
                continue
            try:
                record = loads(self.body[start:stop])
            except ValueError:
                continue  # whoever reads it will say so
            if isinstance(record, dict) and len(record) > _MAXIMUM_MEMBERS:
                raise DropUnreadableError(
                    f"line {rows + index + 1} has {len(record)} members; at most {_MAXIMUM_MEMBERS} are read"
                )
