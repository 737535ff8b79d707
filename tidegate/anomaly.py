"""Whether a drop's own figures are out of line with those of the drops accepted before it.

Pure. Figures: rows of the drop; of each column its share of missing values, its mean and spread when it is a
number, its different values when it is text. Times are left out: they always move. The weekly season is not
modelled: a figure that swings with the week widens its own interval.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from tidegate.profile import ColumnProfile, Profile
from tidegate.significance import adjusted, t_two_sided

MINIMUM_HISTORY = 5  # drops; below it only the contract judges
FALSE_DISCOVERY_RATE = 0.01
CERTAIN = 1e-4  # adjusted p below which an anomaly is no mere warning
_MINIMUM_CHANGE = 0.05  # of the usual value: a floor where history never varied
_MINIMUM_SHARE_CHANGE = 0.01
_NORMAL_MAD = 1.4826  # standard deviation of a normal distribution over its median absolute deviation


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One figure out of line."""

    column: str | None
    figure: str
    value: float
    usual: float  # median of the history
    drops: int
    adjusted_p: float

    @property
    def is_certain(self) -> bool:
        return self.adjusted_p < CERTAIN


@dataclass(frozen=True, kw_only=True)
class _Figure:
    value: float  # as shown
    tested: float  # on the scale where it is about normal
    scale: float  # a change below a share of this is of no interest


def anomalies(history: Sequence[Profile], current: Profile) -> list[Anomaly]:
    """Figures of `current` outside what at least five earlier drops predict; worst first.

    Source:
        A robust t interval: |x - median| against t with n - 1 degrees of freedom times
        1.4826 MAD (1 + 2 / n) sqrt(1 + 1 / n); Benjamini and Hochberg (1995) over all figures of the drop.
    """
    past = [_figures(profile) for profile in history]
    now = _figures(current)
    tested: list[tuple[tuple[str | None, str], float, list[_Figure]]] = []
    for key, figure in now.items():
        known = [figures[key] for figures in past if key in figures]
        if len(known) >= MINIMUM_HISTORY:
            tested.append((key, _p_value(figure, known), known))
    corrected = adjusted([p_value for _, p_value, _ in tested])
    found = []
    for ((column, name), _, known), p_value in zip(tested, corrected, strict=True):
        usual = median(figure.value for figure in known)
        value = now[column, name].value
        if p_value < FALSE_DISCOVERY_RATE and _is_large(name, value, usual, known):
            found.append(
                Anomaly(
                    column=column, figure=name, value=value, usual=usual, drops=len(known), adjusted_p=p_value
                )
            )
    return sorted(found, key=lambda anomaly: anomaly.adjusted_p)


def _figures(profile: Profile) -> Mapping[tuple[str | None, str], _Figure]:
    figures: dict[tuple[str | None, str], _Figure] = {(None, "rows"): _logarithmic(profile.rows)}
    for name, column in profile.columns.items():
        share = column.missing / column.rows if column.rows else 0.0
        odds = (column.missing + 0.5) / (column.rows - column.missing + 0.5)
        figures[name, "missing share"] = _Figure(value=share, tested=math.log(odds), scale=share)
        if column.kind == "text" and column.count:
            figures[name, "different values"] = _logarithmic(column.distinct)
        elif column.kind == "number" and column.count and not _is_time(column):
            spread = column.standard_deviation
            scale = max(abs(column.mean), spread)
            figures[name, "mean"] = _Figure(value=column.mean, tested=column.mean, scale=scale)
            figures[name, "spread"] = _Figure(value=spread, tested=spread, scale=spread)
    return figures


def _logarithmic(value: float) -> _Figure:
    return _Figure(value=value, tested=math.log(max(value, 0.5)), scale=value)


def _p_value(figure: _Figure, known: Sequence[_Figure]) -> float:
    n = len(known)
    middle = median(past.tested for past in known)
    mad = median(abs(past.tested - middle) for past in known)
    spread = max(_NORMAL_MAD * mad * (1 + 2 / n), 1e-3 * abs(middle))
    distance = abs(figure.tested - middle)
    if not spread:
        return 1.0 if not distance else 0.0
    return t_two_sided(distance / (spread * math.sqrt(1 + 1 / n)), n - 1)


def _is_large(name: str, value: float, usual: float, known: Sequence[_Figure]) -> bool:
    change = abs(value - usual)
    if name == "missing share" and change < _MINIMUM_SHARE_CHANGE:
        return False
    return change > _MINIMUM_CHANGE * median(figure.scale for figure in known)


def _is_time(column: ColumnProfile) -> bool:
    return column.type.startswith(("timestamp", "date", "time"))
