"""Evenly spaced ranks of many samples together, each of which stands for rows by one weight of its own.

An argsort of two million values, and following it through the weights, takes twice as long as sorting them
twice as integers: once whole, and once with the number of the weight in place of the last bits. Both are
sorted where they lie, and all else is done in blocks that stay in the cache: an array of two million numbers
more has cost the kernel 70 ms where it had to make room for it.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Keys = NDArray[np.uint64]

_MANY_WEIGHTS = 1 << 12  # different ones, whose number takes the place of at most 12 bits
_BLOCK = 1 << 15
_SIGN = np.int64(-(2**63))


def weight_of_each(weights: Sequence[Values]) -> Values | None:
    """The one weight of each sample that is not empty; None where one has several."""
    known = [each for each in weights if len(each)]
    if any((each != each[0]).any() for each in known):
        return None
    return np.array([each[0] for each in known])


def at_even_ranks(samples: Sequence[Values], weights: Values, keep: int) -> tuple[Values, float] | None:
    """The values in the middles of `keep` equal stretches of all rows, and how many rows there are.

    None where it takes an argsort to tell: there are too many weights, or values that differ by their last
    bits alone. Samples are finite and not empty.
    """
    different, numbers = np.unique(weights, return_inverse=True)
    if len(different) > _MANY_WEIGHTS:
        return None
    bits = np.uint64((1 << int(len(different) - 1).bit_length()) - 1)
    keys = _sortable(np.concatenate(samples))
    numbered = np.empty_like(keys)
    start = 0
    for sample, number in zip(samples, numbers.astype(np.uint64), strict=True):
        part = numbered[start : start + len(sample)]
        np.bitwise_and(keys[start : start + len(sample)], ~bits, out=part)
        part |= number
        start += len(sample)
    keys.sort()
    if _differ_by_little(keys, bits):
        return None
    numbered.sort()
    rows = _cumulative(numbered, bits, different)
    middles = (np.arange(keep) + 0.5) * rows[-1] / keep
    return _floats(keys[np.searchsorted(rows, middles)]), float(rows[-1])


def _blocks(length: int) -> Iterator[slice]:
    return (slice(start, start + _BLOCK) for start in range(0, length, _BLOCK))


def _sortable(values: Values) -> Keys:
    """Integers in the order of the floats, in their place: of negative ones all bits turn, else the first."""
    bits = values.view(np.int64)
    for block in _blocks(len(bits)):
        bits[block] ^= (bits[block] >> 63) | _SIGN
    return bits.view(np.uint64)


def _floats(keys: Keys) -> Values:
    bits = keys.view(np.int64)
    return (bits ^ (~(bits >> 63) | _SIGN)).view(np.float64)


def _differ_by_little(keys: Keys, bits: np.uint64) -> bool:
    """Whether some ascending neighbours differ, though in none but the last bits."""
    for block in _blocks(len(keys) - 1):
        later = keys[1:][block]
        gaps = later ^ keys[:-1][block]
        gaps -= np.uint64(1)  # of equals this is the greatest integer
        if (gaps < bits).any():
            return True
    return False


def _cumulative(numbered: Keys, bits: np.uint64, weights: Values) -> Values:
    """Rows up to each value, in the place of `numbered`."""
    rows = numbered.view(np.float64)
    before = 0.0
    for block in _blocks(len(rows)):
        rows[block] = np.cumsum(weights[(numbered[block] & bits).view(np.int64)])
        rows[block] += before
        before = rows[block][-1]
    return rows
