"""What came of a prediction, as callers tell it and as ground truth keeps it.

Pure standard library.
"""

import csv
import io
import math
from typing import Any

from tidegate.config import TaskName

Outcome = str | float
MAX_CLASS_CHARACTERS = 256


def problem(task: TaskName, outcome: Any) -> str | None:
    """What is wrong with an outcome of this task, or None."""
    if task == "multiclass":
        named = isinstance(outcome, str) and 0 < len(outcome) <= MAX_CLASS_CHARACTERS
        return None if named else f"must be the name of a class, 1-{MAX_CLASS_CHARACTERS} characters"
    number = isinstance(outcome, int | float) and not isinstance(outcome, bool)
    if task == "binary":
        return None if number and outcome in (0, 1) else "must be 0 or 1"
    try:
        finite = number and math.isfinite(outcome)
    except OverflowError:  # a whole number beyond what a float can hold
        finite = False
    return None if finite else "must be a finite number"


def as_csv(task: TaskName, outcome: Outcome) -> str:
    """One CSV field, as SageMaker's ground truth has it; the same outcome is always the same text."""
    if task == "binary":
        return str(int(outcome))
    if task == "regression":
        return repr(float(outcome))
    field = io.StringIO()
    csv.writer(field, lineterminator="").writerow([outcome])
    return field.getvalue()


def of_csv(task: TaskName, text: str) -> Outcome:
    """The outcome that `as_csv` wrote, or another writer of SageMaker's ground truth.

    Raises:
        ValueError: it is none of this task.
    """
    fields = list(csv.reader([text]))
    if len(fields) != 1 or len(fields[0]) != 1:
        raise ValueError("an outcome is one CSV field")
    outcome: Outcome = fields[0][0] if task == "multiclass" else float(fields[0][0])
    if mistake := problem(task, outcome):
        raise ValueError(f"an outcome {mistake}")
    return outcome
