"""How many different values a column holds: 64-bit hashes folded into a HyperLogLog of 4,096 registers.

Everything is numpy over whole batches. Registers merge by maximum, to the same bits as one pass would give.

Source:
    Flajolet et al., HyperLogLog (2007), with linear counting below 2.5 registers; hashes end in the finaliser
    of splitmix64 (Steele, Lea and Flood, 2014).
"""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Registers = NDArray[np.uint8]

_BITS = 12
REGISTERS = 1 << _BITS
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD)
_WORD = 8  # bytes read of every string at a time
_LONG = 256  # bytes; a string above this is hashed alone, so that one giant costs the others nothing


def empty_registers() -> Registers:
    return np.zeros(REGISTERS, np.uint8)


def hash_numbers(values: NDArray[Any]) -> Hashes:
    """Hashes of int64 or float64 values without NaN; -0.0 hashes as 0.0."""
    if values.dtype.kind == "f":
        values = values + 0.0
    return _mix(values.view(np.uint64) + _GOLDEN)


def hash_text(column: pa.Array) -> Hashes:
    """Hashes of a string or large_string array without nulls, straight from its buffers."""
    rows = len(column)
    offset_type = np.int64 if pa.types.is_large_string(column.type) else np.int32
    _, offsets_buffer, data_buffer = column.buffers()
    if rows == 0:
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(offsets_buffer, offset_type)[column.offset : column.offset + rows + 1]
    offsets = offsets.astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
    data = data[offsets[0] : offsets[-1]]
    starts = offsets[:-1] - offsets[0]
    lengths = np.diff(offsets)
    hashes = _hash_short(data, starts, np.minimum(lengths, _LONG))
    for row in np.flatnonzero(lengths > _LONG).tolist():
        digest = hashlib.blake2b(data[starts[row] : starts[row] + lengths[row]].tobytes(), digest_size=8)
        hashes[row] = int.from_bytes(digest.digest(), "little")
    return hashes


def _hash_short(data: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Hashes:
    """One unaligned 8-byte window of every string at a time; rounds end with the longest string."""
    padded = np.concatenate([data, np.zeros(_WORD, np.uint8)])
    windows: Hashes = np.ndarray((len(padded) - _WORD + 1,), "<u8", padded, 0, (1,))
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
    return _mix(hashes)


def _absorb(hashes: Hashes, words: Hashes) -> Hashes:
    hashes = (hashes ^ words) * _MULTIPLIER
    hashes ^= hashes >> np.uint64(32)
    return hashes


def _mix(hashes: Hashes) -> Hashes:
    hashes = hashes ^ (hashes >> np.uint64(30))
    hashes *= np.uint64(0xBF58476D1CE4E5B9)
    hashes ^= hashes >> np.uint64(27)
    hashes *= np.uint64(0x94D049BB133111EB)
    hashes ^= hashes >> np.uint64(31)
    return hashes


def fold(registers: Registers, hashes: Hashes) -> None:
    """Fold hashes into the registers, in place: 12 bits choose one, the zeros that follow fill it."""
    index = (hashes >> np.uint64(64 - _BITS)).astype(np.int64)
    rest = (hashes << np.uint64(_BITS)) >> np.uint64(_BITS)
    # 52 bits fit a float64 exactly, whose exponent tells the position of the highest one bit.
    exponent = rest.astype(np.float64).view(np.int64) >> 52
    rank = np.minimum(1075 - exponent, 64 - _BITS + 1)
    np.maximum.at(registers, index, rank.astype(np.uint8))


def estimate(registers: Registers) -> float:
    """Number of distinct values; one standard error is 1.6 %."""
    empty = int(np.count_nonzero(registers == 0))
    harmonic = float(np.sum(np.exp2(-registers.astype(np.float64))))
    raw = 0.7213 / (1 + 1.079 / REGISTERS) * REGISTERS * REGISTERS / harmonic
    if raw <= 2.5 * REGISTERS and empty:
        return REGISTERS * float(np.log(REGISTERS / empty))
    return raw
