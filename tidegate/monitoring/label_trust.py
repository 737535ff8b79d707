"""Whether told outcomes may be believed: against one another, and against what the champion was trained on.

Pure. Who tells outcomes can move the measured quality, and with it what is trained and promoted. So a feed is
suspicious when it contradicts itself often, or when its outcomes are distributed unlike those of training in
a way that the champion's own answers to the same rows do not show. A storm moves both; a broken or poisoned
feed moves the outcomes alone. So does a world in which answers no longer mean what they did: which of the two
it is a person has to say.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from tidegate.monitoring.ground_truth import Labelled, Truths
from tidegate.monitoring.quality import arrays
from tidegate.profile import BASELINE_RANKS, Profile, profile_batches
from tidegate.statistics.distances import psi
from tidegate.statistics.drift import drift
from tidegate.training.task import Task

COLUMN = "label"  # of the profile
CONTRADICTED_SHARE = 0.05  # of the ids told of
FEWEST_CONTRADICTED = 10
Status = Literal["trusted", "suspicious", "insufficient"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """`psi` in nats beyond sampling noise, significant below `p_value`, of at least `minimum_rows` labels."""

    psi: float
    p_value: float
    minimum_rows: int


@dataclass(frozen=True, kw_only=True)
class Shift:
    """How some outcomes are distributed."""

    rows: int
    status: Status
    from_training: float | None = None  # PSI of the outcomes against those of training, beyond noise
    from_answers: float | None = None  # the same against what the answers to these rows expect


@dataclass(frozen=True, kw_only=True)
class Trust:
    status: Status
    reasons: tuple[str, ...] = ()
    shift: Shift  # of all of the champion's labelled predictions
    windows: dict[str, Shift] = field(default_factory=dict)  # by run, where there are labels enough

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def profile(task: Task, outcomes: Sequence[Any]) -> Profile:
    """Of outcomes as ground truth has them: 0 and 1, names of classes, or numbers."""
    if task.name == "regression":
        values = pa.array(outcomes, pa.float64())
    else:
        names = outcomes if task.name == "multiclass" else [str(int(each)) for each in outcomes]
        values = pa.array(names, pa.string())
    return profile_batches([pa.RecordBatch.from_pydict({COLUMN: values})], ranks=BASELINE_RANKS)


def trust(
    task: Task,
    training: Profile | None,
    truths: Truths,
    *,
    own: Sequence[Labelled],
    windows: Sequence[tuple[str, Sequence[Labelled]]],
    limits: Limits,
) -> Trust:
    """What these outcomes deserve.

    Args:
        training: `profile` of the labels that trained the champion; None when nobody kept it.
        own: the champion's labelled predictions.
        windows: run and the champion's labelled predictions of it.
    """
    reasons = []
    contradicted = len(truths.contradicted)
    share = contradicted / max(1, contradicted + len(truths.by_id))
    if contradicted >= FEWEST_CONTRADICTED and share > CONTRADICTED_SHARE:
        reasons.append(f"{contradicted} ids, {share:.1%} of those told of, were told two outcomes")
    whole = _shift(task, training, own, limits)
    shifts = {run: _shift(task, training, rows, limits) for run, rows in windows}
    moved = [run for run, shift in shifts.items() if shift.status == "suspicious"]
    if whole.status == "suspicious":
        reasons.append(_complaint("all windows", whole))
    reasons += [_complaint(f"window {run}", shifts[run]) for run in moved[-3:]]
    status: Status = "suspicious" if reasons else whole.status
    known = {run: shift for run, shift in shifts.items() if shift.status != "insufficient"}
    return Trust(status=status, reasons=tuple(reasons), shift=whole, windows=known)


def _complaint(where: str, shift: Shift) -> str:
    return (
        f"outcomes of {where} are distributed unlike training (PSI {shift.from_training:.2f}), "
        f"and the answers do not show why (PSI {shift.from_answers:.2f} against them)"
    )


def _shift(task: Task, training: Profile | None, labelled: Sequence[Labelled], limits: Limits) -> Shift:
    known = [each for each in labelled if task.name != "multiclass" or each.outcome in task.classes]
    if training is None or len(known) < limits.minimum_rows:
        return Shift(rows=len(known), status="insufficient")
    found = profile(task, [each.outcome for each in known])
    [moved] = drift(training, found, alarm=limits.psi, q=limits.p_value, minimum_rows=limits.minimum_rows)
    if moved.status in ("insufficient", "not comparable"):
        return Shift(rows=len(known), status="insufficient")
    apart = _from_answers(task, known, training.columns[COLUMN].standard_deviation)
    unlike = moved.status == "alarm" and apart >= limits.psi
    return Shift(
        rows=len(known),
        status="suspicious" if unlike else "trusted",
        from_training=moved.effect,
        from_answers=apart,
    )


def _from_answers(task: Task, labelled: Sequence[Labelled], deviation: float) -> float:
    """PSI of outcomes against what the answers expect of them.

    Of numbers a mean is expected and no distribution: then it is the PSI of a normal distribution, as wide as
    training's labels, whose mean moved as far, which is the square of the standardised shift.
    """
    labels, predictions = arrays(task, labelled)
    if task.name == "regression":
        return float(((labels.mean() - predictions.mean()) / deviation) ** 2) if deviation else 0.0
    if task.name == "binary":
        predictions = np.column_stack([1 - predictions, predictions])
    seen = np.bincount(labels, minlength=predictions.shape[1]).astype(np.float64)
    _, effect, _ = psi(predictions.sum(axis=0), seen)
    return effect
