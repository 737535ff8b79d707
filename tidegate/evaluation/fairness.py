"""How differently the groups of a column are decided about: demographic parity and equalised odds.

Source:
    As fairlearn 0.15 defines demographic_parity_difference and equalized_odds_difference; computed here, for
    two formulas need no package of their own. The tests hold them to its answers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidegate.features import Array
from tidegate.settings.gate_section import FairnessSection
from tidegate.training.gate import Check, known


@dataclass(frozen=True)
class Group:
    """Rows with one value of the sensitive column. Rates are NaN where nobody is in the denominator."""

    value: str
    rows: int
    selected: float  # share decided for 1
    true_positive_rate: float
    false_positive_rate: float

    def to_json(self) -> dict[str, Any]:
        return {
            name: known(value) if isinstance(value, float) else value for name, value in asdict(self).items()
        }


@dataclass(frozen=True)
class Fairness:
    """Largest differences between groups, in [0, 1]; `groups` in order of size."""

    column: str
    groups: tuple[Group, ...]
    left_out: int  # groups with fewer rows than are compared

    @property
    def demographic_parity(self) -> float:
        return _spread([group.selected for group in self.groups])

    @property
    def equalized_odds(self) -> float:
        positive = _spread([group.true_positive_rate for group in self.groups])
        return max(positive, _spread([group.false_positive_rate for group in self.groups]))

    def to_json(self) -> dict[str, Any]:
        return {
            "column": self.column,
            "demographic_parity": self.demographic_parity,
            "equalized_odds": self.equalized_odds,
            "groups": [group.to_json() for group in self.groups],
            "groups_left_out": self.left_out,
        }


def fairness(
    section: FairnessSection,
    columns: Mapping[str, Array],
    labels: NDArray[Any],
    decisions: NDArray[np.bool_],
) -> Fairness:
    """Rates of each group with at least `minimum_rows`; missing values are a group."""
    column = columns[section.sensitive]
    if column.dtype == object:
        texts = np.array(["missing" if value is None else str(value) for value in column])
    else:
        texts = np.array([f"{value:g}" for value in column.astype(np.float64)])
    values, counts = np.unique(texts, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    large = [values[i] for i in order if counts[i] >= section.minimum_rows]
    groups = tuple(_group(str(value), texts == value, labels == 1, decisions) for value in large)
    return Fairness(section.sensitive, groups, len(values) - len(large))


def checks(section: FairnessSection, found: Fairness) -> Iterator[Check]:
    for name, limit in (
        ("demographic_parity", section.demographic_parity),
        ("equalized_odds", section.equalized_odds),
    ):
        if limit is not None:
            value: float = getattr(found, name)
            yield Check(
                name=name,
                passed=value <= limit,
                value=value,
                limit=limit,
                sentence=f"{name.replace('_', ' ')} of {len(found.groups)} groups of `{found.column}` "
                f"differs by {value:.4f}: at most {limit:.4f}",
            )


def _group(
    value: str, rows: NDArray[np.bool_], positive: NDArray[np.bool_], decisions: NDArray[np.bool_]
) -> Group:
    return Group(
        value,
        int(rows.sum()),
        _share(decisions[rows]),
        _share(decisions[rows & positive]),
        _share(decisions[rows & ~positive]),
    )


def _share(decisions: NDArray[np.bool_]) -> float:
    return float(decisions.mean()) if decisions.size else float("nan")


def _spread(rates: list[float]) -> float:
    there = [rate for rate in rates if np.isfinite(rate)]
    return max(there) - min(there) if there else 0.0
