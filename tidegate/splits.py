"""Time-ordered cross-validation: learn from the past, validate on what came after a gap."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


def expanding(moments: NDArray[np.float64], folds: int, gap_seconds: float) -> Iterator[tuple[Rows, Rows]]:
    """(training rows, validation rows) of each fold, in order of time.

    The rows in order of time are cut into folds + 1 equal blocks; fold k validates on block k + 1 and learns
    from the rows before it that are at least `gap_seconds` older than its first: a label and a feature
    window reach that far. Folds whose training part is empty are left out.

    Args:
        moments: shape (n,), seconds, in any order.
    """
    order = np.argsort(moments, kind="stable")
    blocks = np.array_split(order, folds + 1)
    for k in range(1, folds + 1):
        validation = blocks[k]
        if validation.size == 0:
            continue
        before = np.concatenate(blocks[:k])
        training = before[moments[before] <= moments[validation[0]] - gap_seconds]
        if training.size:
            yield training, validation
