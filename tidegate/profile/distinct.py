"""How many different values a column holds: 64-bit hashes folded into a HyperLogLog of 4,096 registers.

Everything is numpy over blocks that stay in the processor's cache. Registers merge by maximum, to the same
bits as one pass would give.

Source:
    Flajolet et al., HyperLogLog (2007), with linear counting below 2.5 registers; hashes end as the finaliser
    of splitmix64 (Steele, Lea and Flood, 2014).
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Registers = NDArray[np.uint8]

_BITS = 12
REGISTERS = 1 << _BITS
BLOCK = 16_384  # values hashed at a time: temporaries stay in the cache, and malloc reuses their pages
_SETTLED = 2  # zeros that all registers have seen, from which hashes are worth sifting
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)
_WORD = 8  # bytes read of every string at a time
_LONG = 256  # bytes; a string above this is hashed alone, so that one giant costs the others nothing


def empty_registers() -> Registers:
    return np.zeros(REGISTERS, np.uint8)


def hash_numbers(values: NDArray[Any]) -> Hashes:
    """Hashes of integers or floats without NaN, whatever their width; -0.0 hashes as 0.0.

    Their high bits are good enough to choose a register and its rank, and for nothing else.
    """
    if values.dtype.kind == "f":
        hashes: Hashes = np.add(values, 0.0, dtype=np.float64).view(np.uint64)
    else:
        hashes = values.astype(np.uint64)
    hashes += _GOLDEN
    return _mix(hashes)


def hash_text(column: pa.Array) -> Hashes:
    """Hashes of a string or large_string array without nulls, straight from its buffers."""
    hashes = np.empty(len(column), np.uint64)
    for start in range(0, len(column), BLOCK):
        hashes[start : start + BLOCK] = _hash_texts(column.slice(start, BLOCK))
    return hashes


def text_bytes(column: pa.Array) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """Where each string begins and the last one ends, and the bytes that hold them among others."""
    offset_type = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, offsets_buffer, data_buffer = column.buffers()
    offsets = np.frombuffer(offsets_buffer, offset_type)[column.offset : column.offset + len(column) + 1]
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
    return offsets, data


def _hash_texts(column: pa.Array) -> Hashes:
    offsets, data = text_bytes(column)
    lengths = np.diff(offsets)
    first, end = int(offsets[0]), int(offsets[-1])
    if len(data) < end + _WORD:  # the last window would reach beyond the buffer
        data = np.concatenate([data[first:end], np.zeros(_WORD, np.uint8)])
        offsets, first = offsets - offsets[0], 0
    shortest, longest = int(lengths.min()), int(lengths.max())
    if shortest == longest <= _LONG:
        return _finished(_hash_even(data[first:], len(lengths), longest))
    starts, lengths = offsets[:-1].astype(np.int64), lengths.astype(np.int64)
    hashes = _finished(_hash_uneven(data, starts, np.minimum(lengths, _LONG)))
    for row in np.flatnonzero(lengths > _LONG).tolist():
        digest = hashlib.blake2b(data[starts[row] : starts[row] + lengths[row]].tobytes(), digest_size=8)
        hashes[row] = int.from_bytes(digest.digest(), "little")
    return hashes


def _hash_even(data: NDArray[np.uint8], rows: int, length: int) -> Hashes:
    """Of strings of one length, which lie evenly spaced: what `_hash_uneven` gives, five times as fast."""
    hashes = np.full(rows, length, np.uint64) * _GOLDEN
    for position in range(0, length, _WORD):
        words: Hashes = np.ndarray((rows,), "<u8", data, position, (length,)).copy()
        if length - position < _WORD:
            words &= np.uint64(2 ** (8 * (length - position)) - 1)
        hashes = _absorb(hashes, words)
    return hashes


def _hash_uneven(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Hashes:
    """One unaligned 8-byte window of every string at a time; rounds end with the longest string."""
    windows: Hashes = np.ndarray((len(data) - _WORD + 1,), "<u8", data, 0, (1,))
    hashes = lengths.astype(np.uint64) * _GOLDEN
    shortest, longest = int(lengths.min()), int(lengths.max())
    for position in range(0, longest, _WORD):
        if position + _WORD <= shortest:
            hashes = _absorb(hashes, windows[starts + position])
            continue
        # A string that has ended stays as it is: its hash must not depend on its neighbours' lengths.
        rows = np.flatnonzero(lengths > position)
        unused = np.maximum(_WORD - (lengths[rows] - position), 0).astype(np.uint64)
        mask = np.uint64(2**64 - 1) >> (unused * np.uint64(8))
        hashes[rows] = _absorb(hashes[rows], windows[starts[rows] + position] & mask)
    return hashes


def _absorb(hashes: Hashes, words: Hashes) -> Hashes:
    """In place of `words`."""
    words ^= hashes
    words *= _MULTIPLIER
    words ^= words >> np.uint64(32)
    return words


def _finished(hashes: Hashes) -> Hashes:
    hashes = _mix(hashes)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def _mix(hashes: Hashes) -> Hashes:
    """In place; the high bits are done, the low ones need one more shift."""
    hashes ^= hashes >> np.uint64(30)
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    return hashes


def fold_numbers(registers: Registers, values: NDArray[Any]) -> None:
    fold(registers, (hash_numbers(values[start : start + BLOCK]) for start in range(0, len(values), BLOCK)))


def fold_texts(registers: Registers, values: pa.Array, known: Hashes | None = None) -> int:
    """The most of the values that chose one register: no value occurs more often.

    `known` are their hashes, where somebody has needed them before.
    """
    chosen = np.zeros(REGISTERS, np.int64)

    def hashed() -> Iterator[Hashes]:
        for start in range(0, len(values), BLOCK):
            block = slice(start, start + BLOCK)
            hashes = _hash_texts(values[block]) if known is None else known[block]
            np.add(chosen, np.bincount(_register_of(hashes), minlength=REGISTERS), out=chosen)
            yield hashes

    fold(registers, hashed())
    return int(chosen.max())


def fold(registers: Registers, blocks: Iterable[Hashes]) -> None:
    """Fold hashes into the registers, in place: 12 bits choose one, the zeros that follow fill it."""
    lowest = int(registers.min())
    if lowest < _SETTLED:
        for hashes in blocks:
            _raise(registers, hashes)
        return
    # A hash with no more zeros than every register has seen can raise none, and most end here.
    limit = np.uint64(1 << (64 - lowest))
    rising = [hashes.compress(hashes << np.uint64(_BITS) < limit) for hashes in blocks]
    _raise(registers, np.concatenate([np.zeros(0, np.uint64), *rising]))


def _raise(registers: Registers, hashes: Hashes) -> None:
    rest = hashes << np.uint64(_BITS)
    rest >>= np.uint64(_BITS)
    # The 52 bits fit a float64 exactly, whose exponent tells the position of the highest one bit.
    rank = rest.astype(np.float64).view(np.int64)
    rank >>= 52
    np.subtract(1075, rank, out=rank)
    np.minimum(rank, 64 - _BITS + 1, out=rank)
    np.maximum.at(registers, _register_of(hashes), rank.astype(np.uint8))


def _register_of(hashes: Hashes) -> NDArray[np.int64]:
    return (hashes >> np.uint64(64 - _BITS)).view(np.int64)


def estimate(registers: Registers) -> float:
    """Number of distinct values; one standard error is 1.6 %."""
    empty = int(np.count_nonzero(registers == 0))
    harmonic = float(np.sum(np.exp2(-registers.astype(np.float64))))
    raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS * REGISTERS / harmonic
    if raw <= 2.5 * REGISTERS and empty:
        return REGISTERS * float(np.log(REGISTERS / empty))
    return raw
