"""All checks over one sample, what a person vouches for set aside, and the error that stops a run."""

from collections.abc import Sequence
from typing import Any

from tidegate.config import TrustedColumn
from tidegate.errors import LeakDetectedError
from tidegate.leaks import fitted, future, sides, target
from tidegate.leaks.sample import ROWS, Finding, Sample

MOST_ROWS = 20_000  # that a column is judged by; the sides of folds are looked at whole
SHOWN = 3  # findings in the error: SageMaker takes 1,024 characters
FEWEST_ROWS = 200  # below it nothing can be told from chance


def find(sample: Sample) -> list[Finding]:
    """Every leak, the first of each column."""
    found = [*sides.time(sample), *sides.group(sample), *sides.duplicates(sample)]
    whole = sample.rows.labels
    if whole.size >= FEWEST_ROWS and 0 < whole.sum() < whole.size:
        thin = sample.thinned(MOST_ROWS)
        checks = (target.alone, target.one_value, future.tells_when, fitted.fitted, future.follows)
        told: dict[str, Finding] = {}
        for check in checks:
            for finding in check(sample if check in (fitted.fitted, future.follows) else thin):
                told.setdefault(finding.column, finding)
        found += told.values()
    return found


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
