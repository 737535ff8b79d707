"""Whether a compiled model says what scikit-learn says, on the rows it was fitted on and at the edges.

Both must answer the same rows and refuse the same rows. A difference is absolute up to 1 and relative above,
so that a regression in millions is not asked for more digits than float64 has.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.compiled.edges import edge_rows
from tidegate.compiled.matrix import MatrixScorer

Matrix = NDArray[np.float64]
Predict = Callable[[Matrix], Matrix]  # raises ValueError for rows that it refuses
LARGEST_DIFFERENCE = 1e-12
EDGE_ROWS = 10_000
MOST_ROWS = 100_000  # of the rows it was fitted on, spread evenly: they pass through Python's lists
ROWS_ONE_BY_ONE = 2_000  # of each kind: walking is slower than the array kernel, which sees all of them
REFUSED_ASKED = 40  # rows that the compiled model refuses, asked of scikit-learn one at a time


@dataclass(frozen=True)
class Parity:
    """How many rows were compared, and the largest difference; infinite when one side refused or had NaN."""

    rows: int
    edge_rows: int
    refused: int  # of the edge rows, by the compiled model
    largest: float
    reason: str  # why it fails, empty when it does not

    @property
    def holds(self) -> bool:
        return not self.reason

    def to_json(self) -> dict[str, Any]:
        found = asdict(self)
        return found | {"largest": None} if np.isinf(self.largest) else found


def check(
    document: Mapping[str, Any], predict: Predict, rows: Matrix, *, edges: int = EDGE_ROWS, seed: int = 0
) -> Parity:
    """Compare on `rows`, shape (n, d), and on `edges` rows made of them.

    Args:
        predict: the same of scikit-learn: predictions of a matrix in float64, calibrated as the document is.
    """
    scorer = MatrixScorer.load(document)
    rows = rows[:: -(-len(rows) // MOST_ROWS)]
    at_edges = edge_rows(document, rows, edges, seed)
    taken = np.array([_takes(scorer, row) for row in at_edges.tolist()])
    largest, reason = 0.0, ""
    for name, part in (("rows", rows), ("edge rows", at_edges[taken])):
        try:
            with np.errstate(over="ignore", invalid="ignore"):  # edges overflow on purpose
                expected = predict(part) if len(part) else np.empty(0)
        except ValueError as cause:
            largest, reason = np.inf, f"scikit-learn refuses {name} that the compiled model takes: {cause}"
            break
        difference = max(_difference(expected, scorer, part), 0.0)
        largest = max(largest, difference)
        if not difference <= LARGEST_DIFFERENCE:
            reason = f"{name} differ by up to {difference:.3g}, more than {LARGEST_DIFFERENCE:g}"
            break
    if not reason and (wrong := _answered(predict, at_edges[~taken][:REFUSED_ASKED])):
        largest, reason = np.inf, f"scikit-learn answers {wrong} edge rows that the compiled model refuses"
    return Parity(len(rows), len(at_edges), int((~taken).sum()), float(largest), reason)


def _takes(scorer: MatrixScorer, row: list[float]) -> bool:
    try:
        if scorer.calibrated:  # its members refuse, each by itself
            scorer.one(row)
        else:
            scorer.model.prepare(row)
    except ValueError:
        return False
    return True


def _answered(predict: Predict, rows: Matrix) -> int:
    found = 0
    for row in rows:
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                predict(row[None, :])
        except ValueError:
            continue
        found += 1
    return found


def _difference(expected: Matrix, scorer: MatrixScorer, rows: Matrix) -> float:
    """The largest of both ways to score; what is not a number on both sides is the same."""
    if not len(rows):
        return 0.0
    every = max(1, len(rows) // ROWS_ONE_BY_ONE)
    walked = np.array([scorer.one(row) for row in rows[::every].tolist()])
    return max(_apart(expected, scorer.many(rows)), _apart(expected[::every], walked))


def _apart(expected: Matrix, found: Matrix) -> float:
    with np.errstate(invalid="ignore", over="ignore"):
        apart = np.abs(expected - found) / np.maximum(1.0, np.abs(expected))
    same = (expected == found) | (np.isnan(expected) & np.isnan(found))
    return float(np.where(same, 0.0, np.where(np.isfinite(apart), apart, np.inf)).max())
