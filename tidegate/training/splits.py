"""Folds of labelled rows: learn from some, validate on others that share neither time nor group with them.

By time is the default and the only honest answer to "how well will it do next month": windows expand, and
between learning and validating lies a gap that covers the delay of labels. Feature windows need no gap of
their own: they look back from each row's moment, in training as in production.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.settings.config import TrainingSection

Rows = NDArray[np.intp]
Seconds = NDArray[np.float64]
Codes = NDArray[np.intp]

COVERED = 0.99  # share of labels that the gap must outlast; the few later ones are left out row by row
ORDERED = ("time", "group-time")  # splits whose folds learn from the past only


class Fold(NamedTuple):
    """Positions of the rows."""

    learn: Rows
    validate: Rows


@dataclass(frozen=True)
class Timeline:
    """What decides on which side a row may stand. Members of shape (n,), in any order.

    `known` is when the label became known, in seconds as `moments`; NaN where nobody knows.
    """

    moments: Seconds
    known: Seconds
    labels: NDArray[Any]  # as tidegate.task has them
    groups: Codes | None = None

    def of(self, rows: Rows) -> "Timeline":
        groups = None if self.groups is None else self.groups[rows]
        return Timeline(self.moments[rows], self.known[rows], self.labels[rows], groups)


def folds(training: TrainingSection, rows: Timeline, gap_seconds: float) -> list[Fold]:
    """The folds of `training.split`; those with an empty side are left out.

    Args:
        gap_seconds: of `gap`; used by the splits in order of time only.
    """
    if training.split == "stratified":
        made = stratified(rows.labels, training.folds, training.seed)
    elif training.split == "time" or rows.groups is None:
        made = expanding(rows.moments, training.folds, gap_seconds, known=rows.known)
    elif training.split == "group":
        made = grouped(rows.groups, training.folds)
    else:
        made = grouped_expanding(rows.moments, rows.groups, training.folds, gap_seconds, known=rows.known)
    return [fold for fold in made if fold.learn.size and fold.validate.size]


def gap(configured_seconds: float, delays: Seconds) -> float:
    """The configured gap, or what 99 % of the labels took to become known where that is longer.

    Raised, not refused: how late labels are is seen in the data only, a longer gap is never wrong, and a
    retraining at night must not end because labels came an hour later than last month. The one row whose
    label took a year does not set it for all: a fold leaves out each row whose label was unknown by then.
    """
    delays = delays[np.isfinite(delays)]
    if not delays.size:
        return configured_seconds
    return max(configured_seconds, float(np.quantile(delays, COVERED, method="inverted_cdf")))


def expanding(
    moments: Seconds, folds: int, gap_seconds: float, *, known: Seconds | None = None
) -> Iterator[Fold]:
    """Fold after fold, in order of time.

    The rows in order of time are cut into folds + 1 equal blocks; fold k validates on block k + 1 and learns
    from the rows before it that are at least `gap_seconds` older than its first and whose label was known by
    then. Folds with an empty side are left out.

    Args:
        moments: shape (n,), seconds, in any order.
        known: when each label became known; without it, at once. NaN counts as never.
    """
    order = np.argsort(moments, kind="stable")
    blocks = np.array_split(order, folds + 1)
    for k in range(1, folds + 1):
        validation = blocks[k]
        if validation.size == 0:
            continue
        before, start = np.concatenate(blocks[:k]), moments[validation[0]]
        training = before[moments[before] <= start - gap_seconds]
        if known is not None:
            training = training[known[training] <= start]
        if training.size:
            yield Fold(training, validation)


def grouped(groups: Codes, folds: int) -> Iterator[Fold]:
    """Each group validates once and is never on both sides; times are mixed."""
    part = _parts(groups, folds)
    for k in range(folds):
        yield Fold(np.flatnonzero(part != k), np.flatnonzero(part == k))


def grouped_expanding(
    moments: Seconds, groups: Codes, folds: int, gap_seconds: float, *, known: Seconds | None = None
) -> Iterator[Fold]:
    """Both at once: in fold k the k-th part of the groups validates, the others' past is learnt from."""
    part = _parts(groups, folds)
    blocks = np.array_split(np.argsort(moments, kind="stable"), folds + 1)
    start_of = [moments[block[0]] if block.size else np.inf for block in blocks]
    for k in range(1, folds + 1):
        mine = part == k - 1
        old = (moments <= start_of[k] - gap_seconds) & ~mine
        if known is not None:
            old &= known <= start_of[k]
        yield Fold(np.flatnonzero(old), blocks[k][mine[blocks[k]]])


def stratified(labels: NDArray[Any], folds: int, seed: int) -> Iterator[Fold]:
    """Rows at random, each class dealt evenly to the folds."""
    draw = np.random.default_rng(seed)
    part = np.empty(labels.size, dtype=np.intp)
    dealt = 0
    for label in np.unique(labels):
        members = draw.permutation(np.flatnonzero(labels == label))
        part[members] = (np.arange(members.size) + dealt) % folds  # goes on where the class before it ended
        dealt += members.size
    for k in range(folds):
        yield Fold(np.flatnonzero(part != k), np.flatnonzero(part == k))


def _parts(groups: Codes, folds: int) -> Codes:
    """The part of each row: whole groups, the largest first, each to the part with the fewest rows."""
    names, inverse, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    part_of, filled = np.empty(names.size, dtype=np.intp), np.zeros(folds)
    for group in np.argsort(-sizes, kind="stable"):
        part_of[group] = np.argmin(filled)
        filled[part_of[group]] += sizes[group]
    return part_of[inverse]
