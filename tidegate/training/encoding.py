"""From named feature columns to the matrix a model takes: text becomes the index of a known category.

Fitted on training rows only; an unknown or missing category becomes NaN, which tree boosting treats as
missing. Pure, and plain enough to be written into a model's signature as JSON.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from tidegate.features import Array

Matrix = NDArray[np.float64]


def learnable(matrix: Matrix, categorical: Sequence[int] = ()) -> Matrix:
    """What to fit on: a column of numbers without any known value, of zeros instead.

    An aggregate has none before the first outcome is known, which the oldest fold may end before, and
    scikit-learn's boosting fails on such a column (1.9). No tree asks for a constant, so what is predicted of
    rows that do have a value is the same.

    Args:
        matrix: shape (n, k), float64; not changed.
        categorical: positions of encoded text columns, which may lack every value.
    """
    empty = np.asarray(np.isnan(matrix).all(axis=0))
    empty[list(categorical)] = False
    return np.where(empty, 0.0, matrix) if empty.any() else matrix


@dataclass(frozen=True)
class Encoding:
    """Order of the features and, for each that is text, its categories in order."""

    features: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    @classmethod
    def fit(cls, columns: Mapping[str, Array]) -> Self:
        """Learn the categories of `columns`, each of shape (n,)."""
        texts = {name: column for name, column in columns.items() if column.dtype == object}
        categories = {
            name: tuple(sorted({value for value in column.tolist() if value is not None}))
            for name, column in texts.items()
        }
        return cls(tuple(columns), categories)

    @property
    def categorical(self) -> list[int]:
        """Positions of the text features in the matrix."""
        return [i for i, name in enumerate(self.features) if name in self.categories]

    def matrix(self, columns: Mapping[str, Array]) -> Matrix:
        """Shape (n, len(features)), float64."""
        encoded = [self._column(name, columns[name]) for name in self.features]
        return np.column_stack(encoded) if encoded else np.empty((0, 0))

    def _column(self, name: str, column: Array) -> Matrix:
        if name not in self.categories:
            return column.astype(np.float64, copy=False)
        codes = {value: float(i) for i, value in enumerate(self.categories[name])}
        return np.array([codes.get(value, np.nan) for value in column.tolist()], dtype=np.float64)

    def to_json(self) -> dict[str, Any]:
        return {
            "features": list(self.features),
            "categories": {k: list(v) for k, v in self.categories.items()},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        categories = {name: tuple(values) for name, values in document["categories"].items()}
        return cls(tuple(document["features"]), categories)
