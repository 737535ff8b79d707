"""A drop's figures over the drops accepted before it, with the interval in which they usually lie."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from statistics import median

from tidegate.anomaly import MINIMUM_HISTORY, Anomaly, Figure, FigureKey, PastDrop
from tidegate.report import words
from tidegate.report.data import Track
from tidegate.significance import t_two_sided

_DROPS = 60  # shown at most, the newest
_TRACKS = 40
_ALPHA = 0.0026  # two-sided chance of a usual figure outside the interval, of one figure alone
_NORMAL_MAD = 1.4826  # standard deviation of a normal distribution over its median absolute deviation
_ALWAYS: FigureKey = (None, "rows")


def tracks(
    anomalies: Sequence[Anomaly], figures: Mapping[FigureKey, Figure], past: Sequence[PastDrop]
) -> tuple[tuple[Track, ...], int]:
    """The figures out of line, and the number of rows in any case; then how many were left out.

    Args:
        anomalies: worst first.
        figures: of this drop.
        past: accepted drops, newest first.
    """
    found = {(anomaly.column, anomaly.figure): anomaly for anomaly in anomalies}
    keys = [*found, *([_ALWAYS] if _ALWAYS in figures and _ALWAYS not in found else [])]
    keys = [key for key in keys if key in figures]
    shown = tuple(_track(key, figures[key], found.get(key), past) for key in keys[:_TRACKS])
    return shown, max(0, len(keys) - _TRACKS)


def usual_interval(known: Sequence[Figure]) -> tuple[float, float, float] | None:
    """(low, median, high) on the scale on which a figure is shown; None below five drops.

    Source:
        The robust t interval of `tidegate.anomaly`: median -+ t * 1.4826 MAD (1 + 2 / n) sqrt(1 + 1 / n)
        on the scale on which the figure is tested.
    """
    n = len(known)
    if n < MINIMUM_HISTORY:
        return None
    middle = median(figure.tested for figure in known)
    mad = median(abs(figure.tested - middle) for figure in known)
    spread = max(_NORMAL_MAD * mad * (1 + 2 / n), 1e-3 * abs(middle))
    reach = _t_quantile(n - 1) * spread * math.sqrt(1 + 1 / n)
    shown = _scale(known[0])
    return shown(middle - reach), median(figure.value for figure in known), shown(middle + reach)


def _track(key: FigureKey, now: Figure, anomaly: Anomaly | None, past: Sequence[PastDrop]) -> Track:
    column, name = key
    having = [drop for drop in past if key in drop.figures][:_DROPS]
    shift = next((age for age, drop in enumerate(having) if key in drop.shifted), None)
    known = [drop.figures[key] for drop in (having if shift is None else having[: shift + 1])]
    interval = usual_interval(known)
    tell: Callable[[float], str] = words.percent if "share" in name else words.number
    low, middle, high = interval or (None, None, None)
    usual = tell(middle) if middle is not None else f"{len(known)} drops known, {MINIMUM_HISTORY} needed"
    return Track(
        figure=name,
        column=column or "",
        now=tell(now.value),
        usual=usual,
        interval=f"{tell(low)} to {tell(high)}" if low is not None and high is not None else "",
        p_value=words.probability(anomaly.adjusted_p) if anomaly else "",
        status="usual" if anomaly is None else "certain" if anomaly.is_certain else "unusual",
        past=tuple(drop.figures[key].value for drop in reversed(having)),
        value=now.value,
        low=low,
        high=high,
        middle=middle,
        shift=None if shift is None else len(having) - 1 - shift,
    )


def _scale(figure: Figure) -> Callable[[float], float]:
    """How a figure's tested value turns into the one shown: as it is, of a logarithm, or of log odds."""
    scales = (lambda tested: tested), _exponential, _logistic
    return min(scales, key=lambda scale: abs(scale(figure.tested) - figure.value))


def _exponential(tested: float) -> float:
    return math.exp(min(tested, 700))


def _logistic(tested: float) -> float:
    return 1 / (1 + math.exp(-max(min(tested, 700), -700)))


@lru_cache(maxsize=128)
def _t_quantile(degrees: int) -> float:
    """Where a t variable lies outside -+ it with probability `_ALPHA`."""
    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_two_sided(middle, degrees) > _ALPHA else (low, middle)
    return low
