"""What stands on both sides of a fold: moments within the gap, labels not yet known, groups, whole rows."""

import functools
import itertools
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tidegate.leaks.sample import ROWS, Finding, Sample
from tidegate.training.splits import Fold

Hashes = NDArray[np.uint64]

COPIES_LIMIT = 0.005  # share of validation rows that may be copies of rows learnt from
FEWEST_COPIES = 20
COPIED_PAIRS = 0.5  # share of all pairs that must be beyond chance: dependent columns match together, too
SIGMAS = 5.0  # of the chance's own error
DIFFERING = 0.03  # share of copies whose label may differ: somebody corrected it
MOST_COLUMNS = 10


def time(sample: Sample) -> Iterator[Finding]:
    """Rows learnt from that lie after, in or within the gap of the rows validated on."""
    if sample.gap_seconds is None:
        return
    rows = sample.rows
    near = late = 0
    for learn, validate in sample.folds:
        start = rows.moments[validate].min()
        near += int((rows.moments[learn] > start - sample.gap_seconds).sum())
        late += int((~(rows.known[learn] <= start)).sum())
    if near:
        yield Finding(
            "time",
            ROWS,
            f"{near} rows learnt from are less than the gap of {sample.gap_seconds / 3600:g} hours older "
            "than the rows validated on",
            "give `training.split` = time its gap, or look at what made these folds",
        )
    if late:
        yield Finding(
            "time",
            ROWS,
            f"the labels of {late} rows learnt from were not known when the rows validated on began",
            "raise `training.gap_hours` above the label's delay",
        )


def group(sample: Sample) -> Iterator[Finding]:
    """Groups on both sides, where the split is to keep them apart."""
    groups = sample.rows.groups
    if groups is None:
        return
    both = max((np.intersect1d(groups[f.learn], groups[f.validate]).size for f in sample.folds), default=0)
    if both:
        yield Finding(
            "group",
            ROWS,
            f"{both} groups stand on both sides of a fold",
            "use `training.split` group or group-time",
        )


class Copies(NamedTuple):
    """Rows with all features alike on both sides, pairs of them, and how many more than chance gives."""

    rows: int
    pairs: int
    beyond_chance: float


def duplicates(sample: Sample) -> Iterator[Finding]:
    """Identical features and label on both sides, more than chance gives.

    Chance is known from nearly identical rows: with n01 pairs that differ in column a alone, n10 in b alone
    and n00 in both, columns that match independently would match in n01 n10 / n00 pairs; copies come on top,
    whichever two columns are taken. The two that explain the most are believed.
    """
    words = _words(sample)
    if not words:
        return
    for fold in sample.folds:
        copies = _copies(words, sample, fold)
        if copies:
            yield Finding(
                "duplicate",
                ROWS,
                f"{copies.rows} of {fold.validate.size} rows validated on have a twin among the rows learnt "
                f"from: {copies.pairs} pairs, by chance {copies.pairs - copies.beyond_chance:.0f}",
                "deliver each row once, or split by its entity: `training.split` = group-time",
            )
            return


def _words(sample: Sample) -> list[Hashes]:
    """A word for each row and column; the sum of a row's words tells rows apart."""
    draw = np.random.default_rng(0)  # fixed: only has to scatter
    words = []
    for codes in sample.codes.values():
        table = draw.integers(0, 2**64, size=int(codes.max(initial=0)) + 2, dtype=np.uint64)
        words.append(table[codes + 1])
    return words


def _copies(words: list[Hashes], sample: Sample, fold: Fold) -> Copies | None:
    whole: Hashes = functools.reduce(np.add, words)
    labels = np.unique(sample.rows.labels, return_inverse=True)[1]
    per_row = _matches(whole[fold.learn], whole[fold.validate])
    rows, pairs = int((per_row > 0).sum()), int(per_row.sum())
    enough = max(FEWEST_COPIES, COPIES_LIMIT * fold.validate.size)
    if rows < enough:
        return None
    labelled = whole + labels.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    differing = pairs - _pairs(labelled, fold)
    by_values = sorted(range(len(words)), key=lambda j: -int(np.unique(words[j]).size))[:MOST_COLUMNS]
    without = {
        j: int(_matches((whole - words[j])[fold.learn], (whole - words[j])[fold.validate]).sum())
        for j in by_values
    }
    beyond = float(pairs)
    for a, b in itertools.combinations(by_values, 2):
        rest = whole - words[a] - words[b]
        n01, n10 = without[a] - pairs, without[b] - pairs
        n00 = _pairs(rest, fold) - pairs - n01 - n10
        chance = n01 * n10 / max(n00, 1)
        error = math.sqrt(pairs + chance**2 * (1 / max(n01, 1) + 1 / max(n10, 1) + 1 / max(n00, 1)))
        beyond = min(beyond, pairs - chance)
        enough = max(enough, COPIED_PAIRS * pairs, SIGMAS * error)
        if beyond < enough:
            return None
    chance = pairs - beyond
    if differing > chance + DIFFERING * beyond:
        return None
    return Copies(rows, pairs, beyond)


def _pairs(hashes: Hashes, fold: Fold) -> int:
    return int(_matches(hashes[fold.learn], hashes[fold.validate]).sum())


def _matches(learn: Hashes, validate: Hashes) -> NDArray[np.intp]:
    """How many of `learn` equal each of `validate`."""
    ordered = np.sort(learn)
    found = np.searchsorted(ordered, validate, "right") - np.searchsorted(ordered, validate, "left")
    return np.asarray(found, dtype=np.intp)
