"""What a drop's page shows: plain values, texts already as a person reads them.

The page knows only these; `tidegate.report.content` makes them from a judgement and a profile.
"""

from dataclasses import dataclass
from typing import Literal

Series = tuple[float, ...]
Status = Literal["accept", "warn", "quarantine"]


@dataclass(frozen=True, kw_only=True)
class Histogram:
    """Shares of the rows by bin, of the baseline and of this drop; either may be empty."""

    baseline: Series
    current: Series
    apart: bool  # bars of their own (values) or one outline (ranges)
    title: str


@dataclass(frozen=True, kw_only=True)
class Part:
    """One object of a manifest and the drop's rows that came from it."""

    key: str
    size: str
    rows: str
    row_range: str


@dataclass(frozen=True, kw_only=True)
class ReasonLine:
    is_error: bool
    message: str
    column: str | None


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """One rule of the contract. `first` are (row, value) of the first rows that break it."""

    is_error: bool
    holds: bool
    column: str
    words: str
    measured: str
    must_be: str
    failed_rows: int
    not_judged: str = ""  # why, when it was not
    first: tuple[tuple[int, str], ...] = ()
    left_out: int = 0  # of the rows that were kept, those not shown here


@dataclass(frozen=True, kw_only=True)
class Track:
    """One figure over the accepted drops, oldest first, and this one."""

    figure: str
    column: str
    now: str
    usual: str
    interval: str
    p_value: str
    status: Literal["usual", "unusual", "certain"]
    past: Series
    value: float
    low: float | None
    high: float | None
    middle: float | None
    shift: int | None = None  # index in `past` where a person accepted a new level


@dataclass(frozen=True, kw_only=True)
class DriftLine:
    """`cells`: PSI beyond noise, adjusted p, KS, Wasserstein, Jensen-Shannon, L-infinity, unseen."""

    column: str
    status: str  # as in `tidegate.statistics.drift`
    notes: str  # limits that the contract sets, what is usual
    cells: tuple[str, ...]
    large: tuple[int, ...] = ()  # positions in `cells` that are as large as a warning


@dataclass(frozen=True, kw_only=True)
class DriftTable:
    against: str
    rows: str
    lines: tuple[DriftLine, ...]
    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ColumnLine:
    """One column.

    `figures`: missing, NaN, distinct; of numbers also minimum, 5, 25, 50, 75, 95 %, maximum, mean, deviation.
    """

    name: str
    type: str
    figures: tuple[str, ...]
    top: tuple[tuple[str, str], ...] = ()  # value and share of the rows
    chart: Histogram | None = None


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything on the page."""

    dataset: str
    status: Status
    summary: str
    facts: tuple[tuple[str, str], ...]
    accepted_by: str = ""  # the sentence about a person's word, when there is one
    parts: tuple[Part, ...] = ()
    reasons: tuple[ReasonLine, ...] = ()
    reasons_left_out: int = 0
    rules: tuple[RuleLine, ...] = ()
    tracks: tuple[Track, ...] = ()
    tracks_left_out: int = 0
    past_drops: int = 0
    drifts: tuple[DriftTable, ...] = ()
    columns: tuple[ColumnLine, ...] = ()
    baseline: str = ""  # what the histograms are compared with; empty when with nothing
