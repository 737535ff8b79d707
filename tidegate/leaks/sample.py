"""What the detector looks at, and what it found."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.features import Array
from tidegate.training.splits import Fold, Timeline

Numbers = NDArray[np.float64]
Codes = NDArray[np.intp]

ROWS = "*"  # stands for a column where a finding is about whole rows
DAY = 86_400


@dataclass(frozen=True)
class Finding:
    """One leak: of which kind, in which column, seen by what, and what to do about it."""

    kind: Literal["target", "time", "group", "duplicate"]
    column: str
    evidence: str
    hint: str

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "column": self.column, "evidence": self.evidence}


@dataclass(frozen=True)
class Sample:
    """n labelled rows as a model sees them.

    Args:
        columns: feature -> shape (n,); float64 with NaN, or objects with None, for missing.
        rows: their times, labels and groups.
        folds: the sides that cross-validation will give them.
        gap_seconds: between the sides; None where the split does not go by time.
    """

    columns: Mapping[str, Array]
    rows: Timeline
    folds: Sequence[Fold]
    gap_seconds: float | None

    @cached_property
    def codes(self) -> dict[str, Codes]:
        """Each column's values as 0, 1, 2 ... in their order; -1 for missing."""
        return {name: _coded(column) for name, column in self.columns.items()}

    @cached_property
    def rate(self) -> float:
        return float(self.rows.labels.mean())

    def thinned(self, most: int) -> "Sample":
        """At most `most` rows, evenly spread in order of time: what says much of a column needs no more."""
        n = self.rows.labels.size
        if n <= most:
            return self
        order = np.argsort(self.rows.moments, kind="stable")
        kept = order[np.linspace(0, n - 1, most).astype(np.intp)]
        columns = {name: column[kept] for name, column in self.columns.items()}
        return replace(self, columns=columns, rows=self.rows.of(kept), folds=())


def _coded(column: Array) -> Codes:
    if column.dtype != object:
        codes = np.unique(column, return_inverse=True)[1].astype(np.intp)
        codes[np.isnan(column)] = -1
        return codes
    values = column.tolist()
    rank = {value: n for n, value in enumerate(sorted({v for v in values if v is not None}))}
    return np.array([rank.get(value, -1) for value in values], dtype=np.intp)
