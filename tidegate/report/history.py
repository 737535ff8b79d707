"""A drop's figures over the drops accepted before it, with the interval in which they usually lie."""

import math
from collections.abc import Callable, Mapping, Sequence

from tidegate.ingestion.anomaly import Anomaly, expected
from tidegate.ingestion.figures import Figure, FigureKey, PastDrop, since_shift
from tidegate.ingestion.usual import MINIMUM_HISTORY
from tidegate.report import words
from tidegate.report.data import Track

_DROPS = 60  # shown at most, the newest
_TRACKS = 40
_ALWAYS: FigureKey = (None, "rows")
_WEEKDAYS = ("Mondays", "Tuesdays", "Wednesdays", "Thursdays", "Fridays", "Saturdays", "Sundays")
_LARGEST_EXPONENT = 700  # beyond it a float is infinite


def tracks(
    anomalies: Sequence[Anomaly],
    figures: Mapping[FigureKey, Figure],
    past: Sequence[PastDrop],
    arrived_at: str = "",
) -> tuple[tuple[Track, ...], int]:
    """The figures out of line, and the number of rows in any case; then how many were left out.

    Args:
        anomalies: worst first.
        figures: of this drop.
        past: accepted drops, newest first.
        arrived_at: of this drop, for what is usual on its weekday.
    """
    found = {(anomaly.column, anomaly.figure): anomaly for anomaly in anomalies}
    keys = [key for key in dict.fromkeys((*found, _ALWAYS)) if key in figures]
    shown = tuple(_track(key, figures[key], found.get(key), past, arrived_at) for key in keys[:_TRACKS])
    return shown, max(0, len(keys) - _TRACKS)


def _track(
    key: FigureKey, now: Figure, anomaly: Anomaly | None, past: Sequence[PastDrop], arrived_at: str
) -> Track:
    column, name = key
    having = [drop for drop in past if key in drop.figures][:_DROPS]
    shift = next((age for age, drop in enumerate(having) if key in drop.shifted), None)
    tell, low, middle, high = _teller(name), None, None, None
    known = len(since_shift(past, key))
    usual = f"{known} {'drop' if known == 1 else 'drops'} known, {MINIMUM_HISTORY} needed"
    if (prediction := expected(key, past, arrived_at)) is not None:
        shown = _scale(having[0].figures[key])
        low, high = map(shown, prediction.interval)
        middle = shown(prediction.middle)
        usual = tell(anomaly.usual if anomaly else middle)
        if prediction.weekday is not None:
            usual += f" on {_WEEKDAYS[prediction.weekday]}"
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


def _teller(name: str) -> Callable[[float], str]:
    if name.endswith("share"):
        return words.percent
    return {"bytes": words.size, "lag": words.duration}.get(name, words.number)


def _scale(figure: Figure) -> Callable[[float], float]:
    """How a figure's tested value turns into the one shown: as it is, of a logarithm, or of log odds."""
    scales = (lambda tested: tested), _exponential, _logistic
    return min(scales, key=lambda scale: abs(scale(figure.tested) - figure.value))


def _exponential(tested: float) -> float:
    return math.exp(min(tested, _LARGEST_EXPONENT))


def _logistic(tested: float) -> float:
    return 1 / (1 + math.exp(-max(min(tested, _LARGEST_EXPONENT), -_LARGEST_EXPONENT)))
