"""SageMaker's rule for stopping a training job of a search early; pure."""

import statistics
from collections.abc import Sequence


def worse_than_median(curve: Sequence[float], others: Sequence[Sequence[float]], *, minimize: bool) -> bool:
    """SageMaker's early stopping: the latest value against the median of the others' running averages.

    Source:
        SageMaker guide, "Stop training jobs early": averages are taken up to the same epoch.
    """
    epoch = len(curve)
    averages = [statistics.fmean(other[:epoch]) for other in others if len(other) >= epoch]
    if not averages:
        return False
    median = statistics.median(averages)
    return curve[-1] > median if minimize else curve[-1] < median
