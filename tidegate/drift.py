"""How far the rows behind one profile have moved from those behind another, one column at a time.

Pure: profiles in, verdicts out; no rows, no I/O, no randomness. A column has drifted when the shift is large
AND cannot be sampling noise AND both sides have enough rows; p-values are corrected for the number of
columns. Times are never compared (they always move), nor are texts of more than 1,000 values or that
hardly repeat.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tidegate.profile import ColumnProfile, Profile
from tidegate.profile.column import Value
from tidegate.significance import adjusted, chi2_sf

Counts = NDArray[np.float64]
Status = Literal["stable", "warning", "alarm", "insufficient", "not comparable"]

NUMERIC_BINS = 10
CATEGORIES = 50  # most frequent values of the reference; the rest of its values are one bin
MINIMUM_ROWS = 500
FALSE_DISCOVERY_RATE = 0.01
WARNING_PSI = 0.1
ALARM_PSI = 0.2


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
    unseen_share: float | None = None  # of current rows whose value the reference never had; texts only
    reference_rows: int = 0
    current_rows: int = 0


def drift(
    reference: Profile,
    current: Profile,
    columns: Iterable[str] | None = None,
    *,
    warning: float = WARNING_PSI,
    alarm: float = ALARM_PSI,
    q: float = FALSE_DISCOVERY_RATE,
    minimum_rows: int = MINIMUM_ROWS,
) -> list[ColumnDrift]:
    """The drift of `columns` (all of the reference when None), in their order.

    Args:
        reference: the rows to compare with; 4,096 ranks make it sharper than 1,024.
        current: the rows in question, any number of them.
        columns: names; one that a side lacks, or that is a time or a free text, is "not comparable".
        warning: effect in nats from which a significant shift is a warning.
        alarm: the same for an alarm.
        q: false discovery rate over the columns compared.
        minimum_rows: below it on either side the answer is "insufficient", never "stable".

    Source:
        Under no drift PSI / (1/n + 1/m) is chi-square with bins - 1 degrees of freedom (Yurdakul, 2018);
        Benjamini and Hochberg (1995).
    """
    names = list(reference.columns if columns is None else columns)
    found = [
        _measure(name, reference.columns.get(name), current.columns.get(name), minimum_rows) for name in names
    ]
    measured = [index for index, item in enumerate(found) if item.status == "stable"]
    corrected = adjusted([found[index].p_value for index in measured])
    for index, p_value in zip(measured, corrected, strict=True):
        item = found[index]
        significant = p_value < q
        status: Status = "stable"
        if significant and item.effect >= alarm:
            status = "alarm"
        elif significant and item.effect >= warning:
            status = "warning"
        found[index] = ColumnDrift(**{**vars(item), "adjusted_p": p_value, "status": status})
    return found


def psi(reference: Counts, current: Counts) -> tuple[float, float, float]:
    """Population stability index of two histograms over the same bins: (psi, effect, p-value).

    Half an observation is added to each bin, so that an empty one yields a large, finite term. Bins that are
    empty on both sides count for nothing.
    """
    used = (reference > 0) | (current > 0)
    reference, current = reference[used], current[used]
    bins = len(reference)
    n, m = float(reference.sum()), float(current.sum())
    if bins < 2 or not n or not m:  # noqa: PLR2004  # one bin holds all: nothing can move
        return 0.0, 0.0, 1.0
    p = (reference + 0.5) / (n + 0.5 * bins)
    q = (current + 0.5) / (m + 0.5 * bins)
    index = float(np.sum((p - q) * np.log(p / q)))
    noise = 1 / n + 1 / m
    return index, max(0.0, index - noise * (bins - 1)), chi2_sf(index / noise, bins - 1)


def histograms(reference: ColumnProfile, current: ColumnProfile) -> tuple[Counts, Counts] | None:
    """Rows of both in the reference's bins, missing values last; None when they cannot be compared."""
    if reference.kind != current.kind or reference.kind == "other" or _is_time(reference):
        return None
    if reference.kind == "number":
        pair = _numeric_bins(reference, current)
    elif reference.counts is None or current.counts is None or _is_identifier(reference):
        return None
    else:
        pair = _category_bins(reference.counts, current.counts)
    missing = np.array([reference.missing]), np.array([current.missing])
    return np.concatenate([pair[0], missing[0]]), np.concatenate([pair[1], missing[1]])


def ks_statistic(reference: ColumnProfile, current: ColumnProfile) -> float:
    """Largest difference of the two cumulative shares over the finite numbers, in [0, 1]."""
    if not reference.count or not current.count:
        return 0.0
    points = np.concatenate([_support(reference), _support(current)])
    return float(np.max(np.abs(reference.share_at_or_below(points) - current.share_at_or_below(points))))


def _measure(
    name: str, reference: ColumnProfile | None, current: ColumnProfile | None, minimum_rows: int
) -> ColumnDrift:
    if reference is None or current is None:
        return ColumnDrift(column=name, status="not comparable")
    rows = {"reference_rows": reference.rows, "current_rows": current.rows}
    pair = histograms(reference, current)
    if pair is None:
        return ColumnDrift(column=name, status="not comparable", **rows)
    if min(reference.rows, current.rows) < minimum_rows:
        return ColumnDrift(column=name, status="insufficient", **rows)
    index, effect, p_value = psi(*pair)
    is_number = reference.kind == "number"
    return ColumnDrift(
        column=name,
        status="stable",
        psi=index,
        effect=effect,
        p_value=p_value,
        ks=ks_statistic(reference, current) if is_number else None,
        unseen_share=None if is_number else float(pair[1][-2]) / current.rows,
        **rows,
    )


def _numeric_bins(reference: ColumnProfile, current: ColumnProfile) -> tuple[Counts, Counts]:
    """Between the reference's deciles, where ties collapse, and one bin of infinities."""
    infinite = np.array([reference.infinite]), np.array([current.infinite])
    if not reference.count:
        return np.append([0], infinite[0]), np.append([current.count], infinite[1])
    edges = np.unique(reference.quantile(np.arange(1, NUMERIC_BINS) / NUMERIC_BINS))
    pair = [
        np.diff(c.share_at_or_below(edges), prepend=0, append=1) * c.count
        if c.count
        else np.zeros(len(edges) + 1)
        for c in (reference, current)
    ]
    return np.append(pair[0], infinite[0]), np.append(pair[1], infinite[1])


def _category_bins(seen: Mapping[Value, int], now: Mapping[Value, int]) -> tuple[Counts, Counts]:
    """The reference's most frequent values, its other values, and values it never had."""
    top = sorted(seen, key=lambda value: (-seen[value], str(value)))[:CATEGORIES]
    others = seen.keys() - set(top)
    of_reference = [*(seen[value] for value in top), sum(seen[value] for value in others), 0]
    known = [*(now.get(value, 0) for value in top), sum(now.get(value, 0) for value in others)]
    unseen = sum(now.values()) - sum(known)
    return np.array(of_reference, np.float64), np.array([*known, unseen], np.float64)


def _support(column: ColumnProfile) -> NDArray[np.float64]:
    if column.counts:
        return np.array(sorted(float(value) for value in column.counts))
    return column.ranks.values


def _is_identifier(column: ColumnProfile) -> bool:
    """A text that hardly repeats: every new row has a new value, and that is no drift."""
    return column.distinct > column.count / 2


def _is_time(column: ColumnProfile) -> bool:
    return column.type.startswith(("timestamp", "date", "time"))
