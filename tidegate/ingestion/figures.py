"""The figures of a drop: what is compared with the drops accepted before, and remembered for those to come.

Pure. Some twelve figures a column and a few of the whole drop. Of times only their missing values and the lag
of the newest are figures: times always move.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tidegate.profile import ColumnProfile, Profile
from tidegate.statistics.distances import Cumulative

FigureKey = tuple[str | None, str]  # column, or None for the drop; name of the figure

LOGARITHMIC = ("rows", "bytes", "lag", "different values")
OF_ROWS = ("missing share", "unseen share", "duplicate share")  # shares of the drop's rows
QUANTILES = {"p01": 0.01, "p50": 0.5, "p99": 0.99}
PSI = "psi"  # first word of the figures that calibrate drift
RECENT_PSI = f"{PSI} recent"
_NORMAL_IQR = 1.349  # interquartile range of a normal distribution over its standard deviation
_SKETCH_ERROR = 0.0163  # standard error of an estimated number of different values, as a share
_SMALLEST_PSI = 1e-9
_LARGEST_EXPONENT = 700.0  # whose power is a float
_QUARTILES = np.array([0.25, 0.75])


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of a drop."""

    value: float  # as shown
    tested: float  # on the scale where it is about normal: log, logit or as it is
    error: float = 0.0  # standard error of `tested`, were the drop's rows a random sample; 0 when unknown
    scale: float = 0.0  # a change below a share of this is of no interest


@dataclass(frozen=True, kw_only=True)
class PastDrop:
    """What is remembered of an accepted drop."""

    drop_id: str
    arrived_at: str  # ISO 8601 UTC
    figures: Mapping[FigureKey, Figure]
    shifted: frozenset[FigureKey] = frozenset()  # a person accepted a new level: history starts here
    etag: str = ""  # empty where another delivery of the same bytes would be nothing odd
    size_bytes: int = 0


def figure(name: str, value: float, *, rows: float, error: float = 0.0, scale: float = 0.0) -> Figure:
    """A figure on its scales. `rows` are the drop's, needed for shares of them."""
    scale = max(scale, abs(value))
    if name in OF_ROWS:
        odds = (value * rows + 0.5) / ((1 - value) * rows + 0.5)
        return Figure(value=value, tested=math.log(odds), error=error, scale=scale)
    if name in LOGARITHMIC:
        return Figure(value=value, tested=math.log(max(value, 1.0)), error=error, scale=scale)
    if name.startswith(PSI):
        return Figure(value=value, tested=math.log(max(value, _SMALLEST_PSI)), error=error, scale=scale)
    return Figure(value=value, tested=value, error=error, scale=scale)


def shown(name: str, tested: float) -> float:
    """The value of a figure that is tested as `tested`; of shares without the half row."""
    if name in OF_ROWS:
        return 1 / (1 + math.exp(-tested)) if tested > -_LARGEST_EXPONENT else 0.0
    if name in LOGARITHMIC or name.startswith(PSI):
        return math.exp(min(tested, _LARGEST_EXPONENT))
    return tested


def figures_of(
    profile: Profile, *, size_bytes: int = 0, lag_seconds: float | None = None
) -> dict[FigureKey, Figure]:
    """All that a profile tells; the verdict adds duplicates and what depends on a reference."""
    rows = profile.rows
    counted = 1 / math.sqrt(max(rows, 1))  # of what is counted, the least noise of its logarithm
    found: dict[FigureKey, Figure] = {(None, "rows"): figure("rows", rows, rows=rows, error=counted)}
    if size_bytes:
        found[None, "bytes"] = figure("bytes", size_bytes, rows=rows, error=counted)
    if lag_seconds is not None:
        found[None, "lag"] = figure("lag", lag_seconds, rows=rows)
    for name, column in profile.columns.items():
        found |= {(name, key): value for key, value in _of_column(column).items()}
    return {key: item for key, item in found.items() if math.isfinite(item.tested + item.error)}


def since_shift(history: Sequence[PastDrop], key: FigureKey) -> list[PastDrop]:
    """Drops that have the figure, newest first, back to the one at which a person accepted its new level."""
    found = []
    for past in history:
        if key in past.figures:
            found.append(past)
        if key in past.shifted:
            break
    return found


def is_time(column: ColumnProfile) -> bool:
    return column.type.startswith(("timestamp", "date", "time"))


def _of_column(column: ColumnProfile) -> dict[str, Figure]:
    if not column.rows:
        return {}
    figures = {"missing share": figure("missing share", column.missing / column.rows, rows=column.rows)}
    if not column.count or column.kind == "other" or is_time(column):
        return figures
    figures |= _of_values(column)
    if column.kind == "text":
        return figures | _of_lengths(column)
    if column.type == "bool":
        return figures | {"mean": _mean(column, 0.0)}
    return figures | _of_numbers(column)


def _of_values(column: ColumnProfile) -> dict[str, Figure]:
    """How many different values. Those that occur once tell how this would vary from sample to sample."""
    different = min(column.distinct, column.count)
    if column.counts is not None:
        chance = sum(count == 1 for count in column.counts.values()) + 1.0
    else:
        chance = different + (_SKETCH_ERROR * different) ** 2
    error = math.sqrt(chance)
    # Not a logit: near 1 it would stretch the sketch's error without bounds.
    share = figure("distinct share", different / column.count, rows=column.rows, error=error / column.count)
    number = figure("different values", different, rows=column.rows, error=error / different)
    return {"different values": number, "distinct share": share}


def _of_lengths(column: ColumnProfile) -> dict[str, Figure]:
    if not column.total_length:
        return {}
    mean = column.total_length / column.count
    shortest, longest = column.min_length or 0, column.max_length or mean
    variance = max(longest - mean, 0) * max(mean - shortest, 0)  # at most, by Bhatia and Davis (2000)
    error = math.sqrt(variance / column.count)
    return {"mean length": figure("mean length", mean, rows=column.rows, error=error)}


def _of_numbers(column: ColumnProfile) -> dict[str, Figure]:
    points = Cumulative.of(column)
    low, high = points.reached(_QUARTILES).tolist()
    middle_half = (high - low) / _NORMAL_IQR
    places = dict(
        zip(QUANTILES, points.reached(np.array([*QUANTILES.values()])).tolist(), strict=True),
        minimum=float(column.minimum or 0),
        maximum=float(column.maximum or 0),
    )
    figures = {
        name: figure(name, value, rows=column.rows, scale=middle_half) for name, value in places.items()
    }
    spread = column.standard_deviation
    error = spread * math.sqrt(max(_kurtosis(column, points) - 1, 0.0) / (4 * column.count))
    figures["spread"] = figure("spread", spread, rows=column.rows, error=error)
    figures["mean"] = _mean(column, middle_half)
    return figures


def _mean(column: ColumnProfile, scale: float) -> Figure:
    error = column.standard_deviation / math.sqrt(column.count)
    return figure("mean", column.mean, rows=column.rows, error=error, scale=scale)


def _kurtosis(column: ColumnProfile, points: Cumulative) -> float:
    """Fourth standardized moment: of the kept ranks, and of the two extremes, which ranks may lack."""
    if not column.m2:
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        standard = (points.values - column.mean) / column.standard_deviation
        of_ranks = float(np.sum(points.weights * standard**4))
        extremes = np.array([float(column.minimum or 0), float(column.maximum or 0)])
        of_extremes = np.max(((extremes - column.mean) / column.standard_deviation) ** 4) / column.count
    return max(of_ranks, float(of_extremes))
