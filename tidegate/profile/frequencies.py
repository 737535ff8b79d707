"""How often each value occurs: exactly up to 1,000 different values, beyond that the heavy hitters.

Whether values are still counted exactly, and the counts then, depend neither on the split of the rows nor on
its order. Heavy hitters do, within their error: a value occurs at least as often as its count says and at
most `error` times more, and a value that is not listed occurs at most `error` times.

Source:
    Misra and Gries (1982), merged as by Agarwal et al., Mergeable Summaries (2012): with k counters what is
    taken off in all compactions together is at most n / (k + 1). Batches are counted without their rare
    values, which adds at most 3 n / 1,024, so the error is below one percent of the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

EXACT_VALUES = 1000  # so many different values of a column are counted one by one
EXACT_CHARACTERS = 1 << 18  # and so many characters of texts at most: a profile is small whatever they hold
STRETCHES = 1024  # a value that fills two of so many stretches of a sorted batch is seen to be frequent
HEAVY_VALUES = 256
HEAVY_CHARACTERS = 1000  # a text longer than this is never listed as a heavy hitter
_CROWDED = 8192  # counters held before a compaction; more of them make the error smaller

Value = int | float | str
Counts = Mapping[Value, int]


@dataclass(frozen=True, kw_only=True)
class Frequencies:
    """`counts` of every value, or None and then `heavy` of the most frequent ones."""

    counts: dict[Value, int] | None = field(default_factory=dict)
    heavy: dict[Value, int] = field(default_factory=dict)  # most frequent first
    error: int = 0  # occurrences that a count of `heavy` may lack


class FrequencyBuilder:
    """Sums counts up, batch by batch or profile by profile."""

    def __init__(self) -> None:
        self.values: dict[Value, int] = {}
        self.is_exact = True
        self.error = 0
        self._characters = 0  # of the texts, while they are counted one by one

    def add(self, values: Iterable[Value], counts: Iterable[int], unseen: int = 0) -> None:
        """Values with how often they occur; others occur at most `unseen` times each."""
        known = self.values
        for value, count in zip(values, counts, strict=True):
            if value in known:
                known[value] += count
                continue
            known[value] = count
            if isinstance(value, str):
                self._characters += len(value)
        if unseen:
            self.is_exact = False
            self.error += unseen
        elif len(known) > EXACT_VALUES or self._characters > EXACT_CHARACTERS:
            self.is_exact = False
        if not self.is_exact and len(known) > _CROWDED:
            self._compact()

    def finish(self) -> Frequencies:
        if self.is_exact:
            return Frequencies(counts=self.values)
        self._compact()
        ordered = sorted(self.values.items(), key=lambda pair: (-pair[1], str(pair[0])))
        return Frequencies(counts=None, heavy=dict(ordered), error=self.error)

    def _compact(self) -> None:
        """Keep at most HEAVY_VALUES counters, all lowered by the count of the most frequent that goes."""
        listed = {value: count for value, count in self.values.items() if not _is_long(value)}
        if len(listed) > HEAVY_VALUES:
            lowered = sorted(listed.values(), reverse=True)[HEAVY_VALUES]
            self.error += lowered
            listed = {value: count - lowered for value, count in listed.items() if count > lowered}
        self.values = listed


def merge(parts: Sequence[Frequencies]) -> Frequencies:
    whole = FrequencyBuilder()
    for part in parts:
        if part.counts is None:
            whole.is_exact = False
            whole.error += part.error
        known = part.heavy if part.counts is None else part.counts
        whole.add(known.keys(), known.values())
    return whole.finish()


def _is_long(value: Value) -> bool:
    return isinstance(value, str) and len(value) > HEAVY_CHARACTERS
