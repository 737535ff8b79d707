"""Which events were seen: a hash of each in 8 bytes, where a set of them would take 90.

Pure. An open hash table of NumPy's, because a window may hold millions of events and memory is to stay flat.
Two of a million events share a hash once in 40 million windows; the later one would count as repeated.
"""

import numpy as np
from numpy.typing import NDArray

PLACES = 1 << 21  # 16 MB, for a million events: a table that grows needs both for a while
_LARGEST_SHARE = 1 / 2  # of places taken: beyond it, a search takes many steps
_EMPTY = 0
_STEP_BITS = 40  # above those that are a key's first place

Hashes = NDArray[np.int64]


class SeenEvents:
    """Takes hashes one by one, as a set does, or many at once."""

    def __init__(self, places: int = PLACES) -> None:
        """`places`: at first, a power of 2; twice as many whenever half of them are taken."""
        self._table: Hashes = np.zeros(places, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def nbytes(self) -> int:
        return self._table.nbytes

    def __contains__(self, hashed: object) -> bool:
        key = int(hashed) or 1  # type: ignore[call-overload]
        mask = len(self._table) - 1
        place = key & mask
        while (held := self._table[place]) != _EMPTY:
            if held == key:
                return True
            place = place + (key >> _STEP_BITS | 1) & mask
        return False

    def add(self, hashed: int) -> None:
        self.add_all(np.array([hashed], np.int64))

    def add_all(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Remember these. Which of them are new: the first of equal ones, unless it was there before."""
        self._grow(self._count + len(hashes))
        first = _first(hashes)
        if first is None:
            new = _put(self._table, _keys(hashes))
        else:
            new = np.zeros(len(hashes), bool)
            new[first] = _put(self._table, _keys(hashes[first]))
        self._count += int(np.count_nonzero(new))
        return new

    def _grow(self, count: int) -> None:
        places = len(self._table)
        while count > places * _LARGEST_SHARE:
            places *= 2
        if places > len(self._table):
            held = self._table[self._table != _EMPTY]
            self._table = np.zeros(places, np.int64)
            _put(self._table, held)


def _keys(hashes: Hashes) -> Hashes:
    return hashes if hashes.all() else np.where(hashes == _EMPTY, 1, hashes)


def _first(hashes: Hashes) -> NDArray[np.int64] | None:
    """Places of the first of equal ones; None where all differ, which sorting them tells soonest."""
    ordered = np.sort(_keys(hashes))
    if not (ordered[1:] == ordered[:-1]).any():
        return None
    return np.sort(np.unique(_keys(hashes), return_index=True)[1])


def _put(table: Hashes, keys: Hashes) -> NDArray[np.bool_]:
    """Put different keys in; which of them were not there.

    Every step looks at one place of each key that has none yet. Of keys that want one empty place, the one
    that is found there afterwards has it. Keys step by odd widths of their own, so that they come by every
    place and few follow one another.
    """
    mask = len(table) - 1
    new = np.zeros(len(keys), bool)
    pending, places = np.arange(len(keys)), keys & mask
    while len(pending):
        wanted = keys[pending]
        empty = table[places] == _EMPTY
        table[places[empty]] = wanted[empty]
        there = table[places] == wanted
        new[pending] = there & empty
        pending, places = pending[~there], places[~there]
        places = places + (keys[pending] >> _STEP_BITS | 1) & mask
    return new
