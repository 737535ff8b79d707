"""Evidence that an event falls on one side more often than a share: an e-value, exact at any number of looks.

Pure. Were the share right, the value after each event would be its value before on average, so it exceeds
1/a with probability at most a, ever, however often it is looked at (Ville's inequality). It multiplies up,
event by event, how much better the events are explained by odds r times as high; the mean over several r.
"""

import functools
import math

RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 8.0)  # how many times the odds of a bad candidate may be; mixed evenly
_LARGEST_LOG = 700.0  # of a float


def e_value(hits: int, misses: int, share: float) -> float:
    """Evidence that an event is a hit more often than `share`; 1 means none, large means much.

    Falls with `share`: a share set too high hides, and never accuses.

    Args:
        share: of hits among the events at most, in [0, 1]; at 0 and 1 there is nothing to compare.
    """
    if not 0 < share < 1:
        return 1.0
    logs = [hits * hit + misses * miss for hit, miss in _steps(share)]
    top = max(logs)
    return math.exp(min(top, _LARGEST_LOG)) * sum(math.exp(log - top) for log in logs) / len(logs)


def in_words(value: float) -> str:
    """Three digits, and whole ones above a hundred."""
    return f"{value:.3g}" if value < 100 or value >= 1e6 else f"{value:,.0f}"  # noqa: PLR2004


@functools.lru_cache(maxsize=256)
def _steps(share: float) -> tuple[tuple[float, float], ...]:
    """For each ratio, what one hit and one miss add to the logarithm."""
    steps = []
    for ratio in RATIOS:
        p = share * ratio / (share * ratio + 1 - share)
        steps.append((math.log(p / share), math.log((1 - p) / (1 - share))))
    return tuple(steps)
