"""Whether a figure differs from the usual by more than the luck of which rows a drop happens to hold.

Pure. A drop of 300 rows has a mean, a median and a maximum of its own even where nothing has changed, and the
spread of a handful of earlier drops tells too little of it. So every figure is tested a second time, against
the sampling error of its rows alone; it is out of line only when both tests say so.
"""

import math
from collections.abc import Sequence
from statistics import median

import numpy as np

from tidegate.ingestion.figures import OF_ROWS, QUANTILES, Figure
from tidegate.profile import ColumnProfile
from tidegate.statistics.distances import Cumulative
from tidegate.statistics.significance import normal_two_sided

EXTREMES = {"minimum": "p01", "maximum": "p99"}  # and the quantile that tells how heavy their tail is
_MEDIAN_VARIANCE = 1.57  # of a median, times n, of a normal distribution
_HEAVIEST, _LIGHTEST = 1.0, 6.0  # Pareto indices that a tail is taken to have at least and at most
_TAIL = 0.01  # share of the rows beyond p01 and p99
_FEW_TAIL_ROWS = 2.0
_LOG_2 = math.log(2)

Known = Sequence[Figure]  # one figure of earlier drops


def sampling_p_value(
    name: str, now: Figure, known: Known, *, column: ColumnProfile | None, rows: float, past_rows: float
) -> float:
    """Two-sided chance of a figure this far from the median of `known` if the rows were of one distribution.

    Args:
        name: of the figure; extremes are for `extreme_p_value`.
        now: of the new drop.
        known: of earlier drops.
        column: of the new drop.
        rows: of the new drop.
        past_rows: median of the earlier drops' rows.

    Returns:
        0 for a figure whose sampling error is unknown: then only its history judges.
    """
    if name in OF_ROWS:
        usual = median(figure.value for figure in known)
        return _share_p_value(now.value, rows, usual, past_rows * len(known))
    if name in QUANTILES and column is not None:
        usual = median(figure.value for figure in known)
        return _quantile_p_value(column, QUANTILES[name], usual, past_rows * len(known))
    usual_error = median(figure.error for figure in known)
    variance = max(now.error, usual_error) ** 2 + _MEDIAN_VARIANCE * usual_error**2 / len(known)
    if not variance:
        return 0.0
    return normal_two_sided((now.tested - median(figure.tested for figure in known)) / math.sqrt(variance))


def extreme_p_value(
    now: Figure, known: Known, *, middle: Known, tail: Known, rows: float, past_rows: float
) -> float:
    """Chance of a minimum or maximum so far beyond the usual one, were the tail Pareto's.

    Args:
        now: the extreme.
        known: of earlier drops.
        middle: their medians.
        tail: their p01 or p99, beyond which one row in a hundred lies.
        rows: of the new drop.
        past_rows: median of the earlier drops' rows.

    Source:
        The extreme of n rows has exceeded its median once in two drops, so P(beyond x times it) is
        ln 2 x^-index; the index is that of the line from p99 to the extreme (as Hill's, 1975, of two points).
        Bounded to 1 and 6: the lightest real tails fall faster, and a rare value is not to alarm.
    """
    center = median(figure.value for figure in middle)
    usual = median(figure.value for figure in known)
    reach = usual - center
    if (now.value - usual) * (reach or now.value - usual) <= 0:
        return 1.0  # nearer than usual: what happens inside, other figures tell
    beyond = abs(now.value - center) / (abs(reach) or median(figure.scale for figure in known) or 1.0)
    tail_reach = abs(median(figure.value for figure in tail) - center)
    tail_rows = past_rows * _TAIL / _LOG_2
    index = _LIGHTEST
    if tail_rows < _FEW_TAIL_ROWS:
        index = _FEW_TAIL_ROWS
    elif 0 < tail_reach < abs(reach):
        index = math.log(tail_rows) / math.log(abs(reach) / tail_reach)
    index = min(max(index, _HEAVIEST), _LIGHTEST)
    return min(1.0, _LOG_2 * rows / past_rows * math.pow(beyond, -index))


def _share_p_value(share: float, rows: float, usual: float, usual_rows: float) -> float:
    """By the arcsine, whose error depends on the number of rows alone, even where a share is 0."""
    variance = (1 / rows + _MEDIAN_VARIANCE / usual_rows) / 4
    distance = _arcsine(share, rows) - _arcsine(usual, rows)
    return normal_two_sided(distance / math.sqrt(variance))


def _quantile_p_value(column: ColumnProfile, share: float, usual: float, usual_rows: float) -> float:
    """By the share of the new rows below the usual quantile: right for any distribution, ties included."""
    points = Cumulative.of(column)
    below, upto = points.at_or_below(np.array([np.nextafter(usual, -np.inf), usual])).tolist()
    nearest = min(max(share, below - points.rank_error), upto + points.rank_error)
    return _share_p_value(nearest, column.count, share, usual_rows)


def _arcsine(share: float, rows: float) -> float:
    """Of a share with Anscombe's correction (1948)."""
    return math.asin(math.sqrt((share * rows + 3 / 8) / (rows + 3 / 4)))
