"""Whether probabilities mean what they say: of a hundred rows told 0.3, about 30 should be ones."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from tidegate.evaluation.resampling import Draws, Floats, Interval, interval
from tidegate.training.gate import Check

BINS = 10


@dataclass(frozen=True)
class Bin:
    """Rows of about equal number with neighbouring probabilities."""

    rows: int
    predicted: float  # mean probability
    observed: float  # share of rows that were right


@dataclass(frozen=True)
class Reliability:
    """The expected calibration error: the bins' gaps between told and seen, weighted by rows; in [0, 1]."""

    bins: tuple[Bin, ...]
    error: Interval

    def to_json(self) -> dict[str, Any]:
        return {
            "expected_calibration_error": self.error.to_json(),
            "bins": [asdict(each) for each in self.bins],
        }


def top_label(task: str, labels: np.ndarray[Any, Any], predictions: Floats) -> tuple[Floats, Floats] | None:
    """What is told and whether it came, each of shape (n,); None for numbers.

    Of two classes that is P(1) and the label; of more, the probability of the answer and whether it is right.
    """
    if task == "regression":
        return None
    if task == "binary":
        return predictions, labels.astype(np.float64)
    return predictions.max(axis=1), (predictions.argmax(axis=1) == labels).astype(np.float64)


def bins_of(told: Floats, bins: int = BINS) -> np.ndarray[Any, np.dtype[np.intp]]:
    """The bin of each row by quantiles of what was told: about equal masses, ties together."""
    edges = np.unique(np.quantile(told, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, told, side="left").astype(np.intp)


def reliability(told: Floats, came: Floats, draws: Draws) -> tuple[Reliability, Floats]:
    """The table with its error, and that error in each draw, of the same bins."""
    bins = bins_of(told)
    used = np.unique(bins)
    gaps = np.column_stack([draws.days.sums((came - told) * (bins == each)) for each in used])
    drawn = np.abs(draws.counts @ gaps).sum(axis=1) / draws.totals(np.ones(told.size))
    value = float(np.abs(gaps.sum(axis=0)).sum() / told.size)
    table = tuple(
        Bin(int(rows.sum()), float(told[rows].mean()), float(came[rows].mean()))
        for rows in (bins == each for each in used)
    )
    return Reliability(table, interval(value, drawn, draws.days.count)), drawn


def checks(candidate: Reliability, champion: Reliability, worse: Interval, margin: float) -> Iterator[Check]:
    """Not less calibrated than the champion by more than `margin`, beyond what other days would show.

    Args:
        worse: candidate's error minus the champion's, on identical draws.
    """
    yield Check(
        name="calibration",
        passed=not (worse.value > margin and worse.low > 0),
        value=worse.value,
        limit=margin,
        sentence=f"calibration error {candidate.error.value:.4f} against the champion's "
        f"{champion.error.value:.4f}: may be {margin:.4f} more, beyond doubt "
        f"[{worse.low:+.4f}, {worse.high:+.4f}]",
    )
