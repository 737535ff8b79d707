"""Small trees as masks of their leaves, made when a model is loaded.

A node whose answer is no rules out the leaves on its left, which are a run of bits (QuickScorer, Lucchese et
al., SIGIR 2015). Which nodes of a column say no depends only on the place of the row's value among their
thresholds, so the masks of all of them are combined beforehand: for each place a row of words, one for each
tree, whose bits are the leaves that this column leaves standing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, nan, nextafter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.compiled.trees import MISSING

MOST_LEAVES = 64
MOST_BYTES = 64 * 1024 * 1024
WORDS = (np.uint8, np.uint16, np.uint32, np.uint64)

Matrix = NDArray[np.float64]
Words = NDArray[Any]  # of one type of WORDS


@dataclass(frozen=True)
class Column:
    """One column of a row. A value's place is how many of `edges`, shape (m,), are at most it.

    `masks` has shape (m + 1, trees). NaN is an edge too where its answers differ from those of the largest
    numbers: as numpy sorts, it is at least everything.
    """

    position: int
    edges: Matrix
    masks: Words


@dataclass(frozen=True)
class Masks:
    """All columns that are asked, each tree's whole set of leaves, and their values, shape (trees, bits)."""

    columns: list[Column]
    whole: Words
    values: NDArray[Any]


def masks_of(document: Mapping[str, Any]) -> Masks | None:
    """Of a document of tidegate.compiled.trees; None where trees or masks are too large."""
    shapes = list(_shapes(document))
    most = max(len(shape.leaves) for shape in shapes)
    if most > MOST_LEAVES:
        return None
    word = next(word for word in WORDS if np.iinfo(word).bits >= most)
    rows = sum(len(shape.nodes) for shape in shapes) + sum(2 * len(s["values"]) for s in document["sets"])
    if rows * len(shapes) * word().itemsize > MOST_BYTES:
        return None
    bits = np.iinfo(word).bits
    # a leaf that is a position in a table of vectors stays an integer
    values = np.zeros((len(shapes), bits), np.float64 if document["leaves"] is None else np.intp)
    for tree, shape in enumerate(shapes):
        values[tree, : len(shape.leaves)] = shape.leaves
    whole = np.array([(1 << len(shape.leaves)) - 1 for shape in shapes], word)
    return Masks(list(_columns(document, shapes, np.full(len(shapes), ~word(0)))), whole, values)


@dataclass
class _Shape:
    """One tree: its inner nodes as (column, threshold, leaves that a no rules out), and its leaves."""

    nodes: list[tuple[int, Any, int]] = field(default_factory=list)
    leaves: list[Any] = field(default_factory=list)


def _shapes(document: Mapping[str, Any]) -> Iterator[_Shape]:
    features, thresholds, rights = (document[name] for name in ("features", "thresholds", "rights"))
    ends = [*document["roots"][1:], len(features)]
    for start, end in zip(document["roots"], ends, strict=True):
        shape = _Shape()
        # leaves before each node of this tree: those on a node's left are a run, as nodes are in pre-order
        before = np.cumsum([0, *(not right for right in rights[start:end])]).tolist()
        for i in range(start, end):
            if not rights[i]:
                shape.leaves.append(thresholds[i])
                continue
            first, after = before[i - start], before[i - start + rights[i]]
            shape.nodes.append((features[i], thresholds[i], (1 << after) - (1 << first)))
        yield shape


def _columns(document: Mapping[str, Any], shapes: Sequence[_Shape], full: Words) -> Iterator[Column]:
    """`full` is a row that rules nothing out."""
    width, negated = document["width"], document["negated"]
    asked: dict[int, list[tuple[int, Any, int]]] = {}
    for tree, shape in enumerate(shapes):
        for column, threshold, ruled_out in shape.nodes:
            asked.setdefault(column, []).append((tree, threshold, ruled_out))
    for position in range(width):
        behind = width + negated.index(position) if position in negated else -1
        plain, negative = asked.get(position, []), asked.get(behind, [])
        if plain or negative:
            yield _of_numbers(position, plain, negative, full)
    for number, one in enumerate(document["sets"], width + len(negated)):
        if number in asked:
            yield _of_categories(one, asked[number], document["members"], full)


def _of_numbers(
    position: int,
    plain: Sequence[tuple[int, Any, int]],
    negative: Sequence[tuple[int, Any, int]],
    full: Words,
) -> Column:
    """Of nodes that ask `x <= t`, whose answer is no from the next number on, and that ask `-x <= t`."""
    froms = [nextafter(t, inf) if (t := float(node[1])) < inf else nan for node in plain]
    edges, found = np.unique([*froms, *(-float(node[1]) for node in negative), nan], return_inverse=True)
    places = found.tolist()
    rising, falling = (np.tile(full, (len(edges) + 1, 1)) for _ in range(2))
    for (tree, _, ruled_out), place in zip(plain, places, strict=False):
        rising[place + 1, tree] &= ~full.dtype.type(ruled_out)
    for (tree, _, ruled_out), place in zip(negative, places[len(plain) :], strict=False):
        falling[place, tree] &= ~full.dtype.type(ruled_out)
        rising[-1, tree] &= ~full.dtype.type(ruled_out)  # NaN: no
    up = np.bitwise_and.accumulate(rising, axis=0)
    down = np.bitwise_and.accumulate(falling[::-1], axis=0)[::-1]
    return Column(position, edges, up & down)


def _of_categories(
    one: Mapping[str, Any], nodes: Sequence[tuple[int, Any, int]], members: Sequence[Any], full: Words
) -> Column:
    """A value and the number after it are edges, so odd places are the values, even ones none of them."""
    values = [float(value) for value in one["values"]]
    by_code = np.tile(full, (len(values) - MISSING, 1))
    for tree, at, ruled_out in nodes:
        left = set(members[at])
        outside = [code - MISSING for code in range(MISSING, len(values)) if code not in left]
        by_code[outside, tree] &= ~full.dtype.type(ruled_out)
    masks = np.tile(by_code[0], (2 * len(values) + 1, 1))
    masks[1::2] = by_code[1:]
    edges = np.array([edge for value in values for edge in (value, nextafter(value, inf))])
    return Column(one["column"], edges, masks)
