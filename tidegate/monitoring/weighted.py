"""Drift weighed by what each column is worth to the model.

Pure. A moved column that the model hardly uses is no cause to train.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidegate.statistics.drift import ColumnDrift

_COMPARED = ("stable", "warning", "alarm")


@dataclass(frozen=True, kw_only=True)
class Weighted:
    """None where nobody measured what columns are worth, or none that is worth anything could be compared."""

    score: float | None  # sum of importance times PSI beyond sampling noise, in nats
    drifted_share: float | None  # sum of the importances of columns that have drifted, in [0, 1]
    importances: Mapping[str, float]  # of the columns that were compared, adding up to 1


def weighted(columns: Sequence[ColumnDrift], importances: Mapping[str, float]) -> Weighted:
    """Columns that cannot be compared, or not yet, leave their weight to the others."""
    known = {each.column: importances.get(each.column, 0.0) for each in columns if each.status in _COMPARED}
    total = sum(known.values())
    if not total:
        return Weighted(score=None, drifted_share=None, importances={})
    shares = {name: value / total for name, value in known.items()}
    compared = [each for each in columns if each.column in shares]
    return Weighted(
        score=sum(shares[each.column] * each.effect for each in compared),
        drifted_share=sum(shares[each.column] for each in compared if each.status == "alarm"),
        importances=shares,
    )
