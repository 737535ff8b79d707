"""Whether a drop's own figures are out of line with those of the drops accepted before it.

Pure. Below five known drops a figure is learned, not judged; from 28 on a weekly season is allowed for when
it explains enough. A figure is out of line when it is beyond what its history predicts AND beyond the
sampling error of the drop's rows, corrected for the number of figures, AND has changed by enough to matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

from tidegate.contract.plan import AnomalySettings
from tidegate.ingestion.figures import OF_ROWS, PSI, Figure, FigureKey, PastDrop, since_shift
from tidegate.ingestion.sampling import EXTREMES, extreme_p_value, sampling_p_value
from tidegate.ingestion.usual import MINIMUM_HISTORY, Usual, usual, weekday
from tidegate.profile import Profile
from tidegate.statistics.significance import adjusted

FALSE_DISCOVERY_RATE = 0.01
CERTAIN = 1e-4  # adjusted p below which an anomaly is no mere warning
JUDGING_DROPS = 84  # the newest accepted ones; older ones tell of another time
_MINIMUM_CHANGE = 0.05  # of the usual value: a floor where history never varied
_MINIMUM_SHARE_CHANGE = 0.01
_HARMLESS = ("bytes", "lag", *EXTREMES)  # late, packed otherwise, or one odd row: never reason to quarantine
_MOSTLY_DIFFERENT = 0.5  # distinct share from which a column's values grow with its rows


@dataclass(frozen=True, kw_only=True)
class Anomaly:
    """One figure out of line."""

    column: str | None
    figure: str
    value: float
    usual: float  # median of the history, of the same weekday when there is a season
    drops: int
    adjusted_p: float
    weekday: int | None = None  # 0 is Monday; None when there is no season
    is_far: bool = True  # farther beyond all earlier values than these lie apart

    @property
    def key(self) -> FigureKey:
        return self.column, self.figure

    @property
    def is_certain(self) -> bool:
        """Beyond doubt. A p-value alone is not: no history is quite normal, and a storm is no broken drop."""
        return self.adjusted_p < CERTAIN and self.is_far and self.figure not in _HARMLESS


def anomalies(
    figures: Mapping[FigureKey, Figure],
    history: Sequence[PastDrop],
    profile: Profile,
    *,
    arrived_at: str = "",
    settings: Mapping[str, AnomalySettings] | None = None,
) -> list[Anomaly]:
    """Figures outside what at least five earlier drops predict; worst first.

    Args:
        figures: of the new drop.
        history: accepted drops, newest first.
        profile: of the new drop.
        arrived_at: ISO 8601; without it no weekly season is allowed for.
        settings: of columns whose contract says more than the defaults.

    Source:
        Benjamini and Hochberg (1995) over all figures of the drop.
    """
    settings = settings or {}
    history = history[:JUDGING_DROPS]
    found = []
    for key, now in figures.items():
        if _is_watched(key, settings):
            past = since_shift(history, key)
            if len(past) >= MINIMUM_HISTORY and _tells_something(key, past):
                found.append(_tested(key, now, past, profile, arrived_at))
    corrected = adjusted([anomaly.adjusted_p for anomaly, _ in found])
    out_of_line = [
        replace(anomaly, adjusted_p=p_value)
        for (anomaly, scale), p_value in zip(found, corrected, strict=True)
        if p_value < FALSE_DISCOVERY_RATE and _is_large(anomaly, scale, settings)
    ]
    return sorted(out_of_line, key=lambda anomaly: anomaly.adjusted_p)


def expected(key: FigureKey, history: Sequence[PastDrop], arrived_at: str = "") -> Usual | None:
    """Where a figure should lie, by its history, on the scale it is tested on; `figures.shown` turns it back.

    None while it is still being learned.
    """
    past = since_shift(history[:JUDGING_DROPS], key)
    return _expected(key, past, arrived_at) if len(past) >= MINIMUM_HISTORY else None


def _expected(key: FigureKey, past: Sequence[PastDrop], arrived_at: str) -> Usual:
    days = [weekday(drop.arrived_at) for drop in past]
    return usual([drop.figures[key].tested for drop in past], days, weekday(arrived_at))


def _tested(
    key: FigureKey, now: Figure, past: Sequence[PastDrop], profile: Profile, arrived_at: str
) -> tuple[Anomaly, float]:
    """The figure with its uncorrected p-value, and the size that a change of it is measured against."""
    name, figure = key
    prediction = _expected(key, past, arrived_at)
    known = [drop.figures[key] for drop in past]
    alike = [
        drop.figures[key] for drop in past if prediction.weekday in (None, weekday(drop.arrived_at))
    ]  # of the same weekday when there is a season
    anomaly = Anomaly(
        column=name,
        figure=figure,
        value=now.value,
        usual=median(item.value for item in alike),
        drops=len(alike),
        adjusted_p=max(prediction.p_value(now.tested), _by_chance(key, now, past, alike, profile)),
        weekday=prediction.weekday,
        is_far=_is_far(now.tested, [item.tested for item in known]),
    )
    return anomaly, median(item.scale for item in known)


def _is_far(value: float, earlier: Sequence[float]) -> bool:
    low, high = min(earlier), max(earlier)
    return max(low - value, value - high) > high - low


def _by_chance(
    key: FigureKey, now: Figure, past: Sequence[PastDrop], alike: Sequence[Figure], profile: Profile
) -> float:
    name, figure = key
    sizes = [drop.figures[None, "rows"].value for drop in past if (None, "rows") in drop.figures]
    past_rows = max(median(sizes), 1.0) if sizes else float(max(profile.rows, 1))
    rows = float(max(profile.rows, 1))
    if figure not in EXTREMES:
        column = profile.columns.get(name) if name is not None else None
        return sampling_p_value(figure, now, alike, column=column, rows=rows, past_rows=past_rows)
    middle, tail = (
        [drop.figures[name, place] for drop in past if (name, place) in drop.figures]
        for place in ("p50", EXTREMES[figure])
    )
    if not middle or not tail:
        return 1.0
    return extreme_p_value(now, alike, middle=middle, tail=tail, rows=rows, past_rows=past_rows)


def _is_watched(key: FigureKey, settings: Mapping[str, AnomalySettings]) -> bool:
    column, name = key
    if name.startswith(PSI):
        return False  # it calibrates drift, which tells of it
    wanted = settings.get(column, AnomalySettings()) if column is not None else AnomalySettings()
    return wanted.watched and (not wanted.figures or name in wanted.figures)


def _tells_something(key: FigureKey, past: Sequence[PastDrop]) -> bool:
    """Identifiers have as many values as rows, categories a number of their own: one of the two is judged."""
    column, name = key
    if name not in ("different values", "distinct share"):
        return True
    shares = [
        drop.figures[column, "distinct share"].value
        for drop in past
        if (column, "distinct share") in drop.figures
    ]
    is_mostly_different = bool(shares) and median(shares) > _MOSTLY_DIFFERENT
    return is_mostly_different == (name == "distinct share")


def _is_large(anomaly: Anomaly, scale: float, settings: Mapping[str, AnomalySettings]) -> bool:
    change = abs(anomaly.value - anomaly.usual)
    if anomaly.figure in OF_ROWS and change < _MINIMUM_SHARE_CHANGE:
        return False
    wanted = settings.get(anomaly.column or "", AnomalySettings()).minimum_change
    return change > (_MINIMUM_CHANGE if wanted is None else wanted) * scale
