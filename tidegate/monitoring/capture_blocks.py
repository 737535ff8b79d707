"""Whole lines of a capture file, some hundred at a time, and where they end.

Pure. A decoder that takes a block at once saves the call for each line, but says nothing of where a line
ends; `ends` finds that out beforehand, or that only one line after the other tells.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

BLOCK_BYTES = 1 << 20  # as columns, each of which costs some calls
PART_BYTES = 1 << 17  # as objects, that are to stay in a processor's cache as long as they are there
_NEWLINE, _OPEN, _CLOSE = b"\n{}"

Ends = NDArray[np.int64]  # of each line the place behind it, without its newline


def blocks(file: BinaryIO, size: int = BLOCK_BYTES) -> Iterator[bytes]:
    """The bytes of `file` in pieces of about `size`, each of whole lines but where the file breaks off."""
    while block := file.read(size) + file.readline():
        yield block
        del block  # before the next is read


def ends(block: bytes) -> Ends | None:
    """Where lines end that a decoder of many values finds to be one value each, or fails; None if it may not.

    Each must begin with { and end with }. A value cannot reach across a newline between the two: JSON has
    nothing that lets } stand before {, and no newline inside a text.
    """
    if not block:
        return None
    content = np.frombuffer(block, np.uint8)
    found = np.flatnonzero(content == _NEWLINE)
    if content[-1] != _NEWLINE:
        found = np.append(found, len(block))
    begins = np.append(0, found[:-1] + 1)
    if (content[begins] == _OPEN).all() and (content[found - 1] == _CLOSE).all():
        return found
    return None


def parts(block: bytes, stops: Ends, size: int = PART_BYTES) -> Iterator[memoryview]:
    """The block's lines, those that end in the same `size` bytes together; `stops` are its `ends`."""
    last = np.flatnonzero(np.diff(stops // size, append=-1))
    begin, whole = 0, memoryview(block)
    for stop in stops[last].tolist():
        yield whole[begin:stop]
        begin = stop + 1
