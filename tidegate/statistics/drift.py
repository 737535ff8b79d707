"""How far the rows behind one profile have moved from those behind another, one column at a time.

Pure: profiles in, verdicts out; no rows, no I/O, no randomness. A column has drifted when the shift is large
AND cannot be sampling noise AND both sides have enough rows AND, where eight accepted drops or more were
compared alike, it is larger than theirs. P-values are corrected for the number of columns. Times are never
compared (they always move), nor are texts that hardly repeat.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

from tidegate.contract.plan import DriftSettings
from tidegate.ingestion.usual import usual
from tidegate.profile import ColumnProfile, Profile
from tidegate.statistics.bins import category_bins, is_comparable, number_bins
from tidegate.statistics.distances import (
    EQUAL_EFFECTS,
    Cumulative,
    jensen_shannon,
    number_distances,
    psi,
)
from tidegate.statistics.significance import adjusted

Status = Literal["stable", "warning", "alarm", "insufficient", "not comparable"]

NUMERIC_BINS = 10
FINE_BINS = 30  # of the Jensen-Shannon distance, which has no noise to keep small
MINIMUM_ROWS = 500
FALSE_DISCOVERY_RATE = 0.01
WARNING_PSI, ALARM_PSI = EQUAL_EFFECTS["psi"]
CALIBRATING_DROPS = 8  # earlier drops whose PSI against the same reference says what is usual
_UNUSUAL = 0.0013  # chance, upper tail, beyond which a PSI is not usual
_SMALLEST_PSI = 1e-9


@dataclass(frozen=True, kw_only=True)
class ColumnDrift:
    """What was found of one column. `psi` is as measured, `effect` what sampling noise does not explain."""

    column: str
    status: Status
    psi: float = 0.0
    effect: float = 0.0
    p_value: float = 1.0
    adjusted_p: float = 1.0
    ks: float | None = None  # largest difference of the cumulative shares; numbers only
    ks_effect: float | None = None  # what of it the sketches' rank errors cannot explain
    ks_p_value: float | None = None  # of `ks_effect`
    wasserstein: float | None = None  # in units of the reference's IQR / 1.349; numbers only
    jensen_shannon: float | None = None  # distance, base 2
    l_infinity: float | None = None  # largest difference of a value's share; texts only
    unseen_share: float | None = None  # of current rows whose value the reference never had; texts only
    usual_psi: float | None = None  # median of earlier drops, when they decided too
    reference_rows: int = 0
    current_rows: int = 0


@dataclass(frozen=True, kw_only=True)
class Reference:
    """What a drop is compared with."""

    against: str  # words for a person, e.g. "the last 8 accepted drops"
    profile: Profile
    kind: Literal["recent", "baseline"]
    id: str = ""  # of a baseline: only PSIs against the same one are compared with each other


@dataclass(frozen=True, kw_only=True)
class ReferenceDrift:
    """What was found against one reference."""

    against: str
    reference: Profile
    columns: tuple[ColumnDrift, ...]


def drift(
    reference: Profile,
    current: Profile,
    columns: Iterable[str] | None = None,
    *,
    warning: float = WARNING_PSI,
    alarm: float = ALARM_PSI,
    q: float = FALSE_DISCOVERY_RATE,
    minimum_rows: int = MINIMUM_ROWS,
    settings: Mapping[str, DriftSettings] | None = None,
    earlier: Mapping[str, Sequence[float]] | None = None,
) -> list[ColumnDrift]:
    """The drift of `columns` (all of the reference when None), in their order.

    Args:
        reference: the rows to compare with; 4,096 ranks make it sharper than 2,048.
        current: the rows in question, any number of them.
        columns: names; one that a side lacks, or that is a time or a free text, is "not comparable".
        warning: effect in nats from which a significant shift is a warning.
        alarm: the same for an alarm.
        q: false discovery rate over the columns compared.
        minimum_rows: below it on either side the answer is "insufficient", never "stable".
        settings: of columns whose contract says otherwise; one that is not watched is left out.
        earlier: PSIs of accepted drops by column, newest first.

    Source:
        Benjamini and Hochberg (1995).
    """
    settings, earlier = settings or {}, earlier or {}
    names = [
        name
        for name in (reference.columns if columns is None else columns)
        if settings.get(name, DriftSettings()).watched
    ]
    found = [
        _measure(name, reference.columns.get(name), current.columns.get(name), minimum_rows) for name in names
    ]
    measured = [index for index, item in enumerate(found) if item.status == "stable"]
    corrected = adjusted([found[index].p_value for index in measured])
    for index, p_value in zip(measured, corrected, strict=True):
        item = replace(found[index], adjusted_p=p_value)
        known = earlier.get(item.column, ())
        is_usual = False
        if len(known) >= CALIBRATING_DROPS:
            item = replace(item, usual_psi=median(known))
            is_usual = _is_usual(item.psi, known)
        levels = _levels(settings.get(item.column, DriftSettings()), warning, alarm)
        if p_value < q and not is_usual:
            item = replace(item, status=_status(item.effect, *levels))
        found[index] = item
    return found


def _levels(settings: DriftSettings, warning: float, alarm: float) -> tuple[float, float]:
    """A contract that sets one of the two moves the other only where it must."""
    if settings.warning is not None:
        warning, alarm = settings.warning, max(alarm, settings.warning)
    if settings.alarm is not None:
        warning, alarm = min(warning, settings.alarm), settings.alarm
    return warning, alarm


def _status(effect: float, warning: float, alarm: float) -> Status:
    if effect >= alarm:
        return "alarm"
    return "warning" if effect >= warning else "stable"


def _is_usual(value: float, earlier: Sequence[float]) -> bool:
    """Whether earlier drops were as far off: then it is a wobble that the reference does not show."""
    logarithm = math.log(max(value, _SMALLEST_PSI))
    prediction = usual([math.log(max(past, _SMALLEST_PSI)) for past in earlier])
    return logarithm <= prediction.middle or prediction.p_value(logarithm) / 2 >= _UNUSUAL


def _measure(
    name: str, reference: ColumnProfile | None, current: ColumnProfile | None, minimum_rows: int
) -> ColumnDrift:
    if reference is None or current is None:
        return ColumnDrift(column=name, status="not comparable")
    found = None
    if is_comparable(reference, current):
        found = (_number if reference.kind == "number" else _text)(name, reference, current)
    if found is None:
        found = ColumnDrift(column=name, status="not comparable")
    elif min(reference.rows, current.rows) < minimum_rows:
        found = ColumnDrift(column=name, status="insufficient", unseen_share=found.unseen_share)
    return replace(found, reference_rows=reference.rows, current_rows=current.rows)


def _number(name: str, reference: ColumnProfile, current: ColumnProfile) -> ColumnDrift:
    seen = Cumulative.of(reference) if reference.count else None
    now = Cumulative.of(current) if current.count else None
    index, effect, p_value = psi(*number_bins(reference, current, (seen, now), NUMERIC_BINS))
    found = ColumnDrift(
        column=name,
        status="stable",
        psi=index,
        effect=effect,
        p_value=p_value,
        jensen_shannon=jensen_shannon(*number_bins(reference, current, (seen, now), FINE_BINS)),
    )
    if seen is None or now is None:
        return found
    apart = number_distances(seen, now, reference.count, current.count)
    return replace(
        found,
        ks=apart.ks,
        ks_effect=apart.ks_effect,
        ks_p_value=apart.ks_p_value,
        wasserstein=apart.wasserstein,
    )


def _text(name: str, reference: ColumnProfile, current: ColumnProfile) -> ColumnDrift | None:
    bins = category_bins(reference, current)
    if bins is None:
        return None
    index, effect, p_value = psi(bins.reference, bins.current)
    return ColumnDrift(
        column=name,
        status="stable",
        psi=index,
        effect=effect,
        p_value=p_value,
        jensen_shannon=jensen_shannon(bins.reference, bins.current),
        l_infinity=bins.l_infinity,
        unseen_share=bins.unseen_share,
    )
