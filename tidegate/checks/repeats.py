"""Rows whose key an earlier row already has, though they may lie in different shards.

Partitions of the shards' key files are read one after the other, so memory is that of one: a million entries
or a thirty-second of all, whichever is more. Up to 10,000 rows that share their hash with another are
compared by their keys, so that equal hashes are never taken for equal keys. Where there are more the hashes
decide: of n rows about n**2 / 2**65 are then counted though their key is new, 0.00001 rows of 20 million.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tidegate.checks.counts import FIRST_ROWS, RuleCount
from tidegate.checks.key_files import PARTITIONS, KeyFile
from tidegate.checks.keys import Key
from tidegate.readers.batch import TEXT_LENGTH

EXACT_ROWS = 10_000
_SPAN_ENTRIES = 1 << 20

Rows = NDArray[np.int64]
Fetch = Callable[[int, Rows], Sequence[Key]]  # keys of rows (1-based, ascending) of a shard, by its place


def repeated(rule: int, files: Sequence[KeyFile], *, rows_before: Sequence[int], fetch: Fetch) -> RuleCount:
    """Count the rows that repeat a key, with the first of them by their number in the drop.

    Args:
        rule: its index in the plan.
        files: the keys of all shards, in the order of the drop.
        rows_before: rows of the drop before each shard.
        fetch: reads keys of rows.
    """
    found = _Repeats()
    sizes = np.sum([file.sizes(rule) for file in files], axis=0) if files else np.zeros(PARTITIONS, np.int64)
    for start, stop in _spans(sizes):
        found.look(rule, files, rows_before, start, stop)
    drop = _Drop(np.array(rows_before, np.int64), fetch)
    if found.is_exact:
        return _compared(drop, found.candidates)
    return RuleCount(
        failed=found.count,
        first_rows=tuple(found.first.tolist()),
        first_values=tuple(_shown(key) for key in drop.keys(found.first)),
    )


def _spans(sizes: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Partitions that can be looked at together."""
    start, total = 0, 0
    for partition, size in enumerate(sizes.tolist()):
        if total and total + size > _SPAN_ENTRIES:
            yield start, partition
            start, total = partition, 0
        total += size
    yield start, len(sizes)


class _Repeats:
    """What is known of repeated hashes so far."""

    def __init__(self) -> None:
        self.count = 0
        self.first: Rows = np.zeros(0, np.int64)  # ascending
        self.is_exact = True
        self.candidates: Rows = np.zeros(0, np.int64)  # rows that share their hash, while they are few

    def look(
        self, rule: int, files: Sequence[KeyFile], rows_before: Sequence[int], start: int, stop: int
    ) -> None:
        hashes = [file.hashes(rule, start, stop) for file in files]
        ordered = np.sort(np.concatenate(hashes))
        shared = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(shared):
            return
        members = []
        for file, before, own in zip(files, rows_before, hashes, strict=True):
            is_shared = shared[np.minimum(np.searchsorted(shared, own), len(shared) - 1)] == own
            if is_shared.any():
                rows, more = file.rows(rule, start, stop)
                members.append((own[is_shared], rows[is_shared] + before, more[is_shared]))
        own, rows, more = (np.concatenate(parts) for parts in zip(*members, strict=True))
        order = np.lexsort((rows, own))
        is_later = np.concatenate([[False], own[order][1:] == own[order][:-1]])
        self.count += int(np.count_nonzero(is_later)) + int(more.sum())
        self.first = np.sort(np.concatenate([self.first, rows[order][is_later]]))[:FIRST_ROWS]
        self.candidates = np.concatenate([self.candidates, rows])
        if more.any() or len(self.candidates) > EXACT_ROWS:
            self.is_exact = False
        if not self.is_exact:
            self.candidates = self.candidates[:0]


class _Drop:
    """The keys of a drop's rows, wherever these lie."""

    def __init__(self, rows_before: Rows, fetch: Fetch) -> None:
        self._rows_before = rows_before
        self._fetch = fetch

    def keys(self, rows: Rows) -> list[Key]:
        """Of rows of the drop, 1-based and ascending."""
        shards = np.searchsorted(self._rows_before, rows - 1, side="right") - 1
        return [
            key
            for shard in np.unique(shards).tolist()
            for key in self._fetch(shard, rows[shards == shard] - self._rows_before[shard])
        ]


def _compared(drop: _Drop, candidates: Rows) -> RuleCount:
    rows = np.sort(candidates)
    seen: set[Key] = set()
    later: list[tuple[int, Key]] = []
    for row, key in zip(rows.tolist(), drop.keys(rows), strict=True):
        if key in seen:
            later.append((row, key))
        seen.add(key)
    return RuleCount(
        failed=len(later),
        first_rows=tuple(row for row, _ in later[:FIRST_ROWS]),
        first_values=tuple(_shown(key) for _, key in later[:FIRST_ROWS]),
    )


def _shown(key: Key) -> str:
    return ", ".join(key)[:TEXT_LENGTH]
