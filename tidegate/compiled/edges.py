"""Rows at the edges of what a model can be asked, where a compiled copy would differ if anywhere."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
ODD = (
    *(0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 255.0, 256.0),
    *(5e-324, -5e-324, 1e-310, 2.2250738585072014e-308, 1.401298464324817e-45, 1e-45),
    *(1e15, -1e15, 16777217.0, 1e38, -1e38, 3.4028234663852886e38, -3.4028234663852886e38),
)
BEYOND_FLOAT32 = (3.5e38, -3.5e38, 1e300, -1e300)
LARGEST = (1.7976931348623157e308, -1.7976931348623157e308)  # a sum of products overflows in any order
NOT_FINITE = (np.nan, np.inf, -np.inf)
MOST_CHANGED = 3  # cells of a row; so that one refused or huge value does not hide all others


def edge_rows(document: Mapping[str, Any], rows: Matrix, count: int, seed: int) -> Matrix:
    """Rows of `rows`, each with one to three cells, or all, from an edge of their columns: shape (count, d).

    Edges are the model's own thresholds and their neighbours, ends of the column, categories known and
    unknown, zeros, denormals, and numbers near and beyond what float32 and float64 hold, NaN and infinities.
    """
    draw = np.random.default_rng(seed)
    picked: Matrix = rows[draw.integers(0, len(rows), count)]
    width = rows.shape[1]
    thresholds = _thresholds(document["model"], width)
    odd: tuple[float, ...] = (*ODD, *BEYOND_FLOAT32, *NOT_FINITE, *NOT_FINITE)
    if any(True for _ in _trees(document["model"])):
        odd += LARGEST
    for column in range(width):
        pool = _pool(rows[:, column], thresholds[column], odd)
        changed = draw.random(count) < min(1.0, MOST_CHANGED / 2 / width)
        changed[column::width] = True  # at least one of each row
        changed[: count // 20] = True  # some rows entirely
        picked[changed, column] = pool[draw.integers(0, len(pool), int(changed.sum()))]
    return picked


def _pool(column: Matrix, thresholds: Matrix, odd: tuple[float, ...]) -> Matrix:
    """Half of it are thresholds, when there are any."""
    finite = column[np.isfinite(column)]
    ends = np.array([finite.min(), finite.max()]) if finite.size else np.zeros(2)
    inside = np.r_[ends, ends - 1, ends + 1, ends * 1e6, np.arange(ends[0], min(ends[1], ends[0] + 20) + 2)]
    known = np.r_[inside, odd]
    near = np.r_[thresholds, np.nextafter(thresholds, np.inf), np.nextafter(thresholds, -np.inf)]
    half = np.resize(near, max(near.size, known.size)) if near.size else near
    return np.concatenate([known, half])


def _thresholds(model: Mapping[str, Any], width: int) -> list[Matrix]:
    """Of each column, what trees that see the row as it is compare it with."""
    found: list[list[float]] = [[] for _ in range(width)]
    for trees in _trees(model):
        if trees["width"] == width and all(step["kind"] in ("check", "fill") for step in trees["steps"]):
            for feature, threshold, right in zip(
                trees["features"], trees["thresholds"], trees["rights"], strict=True
            ):
                behind = feature - width
                if right and behind < 0:
                    found[feature].append(float(threshold))
                elif right and behind < len(trees["negated"]):
                    found[trees["negated"][behind]].append(-float(threshold))
    return [np.unique(np.array([v for v in values if np.isfinite(v)])) for values in found]


def _trees(model: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if model["kind"] == "trees":
        yield model
    elif model["kind"] == "calibrated":
        for member in model["members"]:
            yield from _trees(member["model"])
