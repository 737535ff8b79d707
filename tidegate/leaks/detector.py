"""All checks over one sample, what a person vouches for set aside, and the error that stops a run."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tidegate.errors import LeakDetectedError
from tidegate.leaks import fitted, future, sides, target
from tidegate.leaks.sample import ROWS, Finding, Sample
from tidegate.settings.config import TrustedColumn
from tidegate.training.metrics import Labels
from tidegate.training.task import Task

MOST_ROWS = 20_000  # that a column is judged by; the sides of folds are looked at whole
SHOWN = 3  # findings in the error: SageMaker takes 1,024 characters
FEWEST_ROWS = 200  # below it nothing can be told from chance
MOST_CLASSES = 5  # that are told from the others, the commonest
BINARY = Task("binary")


def find(sample: Sample, task: Task = BINARY) -> list[Finding]:
    """Every leak, the first of each column.

    Of several classes each of the commonest is told from all others; numbers are told above their median,
    where honest columns may be nearly certain (the value of yesterday) and one value may well decide (a shop
    that is closed).
    """
    found = [*sides.time(sample), *sides.group(sample), *sides.duplicates(sample)]
    told: dict[str, Finding] = {}
    for outcome in _outcomes(sample.rows.labels, task):
        if outcome.size >= FEWEST_ROWS and 0 < outcome.sum() < outcome.size:
            whole = replace(sample, rows=replace(sample.rows, labels=outcome))
            thin = whole.thinned(MOST_ROWS)
            for finding in _of_columns(whole, thin, number=task.name == "regression"):
                told.setdefault(finding.column, finding)
    return [*found, *told.values()]


def _of_columns(whole: Sample, thin: Sample, *, number: bool) -> Iterator[Finding]:
    yield from target.alone(thin, target.NUMBER if number else target.CLASS)
    if not number:
        yield from target.one_value(thin)
    yield from future.tells_when(thin)
    yield from fitted.fitted(whole)
    yield from future.follows(whole)


def _outcomes(labels: Labels, task: Task) -> list[Labels]:
    """What a column may tell, as labels of 0 and 1."""
    if task.name == "binary":
        return [labels]
    if task.name == "regression":
        return [(labels > np.median(labels)).astype(np.int8)]
    rows = np.bincount(labels, minlength=len(task.classes))
    commonest = np.argsort(-rows, kind="stable")[:MOST_CLASSES]
    return [(labels == code).astype(np.int8) for code in commonest]


def refuse(found: Sequence[Finding], trusted: Sequence[TrustedColumn]) -> list[dict[str, Any]]:
    """What a person vouches for, each with its reason and what was found against it, as facts of the model.

    Trusting `*` excuses rows that occur twice; moments and groups on both sides are never excused.

    Raises:
        LeakDetectedError: something was found that nobody vouches for.
    """
    names = {each.column for each in trusted}
    left = [f for f in found if f.column not in names or (f.column == ROWS and f.kind != "duplicate")]
    if left:
        more = f"; and {len(left) - SHOWN} more" if len(left) > SHOWN else ""
        raise LeakDetectedError(
            f"{', '.join(dict.fromkeys(f.kind for f in left))} leak in "
            + ", ".join(dict.fromkeys(f"`{f.column}`" if f.column != ROWS else "the rows" for f in left[:8])),
            cause="; ".join(f.evidence for f in left[:SHOWN]) + more,
            hint="; ".join(dict.fromkeys(f.hint for f in left[:SHOWN])),
        )
    return [
        {
            "column": each.column,
            "reason": each.reason,
            "found": [f.to_json() for f in found if f.column == each.column],
        }
        for each in trusted
    ]
