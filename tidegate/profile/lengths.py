"""How long texts, binaries and lists are."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Lengths:
    """Least, greatest and total length of the values seen so far."""

    minimum: int | None = None
    maximum: int | None = None
    total: int = 0

    def add(self, lengths: NDArray[Any], counts: NDArray[np.int64] | None = None) -> None:
        """Lengths, each of one value or of `counts` values."""
        if not len(lengths):
            return
        low, high = int(lengths.min()), int(lengths.max())
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)
        each = lengths.astype(np.int64)
        self.total += int(each.sum() if counts is None else (each * counts).sum())
