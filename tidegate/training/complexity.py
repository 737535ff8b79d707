"""How large a fitted model is: the numbers it stores. The same for the same fit, as seconds never are.

What decides between configurations of equal score: fewer stored numbers are a smaller artefact and, within
one kind of estimator, less work for each prediction.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, MethodType

import numpy as np

CHARACTERS_PER_NUMBER = 8  # of models that a library keeps as text or bytes of its own
_LEAVES = (str, bytes, bytearray, int, float, np.number)
_NOT_STORED = (type, np.random.RandomState, np.random.Generator, np.random.BitGenerator)


def stored_numbers(fitted: object) -> int:
    """Numbers in all arrays, scalars and serialized parts that a fitted estimator holds, each object once.

    A record of a structured array counts its fields. Generators of random numbers do not count: their state
    is as large for the smallest model.
    """
    return sum(_own(part) for part in _parts(fitted, {}))


def _own(part: object) -> int:
    if isinstance(part, np.ndarray):
        return part.size * max(1, len(part.dtype.names or ()))
    if isinstance(part, (str, bytes, bytearray)):
        return len(part) // CHARACTERS_PER_NUMBER
    return 1


def _parts(value: object, seen: dict[int, object]) -> Iterator[object]:
    """Arrays, numbers, texts and bytes that the value refers to, no object twice.

    `seen` holds the objects themselves: the id of one that is gone may be given to the next.
    """
    if isinstance(value, _LEAVES):
        yield value
        return
    if value is None or id(value) in seen or isinstance(value, _NOT_STORED):
        return
    seen[id(value)] = value
    members: Iterable[object]
    if isinstance(value, np.ndarray):
        yield value
        members = value.ravel().tolist() if value.dtype == object else ()
    elif isinstance(value, Mapping):
        members = value.values()
    elif isinstance(value, (list, tuple, set, frozenset)):
        members = value
    else:
        members = _state(value)
    for member in members:
        yield from _parts(member, seen)


def _state(value: object) -> tuple[object, ...]:
    """What pickle would keep of an object; nothing of a function, or of what cannot be pickled."""
    if isinstance(value, FunctionType | BuiltinFunctionType | MethodType):
        return ()
    try:
        state = value.__getstate__()
    except TypeError:
        return ()
    return state if isinstance(state, tuple) else (state,)
